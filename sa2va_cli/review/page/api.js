// The server's addresses (version 1), one function each. Knows nothing about the page.

const PREFIX = "/api/v1";

export class ApiError extends Error {
  // `status` is 0 where the server did not answer at all. `problem` is what it said: {error, code, values}.
  constructor(status, problem) {
    super(problem.error);
    this.status = status;
    this.problem = problem;
  }
}

async function respond(method, path, { body, signal } = {}) {
  let response;
  try {
    response = await fetch(PREFIX + path, {
      method,
      signal,
      cache: "no-store",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new ApiError(0, { error: "no answer", code: "no_answer", values: {} });
  }
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return response;
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    const text = `${response.status} ${response.statusText}`;
    return { error: text, code: "other", values: { text } };
  }
}

const json = async (...request) => (await respond(...request)).json();
const get = (path) => json("GET", path);
const post = (path, body = {}) => json("POST", path, { body });
const inClip = (id) => `/clips/${encodeURIComponent(id)}`;

export const listClips = () => get("/clips");
export const readClip = (id) => get(inClip(id));
export const readOutputs = () => get("/outputs");

export const edit = (id, change) => post(`${inClip(id)}/edits`, change);
export const prepare = (id, frame) => post(`${inClip(id)}/prepare`, { frame });
export const undo = (id) => post(`${inClip(id)}/undo`);
export const redo = (id) => post(`${inClip(id)}/redo`);
export const save = (id) => post(`${inClip(id)}/save`);
export const segment = (id, prompts) => post(`${inClip(id)}/segment`, { prompts });
export const triage = (id, status, reason = null) => post(`${inClip(id)}/triage`, { status, reason });
export const deliver = (id, order) => post(`${inClip(id)}/deliver`, order);
export const preview = async (id, order, signal) =>
  (await respond("POST", `${inClip(id)}/preview`, { body: order, signal })).blob();
export const showFolder = (id) => post(`/jobs/${encodeURIComponent(id)}/folder`);
export const cancelJob = (id) => post(`/jobs/${encodeURIComponent(id)}/cancel`);

export const soundAddress = (id) => `${PREFIX}${inClip(id)}/sound`;
export const firstPictureAddress = (id) => `${PREFIX}${inClip(id)}/frames/0?width=960`;
export const thumbnailAddress = (id, frame) => `${PREFIX}${inClip(id)}/thumbnail?frame=${frame}`;
export const eventsAddress = `${PREFIX}/events`;

// A picture may be kept by the browser for good.
export async function readPicture(id, frame, width, signal) {
  const response = await fetch(`${PREFIX}${inClip(id)}/frames/${frame}?width=${width}`, { signal });
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return response.blob();
}

// The alphas of all objects of a frame, one after the other: {objects: ids, width, height, alphas: one byte a pixel}.
export async function readMasks(id, frame, width, signal) {
  const response = await respond("GET", `${inClip(id)}/alphas/${frame}?width=${width}`, { signal });
  const objects = (response.headers.get("X-Objects") || "").split(",").filter((one) => one !== "");
  const [wide, high] = response.headers.get("X-Size").split("x").map(Number);
  return { objects, width: wide, height: high, alphas: new Uint8Array(await response.arrayBuffer()) };
}

// Asks a question and gives each event of the answer to `take` as it arrives.
export async function ask(id, question, take, signal) {
  const response = await respond("POST", `${inClip(id)}/ask`, { body: question, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    text += value || "";
    const events = text.split(/\r?\n\r?\n/);
    text = events.pop();
    for (const event of events) {
      const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (data.length) take(JSON.parse(data.map((line) => line.slice(5)).join("\n")));
    }
    if (done) return;
  }
}
