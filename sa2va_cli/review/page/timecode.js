// Frames, seconds and what they are called. Pure functions of a clip's description.

export function secondsOf(clip, frame) {
  if (clip.times) return clip.times[Math.min(frame, clip.times.length - 1)];
  return (frame * clip.rate[1]) / clip.rate[0];
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
