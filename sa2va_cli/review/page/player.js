// Plays a clip: which frame is due when, with sound where there is any. Draws nothing.

import { soundAddress } from "./api.js";
import { strideOf } from "./review.js";
import { endOf, frameAt, framesPerSecond, secondsOf } from "./timecode.js";

const LATE_S = 0.25; // pictures that are later than this slow the clock down
const DRIFT_S = 0.1; // sound that is further off is set again

export class Player {
  constructor(review) {
    this.review = review;
    this.sound = null;
    this.running = false;
    this.stop = review.subscribe(() => this.#follow());
  }

  close() {
    this.stop();
    this.running = false;
    this.sound?.pause();
  }

  #follow() {
    const { speed, clip, sound } = this.review.state;
    if (!clip || (speed === this.speed && sound === this.audible)) return;
    const isSame = speed === this.speed;
    this.speed = speed;
    this.audible = sound;
    if (speed === 0) {
      this.sound?.pause();
      return;
    }
    if (!isSame) {
      this.#restartWhereEnded();
      this.#setClock();
    }
    this.#startSound();
    if (!this.running) {
      this.running = true;
      requestAnimationFrame((now) => this.#tick(now));
    }
  }

  // Playing from the end begins at the other end again.
  #restartWhereEnded() {
    const { frame, speed } = this.review.state;
    const { first, last } = this.review.span;
    if (speed > 0 && frame >= last) this.review.seek(first, { playing: true });
    if (speed < 0 && frame <= first) this.review.seek(last, { playing: true });
  }

  // The clock tells the time in the source; backwards it begins at the end of the frame.
  #setClock() {
    const { clip, frame, speed } = this.review.state;
    this.startedAt = performance.now();
    this.startFrame = frame;
    this.startSeconds = speed > 0 ? secondsOf(clip, frame) : endOf(clip, frame);
  }

  #seconds(now) {
    return this.startSeconds + ((now - this.startedAt) / 1000) * this.speed;
  }

  #tick(now) {
    const { speed, clip } = this.review.state;
    if (speed === 0 || !this.running) {
      this.running = false;
      return;
    }
    const stride = strideOf(clip, speed);
    const direction = Math.sign(speed);
    const passed = Math.max(0, direction * (frameAt(clip, this.#seconds(now)) - this.startFrame));
    this.#show(this.startFrame + direction * Math.floor(passed / stride) * stride, stride);
    this.#keepSound(now);
    requestAnimationFrame((later) => this.#tick(later));
  }

  // Shows the latest frame up to the one that is due whose picture is there; the clock waits for pictures.
  #show(due, stride) {
    const { frame, speed, clip } = this.review.state;
    const { first, last } = this.review.span;
    const direction = Math.sign(speed);
    let ready = frame;
    for (let next = frame + direction * stride; direction * (due - next) >= 0; next += direction * stride) {
      if (next < Math.min(first, frame) || next > Math.max(last, frame) || !this.review.isShown(next)) break;
      ready = next;
    }
    if (ready !== frame) this.review.seek(ready, { playing: true });
    if ((direction > 0 && ready + stride > last) || (direction < 0 && ready - stride < first)) {
      this.review.setSpeed(0);
    } else if (Math.abs(due - ready) > LATE_S * framesPerSecond(clip) * Math.abs(speed) + stride) {
      this.#setClock();
    }
  }

  #startSound() {
    const { clip, speed, sound } = this.review.state;
    if (!clip.sound || !sound || speed < 0.25 || speed > 4) {
      this.sound?.pause();
      return;
    }
    if (!this.sound) {
      this.sound = new Audio(soundAddress(this.review.id));
      this.sound.preload = "auto";
    }
    this.sound.playbackRate = speed;
    this.sound.currentTime = this.#soundAt(performance.now());
    this.sound.play().catch(() => {}); // a browser that refuses sound still shows the pictures
  }

  // Where the sound should be, which runs on while a frame is shown for long.
  #soundAt(now) {
    return Math.max(0, this.#seconds(now) - secondsOf(this.review.state.clip, 0));
  }

  #keepSound(now) {
    if (!this.sound || this.sound.paused) return;
    const wanted = this.#soundAt(now);
    if (Math.abs(this.sound.currentTime - wanted) > DRIFT_S * this.speed) this.sound.currentTime = wanted;
  }
}
