// The button to ask by voice, and F2: held down while one speaks, or pressed once to begin and again to end.
// A screen reader's click, which has no down and up, counts as a press.

const HELD = 500; // ms: who lets go earlier has pressed, not held

export class TalkButton {
  /** `begin()`, `end()` of speaking. */
  constructor(button, begin, end) {
    this.button = button;
    this.begin = begin;
    this.end = end;
    this.on = false;

    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.down();
    });
    button.addEventListener("pointerup", () => this.up());
    button.addEventListener("pointercancel", () => this.up());
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is holding
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.down();
    });
    button.addEventListener("keyup", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      this.up();
    });
    button.addEventListener("blur", () => this.up());
    button.addEventListener("click", () => {
      if (this.pressed) this.pressed = false;
      else this.press();
    });
  }

  down() {
    this.pressed = true;
    this.since = performance.now();
    this.press();
    this.isDown = this.on;
  }

  up() {
    if (!this.isDown) return;
    this.isDown = false;
    if (this.on && performance.now() - this.since > HELD) this.press();
  }

  press() {
    this.set(!this.on);
    if (this.on) this.begin();
    else this.end();
  }

  /** What the button shows. */
  set(on) {
    this.on = on;
    this.button.setAttribute("aria-pressed", String(on));
  }
}
