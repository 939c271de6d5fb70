// Pictures and masks of a clip by frame: read ahead, kept while there is room. Knows nothing about drawing.

import { readMasks, readPicture } from "./api.js";

const ROOM = 256 * 2 ** 20; // bytes of decoded pictures that are kept
const AT_ONCE = 4; // requests at a time: browsers allow six to one server, and edits must come through

export class FrameStore {
  // `loaded(frame)` is called when something of a frame has arrived, `failed(problem)` when it could not be read.
  constructor(clip, loaded, failed) {
    this.clip = clip;
    this.loaded = loaded;
    this.failed = failed;
    this.kept = new Map(); // in the order of use, so that the first is dropped first
    this.bytes = 0;
    this.reading = new Map();
    this.wanted = [];
  }

  // Names what is needed, most urgent first: [{kind, frame, width, revision}, ...]. What is no longer needed is stopped.
  want(list) {
    this.wanted = list.map((one) => ({ ...one, key: keyOf(one) }));
    const keys = new Set(this.wanted.map((one) => one.key));
    for (const [key, stop] of this.reading) {
      if (!keys.has(key)) stop.abort();
    }
    this.#readNext();
  }

  get(one) {
    const key = keyOf(one);
    const entry = this.kept.get(key);
    if (!entry) return null;
    this.kept.delete(key);
    this.kept.set(key, entry);
    return entry.value;
  }

  // Forgets masks of frames whose masks have changed.
  forgetMasks(first, last) {
    for (const [key, entry] of this.kept) {
      const { kind, frame } = entry.one;
      if (kind === "masks" && frame >= first && frame <= last) this.#drop(key);
    }
    for (const [key, stop] of this.reading) {
      if (stop.one.kind === "masks" && stop.one.frame >= first && stop.one.frame <= last) {
        stop.abort();
        this.reading.delete(key);
      }
    }
    this.#readNext();
  }

  close() {
    this.want([]);
    for (const key of [...this.kept.keys()]) this.#drop(key);
  }

  #readNext() {
    for (const one of this.wanted) {
      if (this.reading.size >= AT_ONCE) return;
      if (!this.kept.has(one.key) && !this.reading.has(one.key)) this.#read(one);
    }
  }

  async #read(one) {
    const stop = new AbortController();
    stop.one = one;
    this.reading.set(one.key, stop);
    try {
      const value = await (one.kind === "picture" ? picture : masks)(this.clip, one, stop.signal);
      if (!stop.signal.aborted) this.#keep(one, value);
    } catch (problem) {
      if (problem.name === "AbortError" || stop.signal.aborted) return;
      this.wanted = this.wanted.filter((other) => other.key !== one.key);
      this.failed(problem);
    } finally {
      if (this.reading.get(one.key) === stop) this.reading.delete(one.key);
      this.#readNext();
    }
  }

  #keep(one, value) {
    this.#drop(one.key);
    this.kept.set(one.key, { one, value });
    this.bytes += value.bytes;
    for (const key of this.kept.keys()) {
      if (this.bytes <= ROOM || key === one.key) break;
      this.#drop(key);
    }
    this.loaded(one.frame);
  }

  #drop(key) {
    const entry = this.kept.get(key);
    if (!entry) return;
    this.kept.delete(key);
    this.bytes -= entry.value.bytes;
    if (entry.value.image) entry.value.image.close();
  }
}

function keyOf({ kind, frame, width, revision = 0 }) {
  return `${kind} ${frame} ${width} ${revision}`;
}

async function picture(clip, { frame, width }, signal) {
  const image = await createImageBitmap(await readPicture(clip, frame, width, signal));
  return { image, bytes: image.width * image.height * 4 };
}

// {objects: ids, width, height, alphas: one byte a pixel, object after object}
async function masks(clip, { frame, width, revision }, signal) {
  const { objects, blob } = await readMasks(clip, frame, width, revision, signal);
  if (!objects.length) return { objects, width: 1, height: 1, alphas: new Uint8Array(0), bytes: 0 };
  const image = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const alphas = new Uint8Array(image.width * image.height);
  for (let at = 0; at < alphas.length; at++) alphas[at] = data[4 * at];
  const found = {
    objects,
    width: image.width,
    height: image.height / objects.length,
    alphas,
    bytes: alphas.length,
  };
  image.close();
  return found;
}
