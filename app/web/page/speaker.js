// Speaks the sentences of an answer one by one, in this browser or on the device; the next clip is made while one plays.
// What is to be said, and whether, is decided in page.js.

import { preferences } from "./preferences.js";
import * as server from "./server.js";

const CANNOT_PLAY = "This browser does not play sound now. Press a button, such as Repeat, and it will.";

export class Speaker {
  /** `changed()` after every step; `failed(error)` when a sentence could not be said. */
  constructor(changed, failed) {
    this.changed = changed;
    this.failed = failed;
    this.audio = new Audio();
    this.beside = new Audio();
    this.remarks = new Map();
    this.sentences = [];
    this.clips = [];
    this.at = 0;
    this.speaking = false;
    this.paused = false;
    this.complete = true;
    this.turn = new AbortController(); // of what is said now
    this.former = null; // what can be repeated after what passes
    this.passing = false;
    this.news = () => {};
  }

  /** A new answer, whose sentences come with `add`, the last one before `end`. `where` is "" for silence. */
  begin(where) {
    this.stop();
    this.former = { sentences: this.sentences, clips: this.clips };
    Object.assign(this, { sentences: [], clips: [], at: 0, complete: false });
    if (where) this.play(0, where);
  }

  /** What was begun is no answer: once said, the sentences before it are those that can be repeated. */
  pass() {
    this.passing = true;
    if (!this.speaking) this.#settle();
  }

  /** Forget all sentences. */
  clear() {
    this.stop();
    for (const clip of this.clips) clip?.then((made) => URL.revokeObjectURL(made.url), () => {});
    Object.assign(this, { sentences: [], clips: [], at: 0, former: null });
  }

  add(text) {
    this.sentences.push(text);
    if (this.speaking && this.where === "browser" && this.sentences.length - 1 === this.at + 1) this.#clip(this.at + 1);
    this.news();
  }

  end() {
    this.complete = true;
    this.news();
  }

  /** From sentence `from` on. */
  async play(from, where = this.where) {
    this.#hush();
    this.#settle();
    const turn = (this.turn = new AbortController());
    Object.assign(this, { at: from, where, speaking: true, paused: false });
    for (; ; this.at++) {
      while (this.at >= this.sentences.length && !this.complete) {
        await new Promise((done) => (this.news = done));
        if (turn.signal.aborted) return;
      }
      if (this.at >= this.sentences.length) break;
      this.changed();
      try {
        await (where === "device" ? this.#onDevice(turn.signal) : this.#here(turn.signal));
      } catch (error) {
        if (turn.signal.aborted) return;
        this.failed(error);
        break;
      }
      if (turn.signal.aborted) return;
    }
    this.at = Math.max(this.sentences.length - 1, 0);
    this.speaking = false;
    this.#settle();
    this.changed();
  }

  stop() {
    this.#hush();
    this.speaking = this.paused = false;
    this.#settle();
    this.changed();
  }

  pause() {
    if (!this.speaking || this.paused) return;
    this.paused = true;
    if (this.where === "device") this.#hush();
    else this.audio.pause();
    this.changed();
  }

  resume() {
    if (!this.paused) return;
    this.paused = false;
    if (this.where === "device") this.play(this.at);
    else if (this.audio.src && !this.audio.ended) this.#start(this.audio).catch(this.failed);
    this.changed();
  }

  /** For what is playing now too; clips that come are made with it. */
  quicken() {
    if (this.playing) this.audio.playbackRate = preferences.speed / this.playing.speed;
    this.audio.volume = this.beside.volume = preferences.volume;
  }

  /** Something short that is no answer: the sentences stay what they are. Resolves when it is said. */
  async remark(text, where) {
    if (where === "device") {
      await server.speech(text, preferences.speed, where);
      return;
    }
    const key = `${preferences.speed} ${text}`;
    if (!this.remarks.has(key)) this.remarks.set(key, URL.createObjectURL(await server.speech(text, preferences.speed, where)));
    this.beside.src = this.remarks.get(key);
    this.beside.volume = preferences.volume;
    await this.#start(this.beside);
    await new Promise((done) => {
      for (const event of ["ended", "pause", "error"]) this.beside.addEventListener(event, done, { once: true });
    });
  }

  async #here(signal) {
    const clip = await this.#clip(this.at);
    if (signal.aborted) return;
    this.playing = clip;
    this.audio.src = clip.url;
    this.quicken();
    const ended = new Promise((done, fail) => {
      this.audio.addEventListener("ended", done, { once: true, signal });
      this.audio.addEventListener("error", () => fail(new server.Trouble("device", CANNOT_PLAY)), { once: true, signal });
      signal.addEventListener("abort", done, { once: true });
    });
    if (!this.paused) await this.#start(this.audio);
    if (this.at + 1 < this.sentences.length) this.#clip(this.at + 1);
    await ended;
    this.playing = null;
  }

  async #onDevice(signal) {
    await server.speech(this.sentences[this.at], preferences.speed, "device", signal);
  }

  async #start(audio) {
    try {
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError") throw new server.Trouble("device", CANNOT_PLAY); // aborted: paused before it began
    }
  }

  /** Promise of the clip of sentence `number`; asked for once, unless it failed. */
  #clip(number) {
    const speed = preferences.speed;
    this.clips[number] ??= server
      .speech(this.sentences[number], speed, "browser")
      .then((blob) => ({ url: URL.createObjectURL(blob), speed }));
    const clips = this.clips;
    this.clips[number].catch(() => delete clips[number]);
    return this.clips[number];
  }

  #settle() {
    if (this.passing) Object.assign(this, this.former);
    if (this.passing) this.at = 0;
    this.passing = false;
  }

  /** Nothing is heard any more. */
  #hush() {
    if (this.speaking && !this.paused && this.where === "device") server.stop().catch(this.failed);
    this.turn.abort();
    this.audio.pause();
    this.beside.pause();
    this.playing = null;
  }
}
