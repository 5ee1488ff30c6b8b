// What the person chose for this page, kept in this browser alone. A `select` or checkbox with `data-setting` shows and changes one.

const KEY = "assistant.preferences";
export const SLOWEST = 0.5;
export const FASTEST = 3;

/** How answers are spoken, see `aloud`; times the usual speed; 0..1; %; colours; whether F2, F4 and F8 work. */
const USUAL = { speaking: "asked", speed: 1, volume: 1, size: "100", look: "auto", keys: true };

export const preferences = { ...USUAL, ...kept() };

export function set(name, value) {
  preferences[name] = value;
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // A browser that keeps nothing (private window, storage full): it holds until the page is closed.
  }
  show();
}

/** Who speaks what is answered now: "browser", "device", or "" for nobody but the screen reader. */
export function aloud(askedByVoice) {
  if (preferences.speaking === "asked") return askedByVoice ? "browser" : "";
  return preferences.speaking === "reader" ? "" : preferences.speaking;
}

/** Fills the controls, and makes them work. */
export function connect() {
  for (const control of controls()) {
    control.addEventListener("change", () => {
      const value = control.type === "checkbox" ? control.checked : control.value;
      set(control.dataset.setting, typeof USUAL[control.dataset.setting] === "number" ? Number(value) : value);
    });
  }
  show();
}

function show() {
  for (const control of controls()) {
    const value = preferences[control.dataset.setting];
    if (control.type === "checkbox") control.checked = value;
    else control.value = String(value);
  }
  document.documentElement.dataset.size = preferences.size;
  document.documentElement.dataset.look = preferences.look;
}

function controls() {
  return document.querySelectorAll("[data-setting]");
}

/** What is stored and still has a meaning. */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Object.fromEntries(Object.keys(USUAL).filter((name) => fits(name, found[name])).map((name) => [name, found[name]]));
  } catch {
    return {};
  }
}

function fits(name, value) {
  if (typeof value !== typeof USUAL[name]) return false;
  if (name === "speed") return value >= SLOWEST && value <= FASTEST;
  if (name === "volume") return value > 0 && value <= 1;
  const select = document.querySelector(`select[data-setting="${name}"]`);
  return !select || [...select.options].some((option) => option.value === value);
}
