// The page's requests to its own server. Whatever goes wrong becomes a Trouble: a sentence that says what to do.

const AWAY = "I cannot reach the assistant. Check that its device is on and in this network, and try again.";
const GARBLED = "The assistant answered in a way that I do not understand. Reload this page, and try again.";

export class Trouble extends Error {
  /** `kind`: as the server names it; "away" if it cannot be reached; "device" for camera, microphone and loudspeaker here. */
  constructor(kind, sentence, status = 0) {
    super(sentence);
    this.kind = kind;
    this.status = status;
  }
}

/** Sends a question; calls `on[event](data)` for every event of the answer, as it comes. An "error" event is thrown. */
export async function ask(fields, on, signal) {
  const response = await post("/api/ask", form(fields), { Accept: "text/event-stream" }, signal);
  for await (const { event, data } of events(response, signal)) {
    if (event === "error") throw new Trouble(data.kind, data.spoken || data.message);
    on[event]?.(data);
    if (event === "answer") return;
  }
  throw new Trouble("away", AWAY);
}

/** {width, height, usable, spoken, lines} of the picture that the next questions are about. */
export async function picture(blob, signal, page = 1) {
  return json(await post("/api/picture", form({ picture: blob, page }), {}, signal));
}

/** {kind, words, capture} for a frame of the camera. */
export async function guide(frame, restart, signal) {
  return json(await post("/api/guide", form({ frame, ...(restart && { restart: "true" }) }), {}, signal));
}

/** A clip of one sentence; null when the device has spoken it. */
export async function speech(text, speed, where, signal) {
  const body = JSON.stringify({ text, speed, where });
  const response = await post("/api/speech", body, { "Content-Type": "application/json" }, signal);
  return response.status === 204 ? null : response.blob();
}

export async function stop() {
  await post("/api/stop");
}

export async function forget() {
  await post("/api/forget");
}

/** Whether one has to log in here, and so can log out. */
export async function hasLogin() {
  return (await json(await send("/api/health", { method: "GET" }))).login;
}

function post(path, body, headers = {}, signal) {
  return send(path, { method: "POST", body, headers, signal });
}

async function send(path, request) {
  const { signal } = request;
  let response;
  try {
    response = await fetch(path, { ...request, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble("away", AWAY);
  }
  if (response.ok) return response;
  let told;
  try {
    told = (await response.json()).error;
  } catch {
    // Not one of our errors, for example from a proxy in between.
  }
  throw new Trouble(told?.kind ?? "garbled", told?.spoken || told?.message || GARBLED, response.status);
}

async function json(response) {
  try {
    return await response.json();
  } catch {
    throw new Trouble("garbled", GARBLED);
  }
}

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) data.append(name, value, value.name ?? name);
    else if (value !== null && value !== undefined) data.append(name, String(value));
  }
  return data;
}

/** Server-sent events of a response to POST, which EventSource cannot read. */
async function* events(response, signal) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Trouble("away", AWAY);
    }
    if (part.done) return;
    const blocks = (rest + decoder.decode(part.value, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = /^event: ?(.*)$/m.exec(block)?.[1];
      const data = [...block.matchAll(/^data: ?(.*)$/gm)].map((line) => line[1]).join("\n");
      if (!event || !data) continue; // a comment that keeps the line open
      try {
        yield { event, data: JSON.parse(data) };
      } catch {
        throw new Trouble("garbled", GARBLED);
      }
    }
  }
}
