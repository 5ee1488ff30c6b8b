// Short tones that say what words would say too late: listening, heard, taken, still working. Made here, no file.

const TONES = {
  listening: [[660, 0], [880, 0.09]],
  heard: [[880, 0], [660, 0.09]],
  taken: [[1320, 0]],
  working: [[440, 0]],
};
const SECONDS = 0.08;

let context;

/** `volume`: 0..1. A browser that may not make sound yet makes none. */
export function tone(name, volume = 1) {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
  for (const [hertz, after] of TONES[name]) {
    const begin = context.currentTime + after;
    const source = new OscillatorNode(context, { frequency: hertz });
    const loudness = new GainNode(context, { gain: 0 });
    loudness.gain.setValueAtTime(0, begin);
    loudness.gain.linearRampToValueAtTime(0.2 * volume, begin + 0.01);
    loudness.gain.linearRampToValueAtTime(0, begin + SECONDS);
    source.connect(loudness).connect(context.destination);
    source.start(begin);
    source.stop(begin + SECONDS);
  }
}
