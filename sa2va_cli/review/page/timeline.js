// The clip from end to end: for each object where it is seen, how far its masks can be trusted, and what was done.

import { t } from "./language.js";
import { preferences } from "./preferences.js";
import { useStore } from "./store.js";
import { drawRow, drawRuler } from "./timeline_drawing.js";
import { Thumbnails } from "./thumbnails.js";
import { clock, secondsOf } from "./timecode.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";

const NARROWEST = 20; // frames that a timeline drawn as large as possible shows

export function Timeline({ review }) {
  const clip = useStore(review, (state) => state.clip);
  const [windowShown, setWindow] = useState({ first: 0, last: clip.frames - 1 });
  const tracks = useRef();
  useFollowing(review, windowShown, setWindow);
  const width = useWidth(tracks);

  const frameOf = (event) => {
    const { left, width: wide } = tracks.current.getBoundingClientRect();
    return windowShown.first + Math.floor(((event.clientX - left) / wide) * lengthOf(windowShown));
  };
  const scrub = (event) => {
    if (event.type === "pointerdown") tracks.current.setPointerCapture(event.pointerId);
    if (tracks.current.hasPointerCapture(event.pointerId)) review.seek(frameOf(event));
  };
  const wheel = (event) => {
    if (!event.ctrlKey && !event.deltaX) return;
    event.preventDefault();
    setWindow(
      event.ctrlKey
        ? zoomedWindow(windowShown, 1.002 ** event.deltaY, frameOf(event), clip.frames)
        : movedWindow(windowShown, Math.round((event.deltaX / width) * lengthOf(windowShown)), clip.frames),
    );
  };
  useWheel(tracks, wheel);

  return html`<section class="timeline" aria-label=${t("timeline.label")}>
    <div>
      <div class="label ruler-label">
        <${WindowButtons} window=${windowShown} clip=${clip} set=${setWindow} review=${review} />
      </div>
      <div class="label thumbs-label"></div>
      ${clip.objects.map((one) => html`<${Label} key=${one.id} review=${review} object=${one} />`)}
      ${!clip.objects.length && html`<div class="label quiet">${t("timeline.empty")}</div>`}
    </div>
    <div class="tracks" ref=${tracks} onPointerDown=${scrub} onPointerMove=${scrub}>
      <${Ruler} review=${review} clip=${clip} window=${windowShown} width=${width} />
      <${Thumbnails} clip=${clip} window=${windowShown} width=${width} />
      ${clip.objects.map(
        (one) =>
          html`<${Row} key=${one.id} clip=${clip} object=${one} window=${windowShown} width=${width} />`,
      )}
      <${Marked} review=${review} window=${windowShown} clip=${clip} />
      <${Playhead} review=${review} window=${windowShown} />
    </div>
  </section>`;
}

const lengthOf = ({ first, last }) => last - first + 1;

const share = (frame, { first, last }) => (frame - first) / (last - first + 1);

function zoomedWindow(shown, factor, at, frames) {
  const length = Math.round(
    Math.max(Math.min(NARROWEST, frames), Math.min(frames, lengthOf(shown) * factor)),
  );
  const first = Math.round(at - share(at, shown) * length);
  return movedWindow({ first, last: first + length - 1 }, 0, frames);
}

function movedWindow({ first, last }, by, frames) {
  const moved = Math.max(0, Math.min(frames - (last - first + 1), first + by));
  return { first: moved, last: moved + last - first };
}

// Turns the page when the playhead leaves it.
function useFollowing(review, shown, setWindow) {
  useEffect(
    () =>
      review.subscribe(({ frame, clip }) => {
        if (frame >= shown.first && frame <= shown.last) return;
        setWindow(movedWindow(shown, Math.round(frame - shown.first - lengthOf(shown) / 4), clip.frames));
      }),
    [review, shown],
  );
}

function useWidth(element) {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setWidth(element.current.clientWidth));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return width;
}

