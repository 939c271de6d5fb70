// Plays a clip: which frame is due when, with sound where there is any. Draws nothing.

import { soundAddress } from "./api.js";
import { strideOf } from "./review.js";
import { framesPerSecond, secondsOf } from "./timecode.js";

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
    const { speed, clip } = this.review.state;
    if (!clip || speed === this.speed) return;
    this.speed = speed;
    if (speed === 0) {
      this.sound?.pause();
      return;
    }
    this.#restartWhereEnded();
    this.#setClock();
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

  #setClock() {
    this.startedAt = performance.now();
    this.startFrame = this.review.state.frame;
  }

  #tick(now) {
    const { speed, clip } = this.review.state;
    if (speed === 0 || !this.running) {
      this.running = false;
      return;
    }
    const due = ((now - this.startedAt) / 1000) * framesPerSecond(clip) * speed;
    const stride = strideOf(clip, speed);
    this.#show(this.startFrame + Math.sign(speed) * Math.floor(Math.abs(due) / stride) * stride, stride);
    this.#keepSound();
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
    this.sound.currentTime = this.#soundTime();
    this.sound.play().catch(() => {}); // a browser that refuses sound still shows the pictures
  }

  #soundTime() {
    const { clip, frame } = this.review.state;
    return secondsOf(clip, frame) - secondsOf(clip, 0);
  }

  #keepSound() {
    if (!this.sound || this.sound.paused) return;
    if (!this.review.state.sound) this.sound.pause();
    else if (Math.abs(this.sound.currentTime - this.#soundTime()) > DRIFT_S * this.speed) {
      this.sound.currentTime = this.#soundTime();
    }
  }
}
