// The tools for correcting, beside the picture.

import { IconButton } from "./icons.js";
import { t } from "./language.js";
import { useStore } from "./store.js";
import { html } from "./vendor/preact-htm.js";

const ROWS = [
  { tool: "look", icon: "look", keys: "V" },
  { tool: "point", icon: "point", keys: "P" },
  { tool: "box", icon: "box", keys: "B" },
  { tool: "brush", icon: "brush", keys: "U" },
  { tool: "eraser", icon: "eraser", keys: "E" },
];
const LARGEST_RADIUS = 200;

export function Tools({ review }) {
  const tool = useStore(review, (state) => state.tool);
  const radius = useStore(review, (state) => state.radius);
  const nothing = useStore(review, (state) => !state.clip.tracks); // there is nothing to correct yet
  const paints = tool === "brush" || tool === "eraser";
  return html`<div class="tools" role="toolbar" aria-orientation="vertical" aria-label=${t("tools.label")}>
    ${ROWS.map(
      (row) =>
        html`<${IconButton}
          key=${row.tool}
          icon=${row.icon}
          label=${t(`tools.${row.tool}`)}
          keys=${row.keys}
          pressed=${tool === row.tool}
          disabled=${nothing && row.tool !== "look"}
          onClick=${() => review.takeUp(row.tool)}
        />`,
    )}
    ${
      paints &&
      html`<label class="radius" title=${`${t("tools.radius")} ([ ])`}>
        <span class="hidden">${t("tools.radius")}</span>
        <input
          type="range"
          min="1"
          max=${LARGEST_RADIUS}
          value=${radius}
          onInput=${(event) => review.set({ radius: Number(event.target.value) })}
        />
        <output>${radius}</output>
      </label>`
    }
  </div>`;
}

export function changeRadius(review, factor) {
  const radius = Math.round(review.state.radius * factor + Math.sign(factor - 1));
  review.set({ radius: Math.max(1, Math.min(LARGEST_RADIUS, radius)) });
}
