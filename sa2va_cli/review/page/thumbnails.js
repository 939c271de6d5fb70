// A strip of small pictures, spread evenly over what the timeline shows.

import { thumbnailAddress } from "./api.js";
import { html } from "./vendor/preact-htm.js";

const WIDTH_PX = 84;
const hide = (event) => event.target.classList.add("failed"); // its place stays empty
const show = (event) => event.target.classList.remove("failed");

export function Thumbnails({ clip, window: { first, last }, width }) {
  const count = Math.max(1, Math.floor(width / WIDTH_PX));
  const length = last - first + 1;
  const frames = Array.from(
    { length: count },
    (_, index) => first + Math.floor(((index + 0.5) / count) * length),
  );
  return html`<div class="thumbs" aria-hidden="true">
    ${width > 0 && frames.map((frame, at) => html`<img key=${at} src=${thumbnailAddress(clip.id, frame)} alt="" draggable=${false} onError=${hide} onLoad=${show} />`)}
  </div>`;
}
