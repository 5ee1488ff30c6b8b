// One question, recorded by the microphone of this browser. The microphone is released as soon as it is recorded.

import { pause } from "./announce.js";
import { Trouble } from "./server.js";

const REFUSED = "The browser does not let me use the microphone. Allow it for this page, or type your question.";
const MISSING = "I find no microphone here. Connect one, or type your question.";
const BUSY = "The microphone does not work now. Close other programs that use it, or type your question.";
const INSECURE = "At this address the browser gives no microphone. Open this page over https, or on the device itself, or type your question.";

const TAIL = 200; // ms that are recorded after the end: people let go of a key with their last sound

export class Recorder {
  /** Resolves when recording has begun; false if it was cancelled before. */
  async start() {
    const turn = (this.turn = {});
    if (!navigator.mediaDevices?.getUserMedia) throw new Trouble("device", INSECURE);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch (error) {
      throw new Trouble("device", { NotAllowedError: REFUSED, NotFoundError: MISSING }[error.name] ?? BUSY);
    }
    if (this.turn !== turn) {
      release(stream);
      return false;
    }
    this.parts = [];
    this.recorder = new MediaRecorder(stream);
    this.recorder.addEventListener("dataavailable", (event) => this.parts.push(event.data));
    this.recorder.start();
    return true;
  }

  /** The recording as a Blob, in whatever format this browser records. */
  async finish() {
    const recorder = this.recorder;
    await pause(TAIL);
    const stopped = new Promise((done) => recorder.addEventListener("stop", done, { once: true }));
    if (recorder.state !== "inactive") {
      recorder.stop();
      await stopped;
    }
    this.cancel();
    return new Blob(this.parts, { type: recorder.mimeType });
  }

  cancel() {
    this.turn = null;
    if (!this.recorder) return;
    if (this.recorder.state !== "inactive") this.recorder.stop();
    release(this.recorder.stream);
    this.recorder = null;
  }
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}
