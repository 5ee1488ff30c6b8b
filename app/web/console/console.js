// What Gradio does not do: says each new message once to a screen reader, moves the focus to a new step, plays a voice, reads a file
// into a box; and the tab Ask, which talks to /api.
"use strict";
(() => {
  const page = document.documentElement;
  const known = new Set();
  const regions = {};
  const waiting = { polite: [], assertive: [] };
  const GAP = 150, KEPT = 15000;
  let described = 0;
  let used = false; // whether anybody has done anything here yet

  function region(tone) {
    if (!regions[tone]) {
      const made = document.createElement("div");
      made.className = "unseen";
      made.setAttribute("role", tone === "assertive" ? "alert" : "status");
      document.body.append(made);
      regions[tone] = made;
    }
    return regions[tone];
  }

  // One text at a time, each as one change: a screen reader then reads it once.
  function announce(text, tone = "polite") {
    const line = waiting[tone];
    line.push(text);
    if (line.length === 1) next(tone);
  }

  function next(tone) {
    const place = region(tone), line = waiting[tone];
    const text = line[0];
    place.textContent = "";
    setTimeout(() => {
      place.textContent = text;
      setTimeout(() => { line.shift(); if (line.length) next(tone); }, GAP);
      setTimeout(() => { if (place.textContent === text) place.textContent = ""; }, KEPT);
    }, GAP);
  }

  function look() {
    for (const found of document.querySelectorAll("[data-said]")) {
      if (known.has(found.dataset.said)) continue;
      known.add(found.dataset.said);
      const parts = [...found.querySelectorAll("p, li")].map((part) => part.textContent.trim());
      announce((parts.length ? parts : [found.textContent.trim()]).join(" "), found.dataset.tone);
    }
    for (const found of document.querySelectorAll("[data-sound]")) {
      const key = `sound ${found.dataset.sound}`;
      if (known.has(key)) continue;
      known.add(key);
      const bytes = Uint8Array.from(atob(found.dataset.wav), (letter) => letter.charCodeAt(0));
      play(new Blob([bytes], { type: "audio/wav" }));
    }
    for (const group of document.querySelectorAll("fieldset")) unite(group);
    for (const label of document.querySelectorAll("label")) name(label, label.querySelector("input, textarea"));
    const lost = document.activeElement === document.body || document.activeElement === null;
    const heading = used && lost && [...document.querySelectorAll("[data-focus]")].find((one) => one.offsetParent);
    if (heading) heading.focus();
  }

  // Gradio gives each radio button a name of its own, so that the arrow keys would not work, and "1 of 1" be said of each.
  function unite(group) {
    const buttons = group.querySelectorAll("input[type=radio]");
    for (const button of buttons) if (button.name !== buttons[0].name) button.name = buttons[0].name;
    name(group, group);
  }

  // Its title names a control, what is said below it describes it: not all in one name.
  function name(block, control) {
    const title = block.querySelector("[data-testid=block-info]");
    if (!title || !control || control.hasAttribute("aria-label")) return;
    control.setAttribute("aria-label", title.textContent.trim());
    const about = title.nextElementSibling;
    if (!about || about.contains(control) || !about.textContent.trim()) return;
    about.id ||= `about-${++described}`;
    control.setAttribute("aria-describedby", about.id);
  }

  new MutationObserver(look).observe(page, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-said", "data-sound", "name"] });
  for (const kind of ["click", "keydown"]) addEventListener(kind, () => { used = true; }, true);

  let playing = null;
  function play(blob) {
    hush();
    const address = URL.createObjectURL(blob);
    const sound = new Audio(address);
    playing = sound;
    return new Promise((done) => {
      sound.onended = sound.onerror = sound.onpause = () => { URL.revokeObjectURL(address); done(); };
      sound.play().catch(done);
    });
  }
  function hush() { if (playing) { playing.pause(); playing = null; } }

  // A settings file goes into its box as if it were typed.
  addEventListener("change", async (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || !field.dataset.into || !field.files.length) return;
    const file = field.files[0];
    if (file.size > Number(field.dataset.most)) { announce("That file is too large to be one with settings.", "assertive"); return; }
    const box = document.querySelector(`#${field.dataset.into} textarea`);
    box.value = await file.text();
    box.dispatchEvent(new Event("input", { bubbles: true }));
    announce("The text of the file stands in the box above.");
  });

  // The tab Ask.
  const at = (id) => document.getElementById(id);
  let picture = null, camera = null, recorder = null, asked = 0, speed = 1, abort = null;

  function told(text, tone) { at("ask-picture").textContent = text; announce(text, tone); }

  async function take(blob, name) {
    picture = blob;
    const form = new FormData();
    form.append("picture", blob, name);
    at("ask-picture").textContent = "The picture is being looked at.";
    try {
      const found = await send("/api/picture", form);
      const lines = `${found.lines} line${found.lines === 1 ? "" : "s"} of text.`;
      told(`Picture ready. ${found.spoken || lines}`, found.usable ? "polite" : "assertive");
      picture = null; // the server has it
    } catch (error) { picture = null; told(error.message, "assertive"); }
  }

  async function send(where, form) {
    let answer;
    try { answer = await fetch(where, { method: "POST", body: form }); }
    catch (error) { throw new Error("The assistant does not answer. Is it still running?"); }
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error?.spoken || "That did not work. Reload the page and try again.");
    return answer.status === 204 ? null : answer.json();
  }

  async function ask(form) {
    const mine = ++asked;
    halt(false);
    abort = new AbortController();
    const entry = entryFor();
    form.append("speed", String(speed));
    const sentences = [];
    let spoken = Promise.resolve();
    const voice = document.querySelector("[name=ask-voice]:checked").value;
    try {
      const answer = await fetch("/api/ask", { method: "POST", body: form, headers: { Accept: "text/event-stream" }, signal: abort.signal });
      if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error?.spoken || "That did not work. Reload the page and try again.");
      for await (const [name, data] of events(answer.body)) {
        if (mine !== asked) return;
        if (name === "line" && data.place > 0) announce(`${data.place} before you.`);
        else if (name === "heard") entry.question(data.question);
        else if (name === "sentence") {
          sentences.push(data.text);
          entry.answer(sentences.join(" "));
          spoken = spoken.then(() => mine === asked && speak(data.text, voice));
        } else if (name === "answer") {
          speed = data.speed;
          entry.question(data.question);
          const text = data.text || acted(data.act);
          entry.answer(text);
          announce(text);
          if (data.act === "stop") halt(true);
          if (!sentences.length && data.text) spoken = spoken.then(() => mine === asked && speak(data.text, voice));
        } else if (name === "error") throw new Error(data.error?.spoken || data.spoken);
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      entry.fail(error.message);
      announce(error.message, "assertive");
    }
  }

  const acts = { stop: "Stopped.", forgotten: "Everything is forgotten.", slower: "Slower.", faster: "Faster." };
  function acted(act) { return acts[act] || "Done."; }

  async function speak(text, where) {
    if (where === "none") return;
    const answer = await fetch("/api/speech", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text: text.slice(0, 1000), speed, where }) }).catch(() => null);
    if (!answer || !answer.ok) { announce("The voice cannot be heard. The answer stands on the page.", "assertive"); return; }
    if (where === "browser") await play(await answer.blob());
  }

  function halt(tell) {
    hush();
    if (abort) abort.abort();
    abort = null;
    if (tell) { asked++; fetch("/api/stop", { method: "POST" }).catch(() => null); }
  }

  function entryFor() {
    const entry = document.createElement("section");
    const title = document.createElement("h4"), text = document.createElement("p");
    title.textContent = "Your question";
    text.textContent = "I am at work.";
    entry.setAttribute("aria-busy", "true");
    entry.append(title, text);
    at("ask-answers").prepend(entry);
    while (at("ask-answers").children.length > 20) at("ask-answers").lastChild.remove();
    return {
      question(said) { title.textContent = said || "Your question"; },
      answer(said) { text.textContent = said; entry.removeAttribute("aria-busy"); },
      fail(said) { text.textContent = said; text.className = "said wrong"; entry.removeAttribute("aria-busy"); },
    };
  }

  async function* events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const parts = rest.split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const lines = Object.fromEntries(part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
        if (lines.event) yield [lines.event, JSON.parse(lines.data)];
      }
    }
  }

  function form() {
    const made = new FormData();
    if (picture) made.append("picture", picture, "picture");
    return made;
  }

  addEventListener("submit", (event) => {
    if (event.target.id !== "ask") return;
    event.preventDefault();
    const question = at("ask-question").value.trim();
    if (!question) { announce("Type a question first.", "assertive"); at("ask-question").focus(); return; }
    const asking = form();
    asking.append("question", question);
    at("ask-question").value = "";
    ask(asking);
  });

  addEventListener("change", (event) => {
    if (event.target.id === "ask-file" && event.target.files.length) take(event.target.files[0], "picture");
  });

  addEventListener("click", (event) => {
    const actions = { "ask-camera": switchCamera, "ask-shoot": shoot, "ask-record": record, "ask-stop": () => { halt(true); announce("Stopped."); } };
    const action = actions[event.target.id];
    if (action) action();
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && at("ask")?.offsetParent) halt(true); });

  async function switchCamera() {
    const button = at("ask-camera"), video = at("ask-video");
    if (camera) {
      camera.getTracks().forEach((track) => track.stop());
      camera = null;
    } else {
      try { camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } } }); }
      catch (error) { told("The camera cannot be used. Allow it in the browser, or choose a picture.", "assertive"); return; }
    }
    video.srcObject = camera;
    video.hidden = !camera;
    at("ask-shoot").disabled = !camera;
    button.textContent = camera ? "Camera off" : "Camera on";
    button.setAttribute("aria-pressed", String(Boolean(camera)));
    if (camera) { await video.play(); announce("The camera is on."); }
  }

  async function shoot() {
    const video = at("ask-video"), canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
    if (blob) take(blob, "picture.jpg"); else told("The camera gives no picture yet. Try again.", "assertive");
  }

  async function record() {
    const button = at("ask-record");
    if (recorder) { recorder.stop(); return; }
    let stream;
    try { stream = await navigator.mediaDevices.getUserMedia({ audio: true }); }
    catch (error) { announce("The microphone cannot be used. Allow it in the browser, or type.", "assertive"); return; }
    const parts = [];
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      clearTimeout(limit);
      const asking = form();
      asking.append("audio", new Blob(parts, { type: recorder.mimeType }), "question");
      recorder = null;
      button.textContent = "Record a question";
      button.setAttribute("aria-pressed", "false");
      ask(asking);
    };
    const limit = setTimeout(() => recorder && recorder.stop(), 30000);
    hush();
    recorder.start();
    button.textContent = "End the recording and ask";
    button.setAttribute("aria-pressed", "true");
    announce("Recording. Press again to ask.");
  }
})();
