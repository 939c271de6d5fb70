// What the whole page knows: which clips there are, what is being worked on, what was said, and whether the server answers.

import * as api from "./api.js";
import { listen } from "./events.js";
import { said } from "./language.js";
import { Store } from "./store.js";

const NOTICE_MS = 6000;

export const page = new Store({
  clips: null, // null until they were read
  project: null,
  problem: null, // why they could not be read
  connected: true,
  jobs: new Map(),
  opening: new Map(), // how much was read, 0..1, of clips whose times are not known yet
  notices: [],
});

let lastNotice = 0;

// Says something that goes away by itself; problems stay until they are closed.
export function notify(words, kind = "info", code = null) {
  const notice = { id: ++lastNotice, words, kind, code };
  page.set({ notices: [...page.state.notices.filter((other) => other.words !== words), notice] });
  if (kind !== "problem") setTimeout(() => dismiss(notice.id), NOTICE_MS);
}

export function dismiss(id) {
  page.set({ notices: page.state.notices.filter((notice) => notice.id !== id) });
}

// What was said about one clip is of no use with another one.
export function dismissAll() {
  page.set({ notices: [] });
}

// Does what was asked for, and says what went wrong. Gives undefined then.
export async function attempt(work) {
  try {
    return await work();
  } catch (problem) {
    if (problem.name === "AbortError") return undefined;
    if (!(problem instanceof api.ApiError)) throw problem;
    notify(said(problem.problem), "problem", problem.problem.code);
    return undefined;
  }
}

let soon;

// Many events close together are one reading.
export function readClipsSoon() {
  soon ??= setTimeout(() => {
    soon = undefined;
    readClips();
  }, 300);
}

export async function readClips() {
  try {
    const { clips, project = null } = await api.listClips();
    page.set({ clips, project, problem: null });
  } catch (problem) {
    if (!(problem instanceof api.ApiError)) throw problem;
    page.set({ problem: problem.problem });
  }
}

function takeJob(job) {
  const jobs = new Map(page.state.jobs);
  const before = jobs.get(job.id);
  jobs.set(job.id, job);
  page.set({ jobs });
  if (job.state === "failed" && before?.state !== "failed") notify(said(job.problem), "problem");
}

function takeOpening({ clip, part }) {
  const opening = new Map(page.state.opening);
  if (part < 1) opening.set(clip, part);
  else opening.delete(clip);
  page.set({ opening });
}

// The jobs of a clip that are going on, as they were read. One that has ended meanwhile stays ended.
export function takeActiveJobs(clip, read) {
  const ids = new Set(read.map((job) => job.id));
  const known = [...page.state.jobs.values()];
  const kept = known.filter((job) => job.clip !== clip || !isActive(job) || ids.has(job.id));
  const jobs = new Map(kept.map((job) => [job.id, job]));
  for (const job of read) {
    if (!jobs.has(job.id)) jobs.set(job.id, job);
  }
  page.set({ jobs });
}

export function forgetAllJobs() {
  page.set({ jobs: new Map() });
}

export function forgetJob(id) {
  const jobs = new Map(page.state.jobs);
  jobs.delete(id);
  page.set({ jobs });
}

export const isActive = (job) => job.state === "waiting" || job.state === "running";

// Follows the server's events; `take` gets those that concern a clip. `missed` is called when there may have been more:
// when the server is back, or when it says that the page was too slow; `opened` when it is first listened to, as what
// happened since something was read was not heard.
export function follow(take, missed, opened) {
  let first = true;
  return listen(
    (event) => {
      if (event.type === "job") takeJob(event);
      else if (event.type === "opening") takeOpening(event);
      else if (event.type === "missed") missed();
      else take(event);
    },
    (connected) => {
      const back = connected && !page.state.connected;
      if (connected !== page.state.connected) page.set({ connected });
      if (back) page.set({ notices: page.state.notices.filter((notice) => notice.code !== "no_answer") });
      if (back) missed();
      else if (connected && first) opened();
      if (connected) first = false;
    },
  );
}
