// The bar below the picture: playing, stepping, marks, and how the picture is shown.

import { MODES } from "./drawing.js";
import { IconButton } from "./icons.js";
import { t } from "./language.js";
import { useStore } from "./store.js";
import { clock, secondsOf } from "./timecode.js";
import { html, useState } from "./vendor/preact-htm.js";
import { fitted, zoomed } from "./viewport.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];

export function Transport({ review }) {
  return html`<div class="transport" role="toolbar" aria-label=${t("transport.label")}>
    <${Moving} review=${review} />
    <${Where} review=${review} />
    <${Marks} review=${review} />
    <span class="spring"></span>
    <${Showing} review=${review} />
    <${Zoom} review=${review} />
  </div>`;
}

function Moving({ review }) {
  const speed = useStore(review, (state) => state.speed);
  const clip = useStore(review, (state) => state.clip);
  const none = !clip.ranges.length;
  return html`<div class="group">
    <${IconButton}
      icon="flagBack"
      label=${t("transport.previous_range")}
      keys="Shift+N"
      disabled=${none}
      onClick=${() => review.jumpToRange(-1)}
    />
    <${IconButton} icon="back" label=${t("transport.step_back")} keys="←" onClick=${() => review.step(-1)} />
    <${IconButton}
      icon=${speed ? "pause" : "play"}
      label=${speed ? t("transport.pause") : t("transport.play")}
      keys="Space"
      data-testid="play"
      onClick=${() => togglePlaying(review)}
    />
    <${IconButton} icon="forward" label=${t("transport.step")} keys="→" onClick=${() => review.step(1)} />
    <${IconButton}
      icon="flagForward"
      label=${t("transport.next_range")}
      keys="N"
      disabled=${none}
      onClick=${() => review.jumpToRange(1)}
    />
    <select
      aria-label=${t("transport.speed")}
      title=${t("transport.speed")}
      value=${Math.abs(speed || review.chosenSpeed || 1)}
      onChange=${(event) => chooseSpeed(review, Number(event.target.value))}
    >
      ${SPEEDS.map((one) => html`<option key=${one} value=${one}>${one}×</option>`)}
    </select>
  </div>`;
}

export function togglePlaying(review) {
  review.setSpeed(review.state.speed ? 0 : (review.chosenSpeed ?? 1));
}

function chooseSpeed(review, speed) {
  review.chosenSpeed = speed;
  if (review.state.speed) review.setSpeed(Math.sign(review.state.speed) * speed);
}

// L plays, and faster each time; J the same backwards.
export function shuttle(review, direction) {
  const { speed } = review.state;
  const faster = Math.min(SPEEDS.at(-1), Math.abs(speed) * 2);
  review.setSpeed(Math.sign(speed) === direction ? direction * faster : direction);
}

function Where({ review }) {
  const frame = useStore(review, (state) => state.frame);
  const clip = useStore(review, (state) => state.clip);
  const [typed, setTyped] = useState(null); // what is being written, which news of the clip must not take away
  const go = (event) => {
    setTyped(null);
    if (event.target.value !== "") review.seek(Number(event.target.value));
  };
  return html`<div class="group where">
    <label>
      <span>${t("transport.frame")}</span>
      <input
        type="number"
        min="0"
        max=${clip.frames - 1}
        value=${typed ?? frame}
        style=${{ width: `${String(clip.frames).length + 3}ch` }}
        aria-label=${t("transport.frame_of", { last: clip.frames - 1 })}
        data-testid="frame"
        onInput=${(event) => setTyped(event.target.value)}
        onChange=${go}
        onBlur=${() => setTyped(null)}
      />
    </label>
    <span class="quiet">/ ${clip.frames - 1}</span>
    <time class="clock">${clock(secondsOf(clip, frame))}</time>
  </div>`;
}

function Marks({ review }) {
  const marks = useStore(review, (state) => state.marks);
  const clip = useStore(review, (state) => state.clip);
  const sound = useStore(review, (state) => state.sound);
  const button = (end) =>
    html`<button
      type="button"
      class=${`text-button${marks[end] === null ? "" : " pressed"}`}
      aria-pressed=${marks[end] !== null}
      title=${`${t(`marks.${end}.help`)} (${end === "in" ? "I" : "O"})`}
      onClick=${() => review.mark(end)}
    >
      ${t(`marks.${end}`)}${marks[end] === null ? "" : ` ${marks[end]}`}
    </button>`;
  return html`<div class="group">
    ${button("in")} ${button("out")}
    ${
      clip.sound &&
      html`<${IconButton}
        icon=${sound ? "sound" : "silent"}
        label=${t("transport.sound")}
        pressed=${sound}
        onClick=${() => review.set({ sound: !sound })}
      />`
    }
  </div>`;
}

function Showing({ review }) {
  const mode = useStore(review, (state) => state.mode);
  const wipe = useStore(review, (state) => state.wipe);
  return html`<div class="group">
    <select
      aria-label=${t("view.label")}
      title=${`${t("view.label")} (M)`}
      value=${mode}
      data-testid="mode"
      onChange=${(event) => review.set({ mode: event.target.value })}
    >
      ${MODES.map((one) => html`<option key=${one} value=${one}>${t(`view.${one}`)}</option>`)}
    </select>
    <${IconButton}
      icon="wipe"
      label=${t("view.wipe")}
      keys="W"
      pressed=${wipe !== null}
      onClick=${() => toggleWipe(review)}
    />
  </div>`;
}

export function toggleWipe(review) {
  review.set({ wipe: review.state.wipe === null ? 0.5 : null });
}

function Zoom({ review }) {
  const view = useStore(review, (state) => state.view);
  const canvas = useStore(review, (state) => state.canvas);
  const clip = useStore(review, (state) => state.clip);
  const { scale } = view ?? fitted(clip, canvas);
  return html`<div class="group">
    <${IconButton}
      icon="minus"
      label=${t("view.smaller")}
      keys="-"
      onClick=${() => zoomBy(review, 1 / 1.5)}
    />
    <output class="zoom" aria-label=${t("view.zoom")}>${Math.round(scale * 100)} %</output>
    <${IconButton} icon="add" label=${t("view.larger")} keys="+" onClick=${() => zoomBy(review, 1.5)} />
    <${IconButton} icon="fit" label=${t("view.fit")} keys="0" onClick=${() => review.look(null)} />
  </div>`;
}

export function zoomBy(review, factor) {
  const { clip, canvas, view } = review.state;
  const centre = { x: canvas.width / 2, y: canvas.height / 2 };
  review.look(zoomed(view ?? fitted(clip, canvas), factor, centre, clip, canvas));
}
