// Pictures and masks of a clip by frame: read ahead, kept while there is room. Knows nothing about drawing.

import { readMasks, readPicture } from "./api.js";

const ROOM = 256 * 2 ** 20; // bytes of decoded pictures that are kept
const AT_ONCE = 4; // requests at a time: browsers allow six to one server, and edits must come through

export class FrameStore {
  // `loaded(frame)` is called when something of a frame has arrived, `failed(problem, frame)` when it could not be read.
  constructor(clip, loaded, failed) {
    this.clip = clip;
    this.loaded = loaded;
    this.failed = failed;
    this.kept = new Map(); // in the order of use, so that the first is dropped first
    this.bytes = 0;
    this.reading = new Map();
    this.wanted = [];
  }

  // Names what is needed, most urgent first: [{kind, frame, width}, ...]. What is no longer needed is stopped.
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

  // Masks of these frames have changed: what is kept of them is shown until it was read again.
  renewMasks(first, last) {
    for (const { one, value } of this.kept.values()) {
      if (one.kind === "masks" && one.frame >= first && one.frame <= last) value.old = true;
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
      const known = this.kept.get(one.key);
      if ((!known || known.value.old) && !this.reading.has(one.key)) this.#read(one);
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
      this.failed(problem, one.frame);
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

function keyOf({ kind, frame, width }) {
  return `${kind} ${frame} ${width}`;
}

async function picture(clip, { frame, width }, signal) {
  const image = await createImageBitmap(await readPicture(clip, frame, width, signal));
  return { image, bytes: image.width * image.height * 4 };
}

// {objects, width, height, alphas} as they were read; `old` once they have changed.
async function masks(clip, { frame, width }, signal) {
  const found = await readMasks(clip, frame, width, signal);
  return { ...found, old: false, bytes: found.alphas.length };
}
