// One clip under review: where one is in it, what is chosen, and the changes that are asked for. Draws nothing.

import * as api from "./api.js";
import { MODES, rgb } from "./drawing.js";
import { FrameStore } from "./frames.js";
import { said, t } from "./language.js";
import { attempt, notify, takeActiveJobs } from "./page_state.js";
import { Store } from "./store.js";
import { clamp, framesPerSecond } from "./timecode.js";

const WIDTHS = [320, 480, 640, 960, 1280, 1920, 2560, 3840]; // pictures are asked for at few widths, so that they are kept
const SCRUBBING_WIDTH = 960; // wider pictures come when the frame stays
const STILL_MS = 180;

export class Review extends Store {
  constructor(id) {
    super({
      clip: null,
      problem: null,
      frame: 0,
      direction: 1,
      still: true,
      speed: 0, // 0 is paused; -2 is backwards at twice the speed
      mode: "overlay",
      wipe: null,
      view: null, // null shows the whole picture
      canvas: { width: 1, height: 1 },
      tool: "look",
      radius: 12,
      target: null, // the object that is chosen; null is a new one
      marks: { in: null, out: null },
      sound: true,
      loads: 0,
      practised: {}, // tools that were used, whose help is not needed any more
      unreadable: null, // {frame, problem}: why a frame that should be shown has no picture
      waiting: null, // {frame, points, box, stroke}: sent, and its mask is not here yet; `revision` and `made` come later
    });
    this.id = id;
    this.frames = new FrameStore(
      id,
      () => this.#loaded(),
      (problem, frame) => this.#failed(problem, frame),
    );
    this.revision = 0; // whose masks are kept, but for those that are marked as old
    this.reads = 0;
    this.applied = 0;
  }

  // Reads all about the clip. What was said before this covers is not read again, and an answer that is overtaken by a
  // later one counts no more.
  async read() {
    clearTimeout(this.soon);
    this.soon = undefined;
    const number = ++this.reads;
    try {
      const clip = await api.readClip(this.id);
      if (number < this.applied) return;
      this.applied = number;
      takeActiveJobs(this.id, clip.jobs);
      const known = clip.objects.some((one) => one.id === this.state.target);
      const fresh = !this.state.clip?.tracks; // objects that were there first; later, no choice is a new object
      const target = known ? this.state.target : fresh ? (clip.objects[0]?.id ?? null) : null;
      if (clip.revision > this.revision) this.#renew(clip.revision, [0, Infinity]); // an event has still to come, or was lost
      const gone = target === null && this.state.target !== null; // a click would make a new object of it
      this.set({ clip, problem: null, target, ...(gone ? { tool: "look" } : {}) });
      const { waiting } = this.state;
      if (waiting?.revision <= clip.revision && !isPending(clip, waiting.frame)) this.#made();
      this.want();
    } catch (problem) {
      if (!(problem instanceof api.ApiError)) throw problem;
      if (!this.state.clip) this.set({ problem: problem.problem });
      else if (problem.status) notify(said(problem.problem), "problem"); // a server that is gone is told of elsewhere
    }
  }

  // Everything is read again: something may have been missed.
  readAgain() {
    this.frames.renewMasks(0, Infinity);
    return this.read();
  }

  close() {
    clearTimeout(this.stillTimer);
    clearTimeout(this.soon);
    this.frames.close();
  }

  // What the server said about this clip.
  take(event) {
    if (event.type === "clip") {
      this.#renew(event.revision, event.revision > this.revision + 1 ? [0, Infinity] : event.masks);
      this.readSoon(120);
    }
    if (event.type !== "frames") return;
    this.frames.renewMasks(event.first, event.last);
    const { waiting, clip, frame } = this.state;
    if (clip && event.first <= frame && frame <= event.last && isPending(clip, frame)) {
      this.set({ clip: { ...clip, pending: without(clip.pending, event) } }); // the other news comes later
    }
    if (waiting && event.first <= waiting.frame && waiting.frame <= event.last) this.#made();
    this.readSoon();
  }

