// The line between the source (left of it) and the result: dragged, or moved with the arrow keys.

import { t } from "./language.js";
import { useStore } from "./store.js";
import { html } from "./vendor/preact-htm.js";

const STEP = 0.02;

export function Wipe({ review }) {
  const wipe = useStore(review, (state) => state.wipe);
  if (wipe === null) return null;
  const move = (to) => review.set({ wipe: Math.max(0, Math.min(1, to)) });

  const drag = (event) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { left, width } = event.currentTarget.parentElement.getBoundingClientRect();
    move((event.clientX - left) / width);
  };
  const press = (event) => {
    const change = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (!change) return;
    event.preventDefault();
    event.stopPropagation();
    move(wipe + change);
  };

  return html`<div
    class="wipe"
    style=${{ left: `${wipe * 100}%` }}
    role="slider"
    tabindex="0"
    aria-label=${t("wipe.label")}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${Math.round(wipe * 100)}
    onPointerDown=${(event) => event.currentTarget.setPointerCapture(event.pointerId)}
    onPointerMove=${drag}
    onKeyDown=${press}
  ></div>`;
}
