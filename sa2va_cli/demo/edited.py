"""Edited clips of the park: shots with hard cuts between them, and one actor who leaves and comes back.

Every film follows from its seed alone. The hero looks the same in each shot in which it is; in the others,
nobody could be taken for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sa2va_cli.datatypes import RGB
from sa2va_cli.demo.scene import Actor, Scene
from sa2va_cli.demo.sightings import EXISTS, measure

PRESENT = (True, False, True, False)
"""In which shots the hero is."""


@dataclass(frozen=True, eq=False)
class Film:
    """Shots that follow each other.

    Attributes:
        shots: the scenes, all as long as each other.
        hero: who comes and goes; the one actor of its kind and colour.
        present: in which shots it is.
    """

    shots: tuple[Scene, ...] = field(repr=False)
    hero: Actor
    present: tuple[bool, ...] = PRESENT

    @classmethod
    def sample(
        cls, seed: int, frames: int = 18, fps: int = 24, present: tuple[bool, ...] = PRESENT
    ) -> "Film":
        """Makes up a film; the same arguments always make the same one.

        Args:
            seed: decides everything.
            frames: of each shot.
            fps: frames in a second.
            present: in which shots the hero is; in the first one it must be.
        """
        scenes = (Scene.sample(_scene_seed(seed, number), frames, fps) for number in count())
        first, hero = next((scene, one) for scene in scenes for one in _heroes(scene))
        shots = [first]
        while len(shots) < len(present):
            scene = _without_lookalikes(next(scenes), hero)
            if present[len(shots)]:
                scene = replace(scene, actors=(*scene.actors, hero), _textures={})
                if hero not in _heroes(scene):
                    continue
            shots.append(scene)
        return cls(tuple(shots), hero, present)

    @property
    def frames(self) -> int:
        """Frames in all."""
        return sum(shot.frames for shot in self.shots)

    @property
    def fps(self) -> int:
        """Frames in a second."""
        return self.shots[0].fps

    @property
    def name(self) -> str:
        """What the hero is called."""
        return f"{self.hero.colour} {self.hero.kind}"

    def place(self, t: int) -> tuple[int, int]:
        """The shot of a frame, and which of its frames it is."""
        return divmod(t, self.shots[0].frames)

    def draw(self, t: int, size: tuple[int, int] = (640, 360)) -> tuple[RGB, NDArray[np.bool_]]:
        """The picture at frame ``t``, and the mask (H, W) of the hero in it."""
        shot, frame = self.place(t)
        image, ids = self.shots[shot].draw(frame, size)
        return image, (ids == self.hero.id) & self.present[shot]

    def write(self, path: Path, size: tuple[int, int] = (640, 360)) -> list[NDArray[np.bool_]]:
        """Writes it as a video; returns the hero's mask on every frame."""
        from fractions import Fraction

        from sa2va_cli.media.writer import VideoWriter

        base = Fraction(1, self.fps)
        masks = []
        with VideoWriter(path, size=size, rate=Fraction(self.fps), time_base=base, codec="h264") as writer:
            for t in range(self.frames):
                image, mask = self.draw(t, size)
                writer.write(image, t, base)
                masks.append(mask)
        return masks


def _scene_seed(seed: int, number: int) -> int:
    word = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
    return int(word) >> 2 << 1 | 1  # the lowest bit is that of clips (``world.scene_seed``): never trained on


def _heroes(scene: Scene) -> Iterator[Actor]:
    """Those who are alone of their kind and colour, and seen from the first frame to the last."""
    sightings = measure(scene, range(scene.frames))
    for actor in scene.actors:
        alike = [one for one in scene.actors if (one.kind, one.colour) == (actor.kind, actor.colour)]
        if len(alike) == 1 and bool((sightings.area[:, sightings.column(actor)] >= EXISTS).all()):
            yield actor


def _without_lookalikes(scene: Scene, hero: Actor) -> Scene:
    """A scene without anybody like the hero, whose number is free."""
    free = max(hero.id, *(one.id for one in scene.actors)) + 1
    others = [one for one in scene.actors if (one.kind, one.colour) != (hero.kind, hero.colour)]
    renumbered = (replace(one, id=free) if one.id == hero.id else one for one in others)
    return replace(scene, actors=tuple(renumbered), _textures={})
