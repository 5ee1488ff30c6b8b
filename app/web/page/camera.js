// The camera of this browser, with directions: small frames go to the server two or three times a second until it says that
// one is good; then that moment is taken in full size.

import { pause } from "./announce.js";
import * as server from "./server.js";

const REFUSED = "The browser does not let me use the camera. Allow it for this page, or choose a picture.";
const MISSING = "I find no camera here. Connect one, or choose a picture.";
const BUSY = "The camera does not work now. Close other programs that use it, or choose a picture.";
const INSECURE = "At this address the browser gives no camera. Open this page over https, or on the device itself, or choose a picture.";

const EVERY = 400; // ms from frame to frame
const WIDTH = 640; // pixels of such a frame
const TRIES = 5; // frames in a row that may fail before directions are given up
const TAKE_BREATH = 2000; // ms after one that failed

export class Camera {
  /** `direct(words)`, `taken(blob)`, `failed(error)`. */
  constructor(video, { direct, taken, failed }) {
    Object.assign(this, { video, direct, taken, failed });
    this.stream = null;
  }

  get on() {
    return this.stream !== null;
  }

  /** false if it was switched off before it was on. */
  async start() {
    const turn = (this.turn = new AbortController());
    if (!navigator.mediaDevices?.getUserMedia) throw new server.Trouble("device", INSECURE);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1080 } },
      });
    } catch (error) {
      throw new server.Trouble("device", { NotAllowedError: REFUSED, NotFoundError: MISSING }[error.name] ?? BUSY);
    }
    if (turn.signal.aborted) {
      release(stream);
      return false;
    }
    this.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      this.stop();
      this.failed(new server.Trouble("device", MISSING));
    });
    this.video.srcObject = stream;
    await this.video.play();
    this.#guide(turn.signal);
    return true;
  }

  stop() {
    this.turn?.abort();
    if (!this.stream) return;
    release(this.stream);
    this.stream = this.video.srcObject = null;
  }

  /** Now, whatever the directions say. */
  async take() {
    const frame = this.#frame();
    this.stop();
    this.taken(await jpeg(frame, 0.92));
  }

  async #guide(signal) {
    let failures = 0;
    for (let restart = true; !signal.aborted; restart = false) {
      const begun = performance.now();
      const frame = this.#frame();
      try {
        const { words, capture } = await server.guide(await jpeg(smaller(frame), 0.8), restart, signal);
        if (signal.aborted) return;
        failures = 0;
        if (capture) {
          this.stop();
          this.taken(await jpeg(frame, 0.92), words);
          return;
        }
        if (words) this.direct(words);
      } catch (error) {
        if (signal.aborted) return;
        if (++failures === TRIES) {
          this.failed(error);
          return;
        }
        await pause(TAKE_BREATH);
      }
      await pause(Math.max(EVERY - (performance.now() - begun), 0));
    }
  }

  #frame() {
    return drawn(this.video, this.video.videoWidth, this.video.videoHeight);
  }
}

function smaller(frame) {
  const scale = Math.min(1, WIDTH / frame.width);
  return drawn(frame, Math.round(frame.width * scale), Math.round(frame.height * scale));
}

function drawn(source, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(source, 0, 0, width, height);
  return canvas;
}

function jpeg(canvas, quality) {
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new server.Trouble("device", BUSY))), "image/jpeg", quality),
  );
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}
