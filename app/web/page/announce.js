// The two live regions of the page. A screen reader says what is put there: one thing per answer, one per error.

const polite = document.getElementById("polite");
const alert = document.getElementById("alert");
const state = document.getElementById("state");

const APART = 150; // ms: what changes faster is not noticed by every screen reader
const KEPT = 20_000; // ms: an old announcement must not be met when one walks through the page

let last = Promise.resolve();
let clearing;

/** Said when the screen reader has finished what it says now; the same text is said again. */
export function announce(text) {
  last = last.then(async () => {
    clearTimeout(clearing);
    polite.textContent = "";
    await pause(APART);
    polite.textContent = text;
    clearing = setTimeout(() => (polite.textContent = ""), KEPT);
    await pause(APART);
  });
}

/** Said at once, and stays to be read until the next thing is done. `link`: where to go about it. */
export function alarm(text, link) {
  alert.replaceChildren();
  setTimeout(() => {
    alert.append(element("p", text));
    if (link) alert.lastChild.append(" ", link);
    alert.scrollIntoView({ block: "nearest" }); // on a small screen it would be out of sight
  }, APART);
  show("");
}

export function calm() {
  alert.replaceChildren();
}

/** The line under the buttons, for the eye: nothing announces it. */
export function show(text) {
  state.textContent = text;
}

/** A line for eye and ear. */
export function tell(text) {
  show(text);
  announce(text);
}

export function element(name, text = "", properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  made.textContent = text;
  return made;
}

export function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
