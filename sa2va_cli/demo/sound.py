"""A gentle sound for the park: a few notes and birds that chirp. Knows nothing about pictures."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_RATE = 44100
_NOTES = (261.63, 293.66, 329.63, 392.00, 440.00, 523.25)

Samples = NDArray[np.float64]


def _note(frequency: float, seconds: float) -> Samples:
    t = np.arange(round(seconds * _RATE)) / _RATE
    tone = np.sin(2 * np.pi * frequency * t) + 0.3 * np.sin(4 * np.pi * frequency * t)
    return np.asarray(0.16 * tone * np.exp(-3.5 * t) * np.minimum(t / 0.01, 1))


def _chirp(start_hertz: float, end_hertz: float, seconds: float) -> Samples:
    t = np.arange(round(seconds * _RATE)) / _RATE
    turns = start_hertz * t + (end_hertz - start_hertz) * t**2 / (2 * seconds)
    return np.asarray(0.08 * np.sin(2 * np.pi * turns) * np.sin(np.pi * t / seconds) ** 2)


def _mix(track: Samples, sound: Samples, at_seconds: float) -> None:
    start = round(at_seconds * _RATE)
    length = min(len(sound), len(track) - start)
    track[start : start + length] += sound[:length]


def write_sound(path: Path, seconds: float, rng: np.random.Generator) -> None:
    """Writes a mono 16-bit WAV file of the given length."""
    track = np.zeros(round(seconds * _RATE))
    for at in np.arange(0.0, seconds, 0.5):
        if rng.random() < 0.7:
            _mix(track, _note(float(rng.choice(_NOTES)), 1.2), float(at))
    for at in rng.uniform(0, seconds, max(1, round(seconds * 0.8))):
        low = float(rng.uniform(2200, 3200))
        for k in range(int(rng.integers(2, 5))):
            when = float(at) + 0.13 * k
            if when < seconds:
                _mix(track, _chirp(low, low * 1.5, 0.1), when)
    samples = (np.clip(track, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