// Wheels that do something must not scroll the page, which takes a listener that is not passive.
function useWheel(element, take) {
  const latest = useRef();
  latest.current = take;
  useEffect(() => {
    const listener = (event) => latest.current(event);
    const target = element.current;
    target.addEventListener("wheel", listener, { passive: false });
    return () => target.removeEventListener("wheel", listener);
  }, []);
}

function WindowButtons({ window: shown, clip, set, review }) {
  const zoom = (factor) => set(zoomedWindow(shown, factor, review.state.frame, clip.frames));
  return html`<button
      type="button"
      class="text-button"
      aria-label=${t("timeline.larger")}
      title=${t("timeline.larger")}
      disabled=${lengthOf(shown) <= NARROWEST}
      onClick=${() => zoom(0.5)}
    >
      +
    </button>
    <button
      type="button"
      class="text-button"
      aria-label=${t("timeline.smaller")}
      title=${t("timeline.smaller")}
      disabled=${lengthOf(shown) >= clip.frames}
      onClick=${() => zoom(2)}
    >
      −
    </button>`;
}

function Label({ review, object }) {
  const chosen = useStore(review, (state) => state.target === object.id);
  return html`<button
    type="button"
    class=${`label${chosen ? " chosen" : ""}`}
    aria-pressed=${chosen}
    title=${object.name}
    onClick=${() => review.set({ target: object.id })}
  >
    <span class="swatch" style=${{ background: object.colour }}></span>
    <span class="name">${object.name}</span>
  </button>`;
}

// Draws on a canvas whenever what it shows, its size or the theme has changed.
function useDrawing(draw, width, inputs) {
  const canvas = useRef();
  const theme = useStore(preferences, (state) => state.theme);
  useLayoutEffect(() => {
    const redraw = () => {
      const element = canvas.current;
      element.width = Math.round(element.clientWidth * devicePixelRatio);
      element.height = Math.round(element.clientHeight * devicePixelRatio);
      draw(element);
    };
    redraw();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", redraw);
    return () => scheme.removeEventListener("change", redraw);
  }, [width, theme, ...inputs]);
  return canvas;
}

function Ruler({ review, clip, window: shown, width }) {
  const frame = useStore(review, (state) => state.frame);
  const canvas = useDrawing((element) => drawRuler(element, clip, shown), width, [clip, shown]);
  return html`<canvas
    ref=${canvas}
    class="ruler"
    tabindex="0"
    role="slider"
    aria-label=${t("timeline.position")}
    aria-valuemin="0"
    aria-valuemax=${clip.frames - 1}
    aria-valuenow=${frame}
    aria-valuetext=${t("timeline.at", { frame, time: clock(secondsOf(clip, frame)) })}
  ></canvas>`;
}

function Row({ clip, object, window: shown, width }) {
  const canvas = useDrawing((element) => drawRow(element, clip, object, shown), width, [clip, object, shown]);
  const doubtful = clip.ranges.filter((range) => range.object === object.id).length;
  const visible = object.visible.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const words = t("timeline.row", { name: object.name, visible, frames: clip.frames, doubtful });
  return html`<canvas
    ref=${canvas}
    class=${`row${object.hidden ? " faint" : ""}`}
    role="img"
    aria-label=${words}
  ></canvas>`;
}

function Playhead({ review, window: shown }) {
  const frame = useStore(review, (state) => state.frame);
  return html`<div class="playhead" style=${{ left: `${100 * share(frame + 0.5, shown)}%` }}></div>`;
}

// Dims what lies outside of the marks.
function Marked({ review, window: shown, clip }) {
  const marks = useStore(review, (state) => state.marks);
  const outside = (first, last) => {
    const left = Math.max(0, share(first, shown));
    const right = Math.min(1, share(last + 1, shown));
    const style = { left: `${100 * left}%`, width: `${100 * Math.max(0, right - left)}%` };
    return html`<div class="outside" style=${style}></div>`;
  };
  return html`${marks.in !== null && outside(0, marks.in - 1)}
  ${marks.out !== null && outside(marks.out + 1, clip.frames - 1)}`;
}
