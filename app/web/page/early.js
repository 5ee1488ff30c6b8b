// Colours and text size before anything is painted, so that no white page flashes at eyes that cannot bear it.
// Everything else about preferences is in preferences.js.
try {
  const kept = JSON.parse(localStorage.getItem("assistant.preferences") ?? "{}");
  if (kept.look) document.documentElement.dataset.look = kept.look;
  if (kept.size) document.documentElement.dataset.size = kept.size;
} catch {
  // No storage, or none of ours: the page looks as it does the first time.
}
