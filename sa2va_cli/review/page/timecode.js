// Frames, seconds and what they are called. Pure functions of a clip's description.

// The time of a frame in its source, of which only a part may have been looked at.
export function secondsOf(clip, frame) {
  if (clip.times) return clip.times[Math.min(frame, clip.times.length - 1)];
  return clip.start + (frame * clip.rate[1]) / clip.rate[0];
}

// When a frame makes room for the next one; the last one is shown for as long as frames are on average.
export function endOf(clip, frame) {
  return frame + 1 < clip.frames
    ? secondsOf(clip, frame + 1)
    : secondsOf(clip, frame) + clip.rate[1] / clip.rate[0];
}

// The frame that is shown at a time: the first one before the clip, the last one after it.
export function frameAt(clip, seconds) {
  const tiny = 1e-6; // times were rounded
  if (!clip.times) return clamp(clip, Math.floor((seconds - clip.start + tiny) * framesPerSecond(clip)));
  let [low, high] = [0, clip.times.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (clip.times[middle] <= seconds + tiny) low = middle;
    else high = middle;
  }
  return low;
}

export function clamp(clip, frame) {
  return Math.max(0, Math.min(clip.frames - 1, Math.round(frame)));
}

export function framesPerSecond(clip) {
  return clip.rate[0] / clip.rate[1];
}

// 0:03.480, or 1:02:03.480 from an hour on.
export function clock(seconds) {
  const whole = Math.round(seconds * 1000);
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const rest = `${two((whole % 60_000) / 1000)}.${String(whole % 1000).padStart(3, "0")}`;
  return hours ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
