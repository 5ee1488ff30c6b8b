// Questions and answers as headings and paragraphs, the newest first, so that the next heading after the question is its answer.

import { element } from "./announce.js";

const list = document.getElementById("conversation");

export class Entry {
  constructor(question) {
    this.article = document.createElement("article");
    this.answer = element("p", "", { className: "answer" });
    this.sentences = [];
    this.article.append(element("h3", question), this.answer);
    list.prepend(this.article);
  }

  add(text) {
    const sentence = element("span", text);
    this.answer.append(this.sentences.length ? " " : "", sentence);
    this.sentences.push(sentence);
  }

  /** What the answer rests on, for who wants to check: [{text, confidence}]. */
  finish(evidence) {
    if (!evidence?.length) return;
    const details = document.createElement("details");
    const read = document.createElement("ul");
    read.append(...evidence.map(({ text }) => element("li", text)));
    details.append(element("summary", "What I read for this"), read);
    this.article.append(details);
  }

  /** The sentence that is being heard; -1: none. */
  mark(number) {
    this.sentences.forEach((sentence, index) => sentence.classList.toggle("heard", index === number));
  }

  get text() {
    return this.sentences.map((sentence) => sentence.textContent).join(" ");
  }

  /** It may be out of sight on a small screen; nothing else moves, and no focus. */
  reveal() {
    this.article.scrollIntoView({ block: "nearest" });
  }

  remove() {
    this.article.remove();
  }
}

export function clear() {
  list.replaceChildren();
}
