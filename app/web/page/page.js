// The page: what each control, key and word of command does. How things are done is in the other modules.

import { alarm, announce, calm, element, show, tell } from "./announce.js";
import { Camera } from "./camera.js";
import * as conversation from "./conversation.js";
import { Picture, found, receive } from "./picture.js";
import { FASTEST, SLOWEST, aloud, connect, preferences, set } from "./preferences.js";
import { Recorder } from "./recorder.js";
import * as server from "./server.js";
import { tone } from "./sounds.js";
import { Speaker } from "./speaker.js";
import { TalkButton } from "./talk.js";

const SPEED_STEP = 0.25;
const VOLUME_STEP = 0.15; // as in assistant/conversation/orders.py
const SIGN_OF_LIFE = [4000, 20_000, 60_000]; // ms after a question that is not answered yet
const LINE_AGAIN = 10_000; // ms between two places in line that are said
const LONGEST_RECORDING = 58_000; // ms; the server takes a minute
const LONGEST_ANNOUNCEMENT = 600; // characters: an announcement cannot be paused or read again, text on the page can
const PLACES = ["", "next", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
const NO_ANSWER = "There is no answer yet. Ask something first.";

const $ = (id) => document.getElementById(id);

let entry = null; // the newest answer on the page
let asking = null; // AbortController of the question that is not answered yet
let byVoice = false; // whether the last question was spoken

connect();
server.hasLogin().then((login) => ($("leave").hidden = !login), trouble);

// What is spoken

const speaker = new Speaker(() => {
  entry?.mark(speaker.speaking && !speaker.passing ? speaker.at : -1);
  $("pause").textContent = speaker.paused ? "Go on" : "Pause";
}, trouble);

/** A short thing that is no answer: heard, or told by the screen reader, never both. */
function remark(text) {
  const where = aloud(byVoice);
  show(text);
  if (where) speaker.remark(text, where).catch(trouble);
  else announce(text);
}

function heard() {
  return speaker.speaking ? speaker.at : null;
}

/** Sentences of the last answer from `from` on, aloud even if it was not so at first: whoever presses Repeat wants to hear it. */
function say(from) {
  if (!speaker.sentences.length) return tell(NO_ANSWER);
  if (from < 0) return tell("That is the beginning.");
  if (from >= speaker.sentences.length) return tell("That was the end.");
  if (preferences.speaking !== "reader") return void speaker.play(from, aloud(true));
  speaker.at = from;
  announce(from === 0 ? short(speaker.sentences) : speaker.sentences[from]);
}

const acts = {
  stop: () => speaker.stop(),
  pause: () => speaker.pause(),
  resume: () => speaker.resume(),
  next: () => say(speaker.at + 1),
  previous: () => say(speaker.at - 1),
  repeat: () => say(0),
  louder: () => volume(VOLUME_STEP),
  quieter: () => volume(-VOLUME_STEP),
  slower: () => quicken(-SPEED_STEP),
  faster: () => quicken(SPEED_STEP),
  camera_on: startCamera,
  camera_off: stopCamera,
  guide: startCamera,
  forgotten: clearAll,
};

function quicken(by) {
  const speed = Math.min(Math.max(preferences.speed + by, SLOWEST), FASTEST);
  const limit = by > 0 ? "That is as fast as I speak." : "That is as slowly as I speak.";
  const same = speed === preferences.speed;
  set("speed", speed);
  speaker.quicken();
  if (!speaker.speaking || speaker.paused || same) tell(same ? limit : `Speed ${speed}.`);
}

function volume(by) {
  set("volume", Math.min(Math.max(preferences.volume + by, VOLUME_STEP), 1));
  speaker.quicken();
}

// Asking

async function ask(question) {
  if (asking) asking.abort();
  const turn = (asking = new AbortController());
  const resumes = speaker.speaking && !speaker.paused;
  const fields = { ...question, speed: preferences.speed, at: heard() };
  byVoice = Boolean(question.audio);
  speaker.pause();
  calm();
  show("Working on it …");
  const signs = SIGN_OF_LIFE.map((after) => setTimeout(stillWorking, after));
  const quiet = () => signs.forEach(clearTimeout);
  try {
    await picture.sent;
    if (turn.signal.aborted) return;
    await server.ask(fields, listener(turn, quiet, resumes), turn.signal);
  } catch (error) {
    if (!turn.signal.aborted) trouble(error);
  } finally {
    quiet();
    if (asking === turn) asking = null;
  }
}

/** What is done at each event of the answer. */
function listener(turn, quiet, resumes) {
  const where = aloud(byVoice);
  const before = entry;
  let made = null;
  let question = "";
  let toldPlace = -Infinity;
  return {
    line({ place }) {
      if (place < 1) return show("Working on it …");
      const text = place < PLACES.length ? `You are ${PLACES[place]} in line.` : `${place} are before you in line.`;
      show(text);
      if (performance.now() - toldPlace < LINE_AGAIN) return;
      toldPlace = performance.now();
      announce(text);
    },
    heard(data) {
      question = data.question;
      if (byVoice) show(`You asked: ${question}`);
    },
    sentence({ text }) {
      quiet();
      if (!made) {
        entry?.mark(-1);
        entry = made = new conversation.Entry(question);
        speaker.begin(where);
        made.reveal();
        if (where) announce("Answer:");
      }
      made.add(text);
      speaker.add(text);
    },
    answer({ act, speed, evidence }) {
      quiet();
      speaker.end();
      show("Ready.");
      const order = act && act !== "repeat";
      if (made && act) {
        made.remove();
        entry = before;
      } else made?.finish(evidence);
      if (made && !where) announce(short(speaker.sentences));
      if (order) obey(act, speed, made, resumes);
    },
  };
}

function obey(act, speed, answered, resumes) {
  if (answered) speaker.pass();
  if (act === "slower" || act === "faster") {
    set("speed", speed);
    speaker.quicken();
  } else acts[act]();
  if (resumes && ["slower", "faster", "louder", "quieter"].includes(act)) speaker.resume();
}

/** All of an answer, or of a long one the beginning and where the rest is. */
function short(sentences) {
  const all = sentences.join(" ");
  if (all.length <= LONGEST_ANNOUNCEMENT) return all;
  let beginning = sentences[0];
  for (const sentence of sentences.slice(1)) {
    if (beginning.length + sentence.length > LONGEST_ANNOUNCEMENT) break;
    beginning += ` ${sentence}`;
  }
  return `${beginning} The rest stands on the page, under the newest heading.`;
}

function stillWorking() {
  tell("Still working on it.");
  if (aloud(byVoice)) tone("working", preferences.volume);
}

function stopAll() {
  const busy = asking || speaker.speaking || talk.on || camera.on;
  if (talk.on) cancelTalk();
  asking?.abort();
  asking = null;
  speaker.stop();
  stopCamera();
  if (!busy) return;
  server.stop().catch(trouble);
  show("Stopped.");
}

function trouble(error) {
  if (error.kind === "stopped") return show("Stopped."); // by us, or from another tab
  const link = error.status === 401 ? element("a", "Open this page anew", { href: "/" }) : null;
  if (!(error instanceof server.Trouble)) console.error(error);
  alarm(error instanceof server.Trouble ? error.message : "Something went wrong in this page. Reload it, and try again.", link);
}

// Asking by voice

const recorder = new Recorder();
const talk = new TalkButton($("talk"), beginTalk, endTalk);
let tooLong;
let recording = Promise.resolve(false);

function beginTalk() {
  asking?.abort();
  speaker.pause();
  calm();
  recording = recorder.start();
  recording.then(
    (begun) => {
      if (!begun) return;
      tone("listening", preferences.volume);
      show("Listening …");
      tooLong = setTimeout(() => talk.on && talk.press(), LONGEST_RECORDING);
    },
    (error) => {
      talk.set(false);
      trouble(error);
    },
  );
}

async function endTalk() {
  clearTimeout(tooLong);
  if (!(await recording.catch(() => false))) return;
  const audio = await recorder.finish();
  tone("heard", preferences.volume);
  await ask({ audio });
}

function cancelTalk() {
  clearTimeout(tooLong);
  recorder.cancel();
  talk.set(false);
  recording = Promise.resolve(false);
}

// The picture

const picture = new Picture($("preview"));

const camera = new Camera($("video"), {
  direct(words) {
    $("direction").textContent = words;
    remark(words);
  },
  taken(blob, words = "Got it.") {
    cameraOff();
    tone("taken", preferences.volume);
    remark(words);
    take(blob, "Photo", true);
  },
  failed(error) {
    cameraOff();
    trouble(error);
  },
});

async function take(blob, name, quiet = false, page = 1) {
  calm();
  if (camera.on) stopCamera();
  try {
    const seen = await picture.take(blob, name, page);
    if (seen && (seen.spoken || !quiet)) remark(seen.spoken || seen.pages > 1 ? found(seen) : `Picture ready, ${found(seen)}`);
  } catch (error) {
    trouble(error);
  }
}

async function turnPage(by) {
  const { blob, name, page } = picture.shown;
  await take(blob, name, false, page + by);
  if (document.activeElement === document.body) $("question").focus(); // the button went with the last page
}

async function startCamera() {
  if (camera.on) return;
  calm();
  try {
    if (!(await camera.start())) return;
  } catch (error) {
    cameraOff();
    trouble(error);
    return;
  }
  $("camera").textContent = "Stop the camera";
  $("take").classList.remove("absent");
  $("video").hidden = $("direction").hidden = false;
  $("preview").hidden = true;
  $("direction").textContent = "";
  remark("The camera is on.");
}

function stopCamera() {
  if (!camera.on) return camera.stop();
  cameraOff();
  remark("The camera is off.");
}

function cameraOff() {
  camera.stop();
  $("camera").textContent = "Start the camera";
  if (document.activeElement === $("take")) $("question").focus();
  $("take").classList.add("absent");
  $("video").hidden = $("direction").hidden = true;
  $("preview").hidden = !$("preview").getAttribute("src");
}

// What is left

function clearAll() {
  cameraOff();
  speaker.clear();
  picture.clear();
  conversation.clear();
  entry = null;
}

async function forget() {
  asking?.abort();
  try {
    await server.forget();
    clearAll();
    tell("Everything is forgotten.");
  } catch (error) {
    trouble(error);
  }
}

async function copy() {
  if (!entry) return tell(NO_ANSWER);
  try {
    await navigator.clipboard.writeText(entry.text);
    tell("Copied.");
  } catch {
    trouble(new server.Trouble("device", "The browser does not let me copy. Mark the answer, and copy it with Control C."));
  }
}

function pauseOrGoOn() {
  if (speaker.paused) speaker.resume();
  else if (speaker.speaking) speaker.pause();
  else tell("I am not speaking now.");
}

function press(id, action) {
  $(id).addEventListener("click", action);
}

press("camera", () => (camera.on ? stopCamera() : startCamera()));
press("take", () => camera.take().catch(trouble));
press("choose", () => $("file").click());
press("stop", stopAll);
press("pause", pauseOrGoOn);
press("repeat", acts.repeat);
press("previous", acts.previous);
press("next", acts.next);
press("slower", acts.slower);
press("faster", acts.faster);
press("more", () => ask({ question: "more" }));
press("spell", () => ask({ question: "spell that" }));
press("copy", copy);
press("forget", () => {
  $("forget-dialog").returnValue = "";
  $("forget-dialog").showModal();
});
$("forget-dialog").addEventListener("close", () => {
  const chosen = $("forget-dialog").returnValue;
  $("forget-dialog").returnValue = ""; // a close that comes late, of a dialog opened again since, must not choose a second time
  if (chosen === "yes") forget();
});
$("speed").addEventListener("change", () => speaker.quicken());

$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  $("file").value = ""; // so that the same one can be chosen again
  if (file) take(file, file.name);
});
receive((file) => take(file, file.name || "Picture"));
press("page-before", () => turnPage(-1));
press("page-after", () => turnPage(1));

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (!question) {
    alarm("Type a question first, or ask by voice.");
    $("question").focus();
    return;
  }
  $("question").value = "";
  ask({ question });
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.isComposing) return;
  if (event.key === "Escape" && !$("forget-dialog").open) return stopAll();
  const keys = { F2: () => talk.down(), F4: acts.repeat, F8: pauseOrGoOn };
  if (!preferences.keys || !keys[event.key] || event.target instanceof HTMLSelectElement || $("forget-dialog").open) return;
  event.preventDefault();
  if (!event.repeat) keys[event.key]();
});
addEventListener("keyup", (event) => {
  if (event.key !== "F2") return;
  talk.up();
  talk.pressed = false;
});
document.addEventListener("visibilitychange", () => document.hidden && stopCamera());
