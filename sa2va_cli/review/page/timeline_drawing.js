// Draws the ruler and the rows of the timeline. Knows nothing about pointers and keys.

import { clock, endOf, frameAt, framesPerSecond, secondsOf } from "./timecode.js";

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];
const TICK_EM = 6; // between two times on the ruler

// A canvas takes plain colours: these properties are read as the colour that they have in the theme.
for (const name of ["cut", "doubt", "panel", "quiet", "text"]) {
  CSS.registerProperty({ name: `--${name}`, syntax: "<color>", inherits: true, initialValue: "black" });
}

function pen(canvas, { first, last }) {
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  return {
    context,
    ratio: devicePixelRatio,
    em: Number.parseFloat(style.fontSize), // in pixels of the page
    height: canvas.height,
    x: (frame) => ((frame - first) / (last - first + 1)) * canvas.width,
    colour: (name) => style.getPropertyValue(`--${name}`).trim(),
    font: `${Math.round(0.85 * Number.parseFloat(style.fontSize) * devicePixelRatio)}px ${style.fontFamily}`,
  };
}

export function drawRuler(canvas, clip, shown) {
  const { context, x, ratio, height, colour, font, em } = pen(canvas, shown);
  const [from, to] = [secondsOf(clip, shown.first), endOf(clip, shown.last)];
  const perSecond = canvas.width / (to - from) / ratio;
  const step = STEPS_S.find((one) => one * perSecond >= TICK_EM * em) ?? STEPS_S.at(-1);
  context.font = font;
  context.textBaseline = "middle";
  context.fillStyle = colour("quiet");
  let free = 0; // where the last time ends: frames that are shown for long have many times in little room
  for (let tick = Math.ceil(from / step); tick * step < to; tick++) {
    const at = x(placeOf(clip, tick * step));
    const words = shortClock(tick * step);
    if (at < free) continue;
    context.fillRect(at, height * 0.6, ratio, height * 0.4);
    context.fillText(words, at + 4 * ratio, height / 2);
    free = at + context.measureText(words).width + 8 * ratio;
  }
  context.fillStyle = colour("cut");
  for (const cut of clip.cuts) context.fillRect(x(cut) - ratio, 0, 2 * ratio, height);
}

// The frame of a time, and the part of it that has passed where all frames are shown equally long.
const placeOf = (clip, seconds) =>
  clip.times ? frameAt(clip, seconds) : (seconds - clip.start) * framesPerSecond(clip);

const shortClock = (seconds) =>
  clock(seconds)
    .replace(/(\.\d)\d\d$/, "$1")
    .replace(/\.0$/, "");

export function drawRow(canvas, clip, object, shown) {
  const tools = pen(canvas, shown);
  drawVisible(tools, object);
  drawConfidence(tools, clip, object, shown);
  drawPending(tools, object);
  drawCuts(tools, clip);
  drawRanges(tools, clip, object);
  drawCorrections(tools, clip, object);
}

function drawVisible({ context, x, height, ratio }, object) {
  context.fillStyle = object.colour;
  context.globalAlpha = 0.22;
  for (const [first, last] of object.visible) {
    context.fillRect(x(first), 3 * ratio, x(last + 1) - x(first), height - 4 * ratio);
  }
  context.globalAlpha = 1;
}

function drawConfidence({ context, x, height, ratio }, clip, object, shown) {
  const tall = height - 6 * ratio;
  object.confidence.forEach((value, bin) => {
    const first = bin * clip.bins;
    if (value === null || first > shown.last || first + clip.bins < shown.first) return;
    context.fillStyle = object.colour;
    const high = Math.round(Math.max(2 * ratio, value * tall));
    const left = Math.floor(x(first)); // whole pixels, so that no seams show between bins
    context.fillRect(left, height - ratio - high, Math.max(1, Math.floor(x(first + clip.bins)) - left), high);
  });
}

// Frames that are still to be done are hatched.
function drawPending({ context, x, height, ratio, colour }, { pending }) {
  context.save();
  context.strokeStyle = colour("quiet");
  context.lineWidth = ratio;
  for (const [first, last] of pending) {
    const [left, right] = [x(first), x(last + 1)];
    context.save();
    context.beginPath();
    context.rect(left, 0, right - left, height);
    context.clip();
    context.globalAlpha = 0.75;
    context.fillStyle = colour("panel");
    context.fillRect(left, 0, right - left, height);
    context.beginPath();
    for (let at = left - height; at < right; at += 6 * ratio) {
      context.moveTo(at, height);
      context.lineTo(at + height, 0);
    }
    context.stroke();
    context.restore();
  }
  context.restore();
}

function drawCuts({ context, x, height, ratio, colour }, clip) {
  context.fillStyle = colour("cut");
  for (const cut of clip.cuts) context.fillRect(x(cut) - ratio / 2, 0, ratio, height);
}

function drawRanges({ context, x, ratio, colour }, clip, object) {
  context.fillStyle = colour("doubt");
  for (const { first, last } of clip.ranges.filter((range) => range.object === object.id)) {
    context.fillRect(x(first), 0, Math.max(3 * ratio, x(last + 1) - x(first)), 3 * ratio);
  }
}

function drawCorrections({ context, x, height, ratio, colour }, clip, object) {
  for (const { frame } of clip.corrections.filter((one) => one.object === object.id)) {
    const middle = x(frame + 0.5);
    const size = 5 * ratio;
    context.beginPath();
    context.moveTo(middle, height / 2 - size);
    context.lineTo(middle + size, height / 2);
    context.lineTo(middle, height / 2 + size);
    context.lineTo(middle - size, height / 2);
    context.closePath();
    context.fillStyle = colour("text");
    context.fill();
    context.lineWidth = 1.5 * ratio;
    context.strokeStyle = colour("panel");
    context.stroke();
  }
}
