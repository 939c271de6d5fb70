// Draws a picture and its masks on a canvas. Knows nothing about where they come from, or about tools.

export const MODES = ["overlay", "source", "checker", "green", "black"];

const TINT = 0.45;
const GREEN = "#00b140"; // chroma key green
const CHECKER = 12; // pixels of the screen

// A canvas with all objects in their colours: a tint, and an edge that is full. The selected one's edge is wider.
export function tintLayer(masks, colours, selected) {
  return layer(masks, (pixels) => {
    masks.objects.forEach((id, row) => {
      const colour = colours.get(id);
      if (colour) tint(pixels, masks, row, colour, id === selected ? 2 : 1);
    });
  });
}

// Written for speed: it is done for every frame that is shown, on the page's only thread.
function tint(pixels, { width, height, alphas }, row, [red, green, blue], edge) {
  const start = row * width * height;
  const [below, right, bottom] = [edge * width, width - edge, height - edge];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const from = start + at;
      const alpha = alphas[from];
      if (alpha === 0) continue;
      const isEdge =
        alpha > 127 &&
        (x < edge ||
          y < edge ||
          x >= right ||
          y >= bottom ||
          alphas[from - edge] <= 127 ||
          alphas[from + edge] <= 127 ||
          alphas[from - below] <= 127 ||
          alphas[from + below] <= 127);
      over(pixels, 4 * at, red, green, blue, isEdge ? 1 : (alpha / 255) * TINT);
    }
  }
}

// Puts a colour over what is there already (straight alpha).
function over(pixels, at, red, green, blue, opacity) {
  const known = pixels[at + 3];
  if (known === 0 || opacity === 1) {
    pixels[at] = red;
    pixels[at + 1] = green;
    pixels[at + 2] = blue;
    pixels[at + 3] = 255 * opacity;
    return;
  }
  const below = (known / 255) * (1 - opacity);
  const total = opacity + below;
  pixels[at] = (red * opacity + pixels[at] * below) / total;
  pixels[at + 1] = (green * opacity + pixels[at + 1] * below) / total;
  pixels[at + 2] = (blue * opacity + pixels[at + 2] * below) / total;
  pixels[at + 3] = 255 * total;
}

// A canvas that is opaque where any of the objects is.
export function matteLayer(masks, colours) {
  return layer(masks, (pixels) => {
    masks.objects.forEach((id, row) => {
      if (!colours.has(id)) return;
      const start = row * masks.width * masks.height;
      for (let at = 0; at < masks.width * masks.height; at++) {
        pixels[4 * at + 3] = Math.max(pixels[4 * at + 3], masks.alphas[start + at]);
      }
    });
  });
}

function layer({ width, height, objects }, fill) {
  const canvas = new OffscreenCanvas(width, height);
  if (!objects.length) return canvas;
  const context = canvas.getContext("2d");
  const data = context.createImageData(width, height);
  fill(data.data);
  context.putImageData(data, 0, 0);
  return canvas;
}

// Draws one frame. `view` is where the source (`size`) lies on the canvas; left of `wipe` (0..1, or null) is the source.
// A frame that is not `still` is on its way to the next one: quick is better than smooth.
export function drawFrame(canvas, { image, layers, mode, wipe, view, size, still }) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!image) return;
  const place = [view.x, view.y, size.width * view.scale, size.height * view.scale];
  context.imageSmoothingEnabled = view.scale * (size.width / image.width) < 3; // near to it, a pixel is a square
  context.imageSmoothingQuality = still ? "high" : "low";
  context.drawImage(image, ...place);
  if (mode === "source" || !layers) return;
  context.save();
  context.beginPath();
  const left = wipe === null ? 0 : wipe * canvas.width;
  context.rect(left, 0, canvas.width - left, canvas.height);
  context.clip();
  if (mode === "overlay") context.drawImage(layers.tint, ...place);
  else
    context.drawImage(cutOut(canvas, image, layers.matte, mode, place, context.imageSmoothingEnabled), 0, 0);
  context.restore();
  if (wipe !== null) line(context, left, canvas.height);
}

function cutOut(canvas, image, matte, mode, place, smooth) {
  const cut = new OffscreenCanvas(canvas.width, canvas.height);
  const context = cut.getContext("2d");
  context.imageSmoothingEnabled = smooth;
  context.drawImage(matte, ...place);
  context.globalCompositeOperation = "source-in";
  context.drawImage(image, ...place);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = mode === "checker" ? checker(context) : mode === "green" ? GREEN : "#000";
  context.fillRect(...place);
  return cut;
}

function checker(context) {
  const tile = new OffscreenCanvas(2 * CHECKER, 2 * CHECKER);
  const squares = tile.getContext("2d");
  squares.fillStyle = "#b8b8b8";
  squares.fillRect(0, 0, 2 * CHECKER, 2 * CHECKER);
  squares.fillStyle = "#8c8c8c";
  squares.fillRect(0, 0, CHECKER, CHECKER);
  squares.fillRect(CHECKER, CHECKER, CHECKER, CHECKER);
  return context.createPattern(tile, "repeat");
}

function line(context, x, height) {
  context.fillStyle = "#000";
  context.fillRect(x - 2, 0, 4, height);
  context.fillStyle = "#fff";
  context.fillRect(x - 1, 0, 2, height);
}

// "#rrggbb" as three numbers.
export function rgb(colour) {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
