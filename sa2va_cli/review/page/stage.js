// The picture: draws the frame with its masks, and turns pointer and keys on it into looking and correcting.

import { drawFrame, matteLayer, tintLayer } from "./drawing.js";
import { Icon } from "./icons.js";
import { openingWords, said, t } from "./language.js";
import { Pointing } from "./pointing.js";
import { drawMarks } from "./marks.js";
import { page } from "./page_state.js";
import { isPending } from "./review.js";
import { useStore } from "./store.js";
import { html, useLayoutEffect, useRef } from "./vendor/preact-htm.js";
import { fitted } from "./viewport.js";
import { Wipe } from "./wipe.js";

export function Stage({ review }) {
  const canvas = useRef();
  const tool = useStore(review, (state) => state.tool);
  const practised = useStore(review, (state) => state.practised);
  const waiting = useStore(review, (state) => state.waiting?.frame === state.frame);
  const pending = useStore(review, (state) => isPending(state.clip, state.frame));
  const opening = useStore(page, (state) => state.opening.get(review.id));
  const unreadable = useStore(review, (state) =>
    state.unreadable?.frame === state.frame ? state.unreadable : null,
  );
  const behind = useStore(review, (state) => !review.best(state.frame).image && !unreadable);

  useLayoutEffect(() => {
    const painter = new Painter(canvas.current, review);
    const pointing = new Pointing(canvas.current, review, painter);
    if (document.activeElement === document.body) canvas.current.focus();
    return () => {
      pointing.close();
      painter.close();
    };
  }, [review]);

  return html`<div class="stage">
    <canvas
      ref=${canvas}
      class=${`tool-${tool}`}
      tabindex="0"
      role="application"
      aria-label=${t("stage.label")}
      aria-describedby="stage-help"
      aria-busy=${behind}
      data-testid="stage"
    ></canvas>
    <p id="stage-help" class=${tool === "look" || practised[tool] ? "hidden" : "stage-help"}>
      ${t(`stage.help.${tool}`)}
    </p>
    <${Wipe} review=${review} />
    <div class="stage-notes" role="status">
      ${opening !== undefined && html`<span class="chip">${openingWords(opening)}</span>`}
      ${waiting && html`<span class="chip">${t("stage.waiting")}</span>`}
      ${!waiting && pending && html`<span class="chip warn">${t("stage.pending")}</span>`}
    </div>
    <${Loading} shown=${behind} />
    ${unreadable && html`<${Unreadable} review=${review} problem=${unreadable.problem} />`}
  </div>`;
}

// In the place of a picture that cannot be read.
function Unreadable({ review, problem }) {
  const again = () => {
    review.set({ unreadable: null });
    review.want();
  };
  return html`<div class="unreadable">
    <p role="alert"><${Icon} name="warn" />${said(problem)}</p>
    <button type="button" onClick=${again}>${t("problem.again")}</button>
  </div>`;
}

// Says that a picture is being read, but only where it takes long enough to be noticed (the delay is in the style sheet).
function Loading({ shown }) {
  return shown
    ? html`<div class="stage-loading" aria-hidden="true"><span class="spinner"></span></div>`
    : null;
}

// Draws when something has changed, at most once for each picture of the screen.
class Painter {
  constructor(canvas, review) {
    this.canvas = canvas;
    this.review = review;
    this.layers = {};
    this.last = null; // what was drawn last, which stays until the next frame is there
    this.pointing = null;
    this.stop = review.subscribe(() => this.redraw());
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(canvas.parentElement);
    this.#resize();
  }

  close() {
    this.stop();
    this.observer.disconnect();
    cancelAnimationFrame(this.due);
  }

  redraw() {
    this.due ??= requestAnimationFrame(() => {
      this.due = undefined;
      this.#draw();
    });
  }

  #resize() {
    const { width, height } = this.canvas.parentElement.getBoundingClientRect();
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.review.resize({ width: this.canvas.width, height: this.canvas.height });
    this.#draw();
  }

  get view() {
    const { clip, view } = this.review.state;
    return view ?? fitted(clip, this.canvas);
  }

  #draw() {
    const { clip, frame, mode, wipe, target, still } = this.review.state;
    if (!clip) return;
    const { image, masks } = this.review.best(frame);
    if (image) this.last = { frame, image, masks };
    const shown = image ? this.last : this.#kept();
    drawFrame(this.canvas, {
      image: shown?.image ?? null,
      layers: shown?.masks ? this.#layersOf(shown.masks, mode, target) : null,
      mode,
      wipe,
      view: this.view,
      size: clip,
      still,
    });
    drawMarks(this.canvas, this.view, this.review.state, this.pointing?.drawn ?? {});
    this.canvas.dataset.frame = shown ? shown.frame : "";
    this.canvas.dataset.masks = shown?.masks ? (shown.masks.old ? "old" : "shown") : "";
  }

  // The picture drawn last, unless it was dropped meanwhile (a closed ImageBitmap has no width).
  #kept() {
    if (this.last && this.last.image.width === 0) this.last = null;
    return this.last;
  }

  #layersOf(masks, mode, target) {
    const colours = this.review.colours;
    const key = JSON.stringify([[...colours], mode === "overlay", mode === "overlay" ? target : null]);
    if (this.layers.masks !== masks || this.layers.key !== key) {
      const layer =
        mode === "overlay"
          ? { tint: tintLayer(masks, colours, String(target)) }
          : { matte: matteLayer(masks, colours) };
      this.layers = { masks, key, ...layer };
    }
    return this.layers;
  }
}
