// Where the picture lies on the canvas: scale and offset, in canvas pixels. Pure functions.

const LARGEST_SCALE = 64;

// The whole picture, centred. `null` as a view means this one.
export function fitted(picture, canvas) {
  const scale = Math.min(canvas.width / picture.width, canvas.height / picture.height);
  return {
    scale,
    x: (canvas.width - picture.width * scale) / 2,
    y: (canvas.height - picture.height * scale) / 2,
  };
}

export function zoomed(view, factor, at, picture, canvas) {
  const smallest = fitted(picture, canvas).scale;
  const scale = Math.max(smallest, Math.min(LARGEST_SCALE, view.scale * factor));
  if (scale === smallest) return null;
  const grown = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * grown, y: at.y - (at.y - view.y) * grown };
}

// Moved, but never so far that nothing of the picture is left.
export function panned(view, dx, dy, picture, canvas) {
  const kept = 40;
  return {
    scale: view.scale,
    x: Math.max(kept - picture.width * view.scale, Math.min(canvas.width - kept, view.x + dx)),
    y: Math.max(kept - picture.height * view.scale, Math.min(canvas.height - kept, view.y + dy)),
  };
}

export const toPicture = (view, at) => ({ x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale });

export const toCanvas = (view, at) => ({ x: at.x * view.scale + view.x, y: at.y * view.scale + view.y });
