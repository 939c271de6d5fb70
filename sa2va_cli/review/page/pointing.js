// The tools on the picture: look, point, box, brush, eraser; with a pointer or with the keyboard alone.

import { t } from "./language.js";
import { toPicture, panned, zoomed } from "./viewport.js";

const CLICK_PX = 4; // a pointer that moved less has clicked
const WHEEL = 1.0015;
const STROKE_PX = 1.5; // distance of the points of a stroke, in pixels of the screen

export class Pointing {
  constructor(canvas, review, painter) {
    this.canvas = canvas;
    this.review = review;
    this.painter = painter;
    this.drawn = {};
    painter.pointing = this;
    this.started = null;
    this.corner = null; // the first corner of a box made with the keyboard, or where its stroke began
    this.listening = new AbortController();
    const on = (name, take, options = {}) =>
      canvas.addEventListener(name, take, { signal: this.listening.signal, ...options });
    on("pointerdown", (event) => this.#press(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#release(event));
    on("pointercancel", () => this.#cancel());
    on("pointerleave", () => this.#show({ brush: null }));
    on("wheel", (event) => this.#wheel(event), { passive: false });
    on("contextmenu", (event) => event.preventDefault());
    on("keydown", (event) => this.#key(event));
    on("blur", () => this.#show({ cross: null }));
    this.stop = review.subscribe(() => this.#follow());
  }

  close() {
    this.listening.abort();
    this.stop();
  }

  // Another tool takes back what was begun, and so does another frame.
  #follow() {
    const { tool, frame } = this.review.state;
    const begun = this.corner !== null || this.started?.moving === false;
    if (tool !== this.tool || (frame !== this.frame && begun)) this.#cancel();
    this.tool = tool;
    this.frame = frame;
  }

  #cancel() {
    this.started = null;
    this.corner = null;
    this.#show({ box: null, stroke: null, brush: null });
  }

  #show(change) {
    this.drawn = { ...this.drawn, ...change };
    this.painter.redraw();
  }

  #at(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio;
    return { x: (event.clientX - left) * ratio, y: (event.clientY - top) * ratio };
  }

  #source(at) {
    const { clip } = this.review.state;
    const { x, y } = toPicture(this.painter.view, at);
    return { x: Math.max(0, Math.min(clip.width - 1, x)), y: Math.max(0, Math.min(clip.height - 1, y)) };
  }

  #inside(at) {
    const { clip } = this.review.state;
    const { x, y } = toPicture(this.painter.view, at);
    return x >= 0 && y >= 0 && x < clip.width && y < clip.height;
  }

  // --- pointer ---

  #press(event) {
    this.canvas.focus();
    this.#show({ cross: null });
    const at = this.#at(event);
    const moving = this.tool === "look" || event.button === 1 || event.getModifierState("Shift");
    if (!moving && !this.#inside(at)) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.started = { at, last: at, moving, moved: false };
    if (!moving) this.review.setSpeed(0); // it is meant for this frame
    if (!moving && this.#paints()) this.#show({ stroke: [pair(this.#source(at))] });
  }

  #paints() {
    return this.tool === "brush" || this.tool === "eraser";
  }

  #move(event) {
    const at = this.#at(event);
    if (this.#paints()) this.#show({ brush: this.#source(at) });
    const { started } = this;
    if (!started) return;
    if (Math.hypot(at.x - started.at.x, at.y - started.at.y) > CLICK_PX) started.moved = true;
    if (started.moving) this.#pan(at.x - started.last.x, at.y - started.last.y);
    else if (this.tool === "box") this.#show({ box: boxOf(this.#source(started.at), this.#source(at)) });
    else if (this.#paints()) this.#stretch(event);
    if (!this.#paints() || Math.hypot(at.x - started.last.x, at.y - started.last.y) > STROKE_PX)
      started.last = at;
  }

  #stretch(event) {
    const all = event.getCoalescedEvents?.() ?? [];
    const more = (all.length ? all : [event]).map((one) => pair(this.#source(this.#at(one))));
    this.#show({ stroke: [...this.drawn.stroke, ...more] });
  }

  #release(event) {
    const { started } = this;
    if (!started) return;
    this.started = null;
    const at = this.#at(event);
    if (started.moving) {
      if (!started.moved && event.button === 0) this.#choose(at);
    } else if (this.tool === "point") {
      this.#point(this.#source(at), !(event.altKey || event.button === 2));
    } else if (this.tool === "box") {
      if (started.moved) this.#box(boxOf(this.#source(started.at), this.#source(at)));
      this.#show({ box: null });
    } else if (this.#paints()) {
      this.#stroke(this.drawn.stroke);
      this.#show({ stroke: null });
    }
  }

  #pan(dx, dy) {
    const { clip, view } = this.review.state;
    if (view) this.review.look(panned(view, dx, dy, clip, this.canvas));
  }

  #wheel(event) {
    event.preventDefault();
    const factor = WHEEL ** -event.deltaY;
    const { clip } = this.review.state;
    this.review.look(zoomed(this.painter.view, factor, this.#at(event), clip, this.canvas));
  }

  // Chooses the object whose mask is under the pointer.
  #choose(at) {
    const { clip, frame } = this.review.state;
    const { masks } = this.review.best(frame);
    if (!masks || !this.#inside(at)) return;
    const { x, y } = this.#source(at);
    const column = Math.min(masks.width - 1, Math.floor((x / clip.width) * masks.width));
    const row = Math.min(masks.height - 1, Math.floor((y / clip.height) * masks.height));
    const hit = masks.objects.findLastIndex(
      (id, index) =>
        this.review.colours.has(id) &&
        masks.alphas[(index * masks.height + row) * masks.width + column] > 127,
    );
    if (hit >= 0)
      this.review.set({ target: clip.objects.find((one) => String(one.id) === masks.objects[hit]).id });
  }

  // --- keyboard: the arrows move a crosshair, Enter does what a click would ---

  #key(event) {
    if (this.tool === "look" || event.ctrlKey || event.metaKey) return;
    const far = event.shiftKey ? 10 : 1;
    const way = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[
      event.key
    ];
    if (way) this.#moveCross(way);
    else if (event.key === "Enter") this.#enter(!event.altKey);
    else if (event.key === "Escape" && (this.corner || this.drawn.cross)) {
      this.#cancel();
      this.#show({ cross: null });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  get #cross() {
    const { clip } = this.review.state;
    return this.drawn.cross ?? { x: clip.width / 2, y: clip.height / 2 };
  }

  #moveCross([dx, dy]) {
    const { clip } = this.review.state;
    const step = Math.max(1, clip.width / 200);
    const { x, y } = this.#cross;
    const to = {
      x: Math.max(0, Math.min(clip.width - 1, x + dx * step)),
      y: Math.max(0, Math.min(clip.height - 1, y + dy * step)),
    };
    this.#show({ cross: to });
    if (this.corner && this.tool === "box") this.#show({ box: boxOf(this.corner, to) });
    if (this.corner && this.#paints()) this.#show({ stroke: [...this.drawn.stroke, pair(to)] });
  }

  #enter(positive) {
    const at = this.#cross;
    this.review.setSpeed(0);
    this.#show({ cross: at });
    if (this.tool === "point") this.#point(at, positive);
    else if (!this.corner) {
      this.corner = at;
      if (this.#paints()) this.#show({ stroke: [pair(at)] });
    } else {
      if (this.tool === "box") this.#box(boxOf(this.corner, at));
      else this.#stroke(this.drawn.stroke);
      this.corner = null;
      this.#show({ box: null, stroke: null });
    }
  }

  // --- what the tools ask for ---

  get #where() {
    const { frame, target, clip } = this.review.state;
    const name = t("objects.new_name", { number: clip.objects.length + 1 });
    return { frame, object: target, ...(target === null ? { name } : {}) };
  }

  #send(edit, drawn) {
    const { practised, tool } = this.review.state;
    this.review.set({ practised: { ...practised, [tool]: true } });
    this.review.change(edit, drawn);
  }

  #point({ x, y }, positive) {
    const points = [[...pair({ x, y }), positive ? 1 : 0]];
    this.#send({ type: "points", ...this.#where, points }, { points });
  }

  #box(box) {
    this.#send({ type: "box", ...this.#where, box }, { box });
  }

  #stroke(stroke) {
    const { radius } = this.review.state;
    const add = this.tool === "brush";
    this.#send({ type: "brush", ...this.#where, add, radius, stroke }, { stroke, radius, add });
  }
}

// A tenth of a pixel is enough.
const tenth = (value) => Math.round(value * 10) / 10;

const pair = ({ x, y }) => [tenth(x), tenth(y)];

const boxOf = (one, other) => [
  ...pair({ x: Math.min(one.x, other.x), y: Math.min(one.y, other.y) }),
  ...pair({ x: Math.max(one.x, other.x), y: Math.max(one.y, other.y) }),
];