  #renew(revision, masks) {
    this.revision = Math.max(this.revision, revision);
    if (masks) this.frames.renewMasks(...masks);
  }

  // Many events close together are one reading.
  readSoon(delay = 400) {
    this.soon ??= setTimeout(() => this.read(), delay);
  }

  // The mask that is waited for was made; it is here when it was read.
  #made() {
    this.set({ waiting: { ...this.state.waiting, made: true } });
    this.#arrived();
  }

  #arrived() {
    const { waiting, frame } = this.state;
    if (!waiting?.made) return;
    const masks = this.best(frame).masks;
    if (waiting.frame !== frame || (masks && !masks.old)) this.set({ waiting: null });
  }

  #loaded() {
    const { loads, frame } = this.state;
    this.set({ loads: loads + 1, ...(this.best(frame).image ? { unreadable: null } : {}) });
    this.#arrived();
    this.#stayed();
  }

  // A server that is gone is told of elsewhere.
  #failed(problem, frame) {
    if (this.state.waiting?.frame === frame) this.set({ waiting: null });
    if (!problem.status || frame !== this.state.frame) return;
    if (this.best(frame).image) notify(said(problem.problem), "problem");
    else this.set({ unreadable: { frame, problem: problem.problem }, speed: 0 });
  }

  // --- where one is ---

  seek(frame, { playing = false } = {}) {
    const { clip } = this.state;
    const to = clamp(clip, frame);
    if (to === this.state.frame) return;
    const direction = to > this.state.frame ? 1 : -1;
    this.set({ frame: to, direction, still: false, ...(playing ? {} : { speed: 0 }) });
    clearTimeout(this.stillTimer);
    this.stillTimer = undefined;
    this.#arrived();
    this.want();
    if (!playing) this.#stayed();
  }

  // Wider pictures are worth it once this frame is there and somebody has stayed at it: whoever steps on wants the next
  // frame, and not a better one.
  #stayed() {
    const { still, speed, frame } = this.state;
    if (still || speed || this.stillTimer !== undefined || !this.isShown(frame)) return;
    this.stillTimer = setTimeout(() => this.#rest(), STILL_MS);
  }

  #rest() {
    clearTimeout(this.stillTimer);
    this.stillTimer = undefined;
    this.set({ still: true });
    this.want();
  }

  step(count) {
    this.seek(this.state.frame + count);
  }

  setSpeed(speed) {
    this.set({ speed });
    if (speed === 0) this.#rest();
  }

  resize(canvas) {
    this.set({ canvas });
    this.want();
  }

  look(view) {
    this.set({ view });
    this.want();
  }

  cycleMode() {
    this.set({ mode: MODES[(MODES.indexOf(this.state.mode) + 1) % MODES.length] });
  }

  mark(end) {
    const { frame, marks } = this.state;
    const changed = { ...marks, [end]: marks[end] === frame ? null : frame };
    if (changed.in !== null && changed.out !== null && changed.in > changed.out) {
      changed[end === "in" ? "out" : "in"] = null;
    }
    this.set({ marks: changed });
  }

  // The frames between the marks; a mark that is not set is the end of the clip.
  get span() {
    const { clip, marks } = this.state;
    return { first: marks.in ?? 0, last: marks.out ?? clip.frames - 1 };
  }

  // To the next place of a list of frames, round the end to the first one again.
  jump(places, direction) {
    const sorted = [...places].sort((a, b) => direction * (a - b));
    if (!sorted.length) return;
    const next = sorted.find((place) => direction * (place - this.state.frame) > 0);
    this.seek(next ?? sorted[0]);
  }

  // To the next range worth a look, whose object is chosen. Of ranges that begin together each has its turn.
  jumpToRange(direction) {
    const { clip, frame, target } = this.state;
    const order = (one) => one.first * clip.objects.length + clip.objects.findIndex(({ id }) => id === one.object);
    const sorted = [...clip.ranges].sort((a, b) => direction * (order(a) - order(b)));
    if (!sorted.length) return;
    const chosen = sorted.findIndex((one) => one.first === frame && one.object === target);
    const next = sorted.findIndex((one) => direction * (one.first - frame) >= 0);
    const at = chosen >= 0 ? chosen + 1 : Math.max(0, next);
    this.goTo(sorted[at % sorted.length]);
  }

  // To a frame, with an object that is chosen there if it is still known.
  goTo({ first, object }) {
    this.seek(first);
    if (this.state.clip.objects.some((one) => one.id === object)) this.set({ target: object });
  }

  // --- pictures ---

  scrubbingWidth() {
    return this.#stepUp(Math.min(this.state.canvas.width, SCRUBBING_WIDTH));
  }

  stillWidth() {
    const { view, clip, canvas } = this.state;
    const shown = view
      ? view.scale * clip.width
      : Math.min(canvas.width, (canvas.height * clip.width) / clip.height);
    return Math.max(this.scrubbingWidth(), this.#stepUp(shown));
  }

  #stepUp(width) {
    return Math.min(this.state.clip.width, WIDTHS.find((one) => one >= width) ?? Infinity);
  }

  // The best picture and masks of a frame that are there: {image, masks}, either of them null. Masks that are as they are
  // now are better than wider ones that were (`old`).
  best(frame) {
    const widths = [this.stillWidth(), this.scrubbingWidth()];
    const find = (kind) => widths.map((width) => this.frames.get({ kind, frame, width })).filter(Boolean);
    const masks = find("masks");
    return { image: find("picture")[0]?.image ?? null, masks: masks.find((one) => !one.old) ?? masks[0] ?? null };
  }

  // Whether a frame's picture is there, and its masks where there can be any.
  isShown(frame) {
    const { image, masks } = this.best(frame);
    return image !== null && (masks !== null || !this.state.clip.objects.length);
  }

  want() {
    const { clip, frame, direction, still, speed } = this.state;
    if (!clip) return;
    const stride = strideOf(clip, speed);
    const ahead = speed ? 12 : 4;
    const behind = speed ? 0 : 3;
    const near = [0];
    for (let away = 1; away <= ahead; away++) {
      near.push(direction * away * stride);
      if (away <= behind) near.push(-direction * away);
    }
    const list = near
      .map((away) => frame + away)
      .filter((one) => one >= 0 && one < clip.frames)
      .flatMap((one) => this.#both(one, this.scrubbingWidth()));
    if (still && this.stillWidth() > this.scrubbingWidth())
      list.splice(2, 0, ...this.#both(frame, this.stillWidth()));
    this.frames.want(list);
  }

  #both(frame, width) {
    const masks = { kind: "masks", frame, width };
    return [{ kind: "picture", frame, width }, ...(this.state.clip.objects.length ? [masks] : [])];
  }

  // --- objects ---

  get colours() {
    const shown = this.state.clip.objects.filter((one) => !one.hidden);
    return new Map(shown.map((one) => [String(one.id), rgb(one.colour)]));
  }

  get chosen() {
    return this.state.clip?.objects.find((one) => one.id === this.state.target) ?? null;
  }

  // --- changes ---

  // Takes a tool in hand. Whoever is about to correct will need the model, which is loaded meanwhile.
  takeUp(tool) {
    this.set({ tool });
    if (tool !== "look" && this.state.clip?.tracks) attempt(() => api.prepare(this.id, this.state.frame));
  }

  // Sends a change; `drawn` is what to show of it until its mask comes.
  async change(edit, drawn = null) {
    this.setSpeed(0);
    if (drawn) this.set({ waiting: { frame: edit.frame, ...drawn } });
    const answer = await attempt(() => api.edit(this.id, edit));
    if (!answer) {
      this.set({ waiting: null });
      return undefined;
    }
    if (!answer.job) this.set({ waiting: null });
    else if (this.state.waiting) this.set({ waiting: { ...this.state.waiting, revision: answer.revision } });
    await this.read();
    const next = edit.type === "merge" ? edit.into : answer.object;
    if (next !== undefined && next !== null) this.set({ target: next });
    return answer;
  }

  // Looks for a thing in words: as one more object, or as the first thing in a video that has no tracks yet.
  find(prompt) {
    const { clip, frame } = this.state;
    if (clip.tracks) return this.change({ type: "words", prompt, frame }, {});
    return attempt(() => api.segment(this.id, [prompt]));
  }

  async undo() {
    const done = this.state.clip.undo;
    if (done && (await attempt(() => api.undo(this.id))))
      await this.#changed(t("said.undone", { what: editWords(done) }));
  }

  async redo() {
    const done = this.state.clip.redo;
    if (done && (await attempt(() => api.redo(this.id))))
      await this.#changed(t("said.redone", { what: editWords(done) }));
  }

  async save() {
    const answer = await attempt(() => api.save(this.id));
    if (answer) await this.#changed(t("said.saved", { file: answer.file }));
  }

  async #changed(words) {
    notify(words);
    this.set({ waiting: null });
    await this.read();
  }

  async triage(status, reason = null) {
    if (await attempt(() => api.triage(this.id, status, reason))) await this.#changed(t(`said.${status}`));
  }
}

// What an edit is, in a few words.
export function editWords({ type, words }) {
  const name = t(`edit.${type}`);
  return words ? t("edit.about", { name, words }) : name;
}

// Ranges of frames without those of another range.
function without(ranges, { first, last }) {
  return ranges.flatMap(([from, to]) =>
    [
      [from, Math.min(to, first - 1)],
      [Math.max(from, last + 1), to],
    ].filter(([one, other]) => one <= other),
  );
}

// Whether masks of a frame are still to come.
export function isPending(clip, frame) {
  return clip.pending.some(([first, last]) => first <= frame && frame <= last);
}

// While playing, only as many frames a second are shown as a screen is worth.
export function strideOf(clip, speed) {
  return Math.max(1, Math.ceil((framesPerSecond(clip) * Math.abs(speed)) / 50));
}
