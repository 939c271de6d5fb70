// What is drawn over the picture in lines: points, boxes, strokes and the crosshair of the keyboard.

import { toCanvas } from "./viewport.js";

const ADD = "#35c46a";
const TAKE = "#ef4f4f";

// `drawn` is what the tool in hand shows: {box, stroke, cross, brush} in pixels of the source, each where there is one.
export function drawMarks(canvas, view, { clip, frame, target, waiting, tool, radius }, drawn) {
  const context = canvas.getContext("2d");
  const pen = new Pen(context, view, window.devicePixelRatio);
  for (const correction of clip.corrections) {
    if (correction.frame === frame && correction.object === target) {
      given(pen, { ...correction, stroke: null }); // what was painted is in the mask by now
    }
  }
  if (waiting?.frame === frame) given(pen, waiting);
  if (drawn.box) pen.box(drawn.box, true);
  if (drawn.stroke) pen.stroke(drawn.stroke, radius, tool === "brush");
  if (drawn.brush) pen.circle(drawn.brush, radius);
  if (drawn.cross) pen.cross(drawn.cross);
}

function given(pen, { points = [], box = null, stroke = null, radius = 0, add = true }) {
  for (const [x, y, sign] of points ?? []) pen.point({ x, y }, sign === 1);
  if (box) pen.box(box, false);
  if (stroke) pen.stroke(stroke, radius, add);
}

class Pen {
  constructor(context, view, ratio) {
    this.context = context;
    this.view = view;
    this.ratio = ratio;
  }

  point(at, positive) {
    const { x, y } = toCanvas(this.view, at);
    const { context, ratio } = this;
    context.beginPath();
    context.arc(x, y, 7 * ratio, 0, 2 * Math.PI);
    context.fillStyle = positive ? ADD : TAKE;
    context.fill();
    context.lineWidth = 2 * ratio;
    context.strokeStyle = "#fff";
    context.stroke();
    context.fillStyle = "#fff";
    context.fillRect(x - 4 * ratio, y - ratio, 8 * ratio, 2 * ratio);
    if (positive) context.fillRect(x - ratio, y - 4 * ratio, 2 * ratio, 8 * ratio);
  }

  box([x1, y1, x2, y2], dashed) {
    const from = toCanvas(this.view, { x: x1, y: y1 });
    const to = toCanvas(this.view, { x: x2, y: y2 });
    const trace = () => this.context.rect(from.x, from.y, to.x - from.x, to.y - from.y);
    this.#line(trace, ADD, dashed ? [6 * this.ratio, 4 * this.ratio] : []);
  }

  stroke(path, radius, add) {
    const { context } = this;
    context.save();
    context.globalAlpha = 0.5;
    context.strokeStyle = add ? ADD : TAKE;
    context.lineWidth = 2 * radius * this.view.scale;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    path.forEach(([x, y], index) => {
      const at = toCanvas(this.view, { x, y });
      if (index === 0) context.moveTo(at.x, at.y);
      context.lineTo(at.x, at.y);
    });
    context.stroke();
    context.restore();
  }

  circle(at, radius) {
    const { x, y } = toCanvas(this.view, at);
    this.#line(() => this.context.arc(x, y, radius * this.view.scale, 0, 2 * Math.PI), "#fff", []);
  }

  cross(at) {
    const { x, y } = toCanvas(this.view, at);
    const long = 14 * this.ratio;
    const trace = () => {
      this.context.moveTo(x - long, y);
      this.context.lineTo(x + long, y);
      this.context.moveTo(x, y - long);
      this.context.lineTo(x, y + long);
    };
    this.#line(trace, "#fff", []);
  }

  // A line that is seen on bright and on dark pictures.
  #line(trace, colour, dash) {
    const { context, ratio } = this;
    context.save();
    for (const [style, width] of [
      ["rgba(0, 0, 0, 0.7)", 4],
      [colour, 2],
    ]) {
      context.beginPath();
      trace();
      context.setLineDash(dash);
      context.strokeStyle = style;
      context.lineWidth = width * ratio;
      context.stroke();
    }
    context.restore();
  }
}
