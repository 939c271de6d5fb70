// Small pictures for buttons, drawn in the colour of their text. They say nothing to a screen reader: their buttons do.

import { html } from "./vendor/preact-htm.js";

const PATHS = {
  look: "M6 3.5 18.5 12l-5.6 1.2L10 19z",
  point: "M12 4v16M4 12h16",
  box: "M5 5h14v14H5z",
  brush: "M4 20c3 0 5-1 5-3.5A2.5 2.5 0 0 0 4 16.500zM9 15 18 4l2.5 2L11.5 17",
  eraser: "M9 20h11M5 15l8-9 6 5-8 9H8z",
  add: "M12 5v14M5 12h14",
  play: "M7 4.500v15L19 12z",
  pause: "M8 5v14M16 5v14",
  back: "M16 5 8 12l8 7zM6 5v14",
  forward: "m8 5 8 7-8 7zM18 5v14",
  flagBack: "M12 5 5 12l7 7M19 5l-7 7 7 7",
  flagForward: "m12 5 7 7-7 7M5 5l7 7-7 7",
  sound: "M4 9.500h3.500L12 5.500v13L7.5 14.500H4zM15.5 9a4 4 0 0 1 0 6M18 6.500a7.5 7.5 0 0 1 0 11",
  silent: "M4 9.500h3.500L12 5.500v13L7.5 14.500H4zM16 9.500l5 5M21 9.500l-5 5",
  wipe: "M12 3v18M4 6h5v12H4M15 6h5v12h-5",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  minus: "M5 12h14",
  undo: "M9 6 4.5 10.5 9 15M5 10.500h9a5 5 0 0 1 0 10h-3",
  redo: "m15 6 4.5 4.500L15 15M19 10.500h-9a5 5 0 0 0 0 10h3",
  save: "M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-7h8v7",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.200a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.600z",
  eyeOff:
    "M4 4l16 16M9.5 6a9 9 0 0 1 2.5-.5c6 0 9.5 6.5 9.5 6.500a17 17 0 0 1-3 3.700M6.2 7.700A16 16 0 0 0 2.5 12S6 18.5 12 18.500a9 9 0 0 0 3.8-.8",
  pencil: "M4 20l1-4L16 5l3 3L8 19z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  split: "M12 3v4M12 17v4M5 9v6M19 9v6M12 10v4",
  merge: "M5 5c0 6 7 4 7 10v5M19 5c0 6-7 4-7 10",
  cut: "M6 8a2.5 2.5 0 1 0 0-.1zM6 16a2.5 2.5 0 1 0 0 .1zM8 9l12 8M8 15l12-8",
  close: "m6 6 12 12M18 6 6 18",
  check: "m5 13 4.5 4.500L19 7",
  help: "M9 9a3 3 0 1 1 4.5 2.600c-1 .6-1.5 1.2-1.5 2.400M12 17.500v.5",
  theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  left: "m15 5-7 7 7 7",
  right: "m9 5 7 7-7 7",
  warn: "M12 4 2.5 20h19zM12 10v5M12 17v.5",
  copy: "M8 8h11v12H8zM5 16V4h11",
  folder: "M3.5 6h6l2 2.500h9V19h-17z",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}

// A button that shows an icon only; its words are for the tooltip and for screen readers.
export function IconButton({ icon, label, keys = "", pressed, ...others }) {
  const title = keys ? `${label} (${keys})` : label;
  return html`<button
    type="button"
    class=${`icon-button${pressed ? " pressed" : ""}`}
    title=${title}
    aria-label=${label}
    aria-keyshortcuts=${keys || undefined}
    aria-pressed=${pressed}
    ...${others}
  >
    <${Icon} name=${icon} />
  </button>`;
}
