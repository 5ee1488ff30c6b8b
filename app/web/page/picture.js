// The picture that is asked about: chosen, pasted, dropped or taken; shown, and sent ahead of the question.

import * as server from "./server.js";

const LARGEST = 25_000_000; // bytes: what the server takes
const NO_PICTURE = "That is no picture. Choose a photo, or a PDF document.";
const TOO_LARGE = "That picture is too large. Choose one of at most 25 megabytes.";
const NOTE = document.getElementById("picture-note");
const NONE = NOTE.textContent;
const PAGES = document.getElementById("pages");
const BEFORE = document.getElementById("page-before");
const AFTER = document.getElementById("page-after");

export class Picture {
  /** `preview`: the img that shows it. */
  constructor(preview) {
    this.preview = preview;
    this.sent = Promise.resolve();
    this.shown = null; // {blob, name, page} of a document
    preview.addEventListener("error", () => (preview.hidden = true)); // not every browser shows what the server reads
  }

  /** What the server sees in it, as /api/picture says; null if another one came meanwhile. Throws a Trouble. */
  async take(blob, name, page = 1) {
    if (!acceptable(blob)) throw new server.Trouble("picture", NO_PICTURE);
    if (blob.size > LARGEST) throw new server.Trouble("picture", TOO_LARGE);
    this.clear();
    const turn = (this.turn = new AbortController());
    this.preview.src = URL.createObjectURL(blob);
    this.preview.alt = `Your picture: ${name}`;
    this.preview.hidden = false;
    NOTE.textContent = `${name}: looking at it …`;
    const answer = server.picture(blob, turn.signal, page);
    this.sent = answer.catch(() => {}); // whoever asks meanwhile waits for it; what went wrong is said here
    try {
      const seen = await answer;
      NOTE.textContent = `${name}: ${found(seen)}`;
      if (seen.pages > 1) this.leaf(blob, name, seen);
      return seen;
    } catch (error) {
      if (turn.signal.aborted) return null;
      this.clear();
      throw error;
    }
  }

  /** Offers the other pages of a document. */
  leaf(blob, name, seen) {
    this.shown = { blob, name, page: seen.page };
    PAGES.hidden = false;
    BEFORE.disabled = seen.page === 1;
    AFTER.disabled = seen.page === seen.pages;
  }

  clear() {
    this.shown = null;
    PAGES.hidden = true;
    this.turn?.abort();
    if (this.preview.src) URL.revokeObjectURL(this.preview.src);
    this.preview.removeAttribute("src");
    this.preview.hidden = true;
    NOTE.textContent = NONE;
  }
}

/** Calls `take(file)` for what is pasted or dropped anywhere on the page. Text goes where it always goes. */
export function receive(take) {
  addEventListener("paste", (event) => {
    const file = image(event.clipboardData);
    if (!file) return;
    event.preventDefault();
    take(file);
  });
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    const file = event.dataTransfer.files[0];
    if (!file) return;
    event.preventDefault();
    take(file);
  });
}

function image(data) {
  return [...(data?.files ?? [])].find((file) => file.type && acceptable(file));
}

function acceptable(blob) {
  return !blob.type || blob.type.startsWith("image/") || blob.type === "application/pdf";
}

/** What was found, and on which page of a document. */
export function found(seen) {
  const what = seen.spoken || lines(seen.lines);
  return seen.pages > 1 ? `Page ${seen.page} of ${seen.pages}, ${what}` : what;
}

export function lines(count) {
  if (count === 0) return "no text found.";
  return count === 1 ? "one line of text." : `${count} lines of text.`;
}
