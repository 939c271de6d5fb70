"""A scene of the park: who is in it, what they do, and what a camera sees of it at a time."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import sin

import numpy as np

from sa2va_cli.datatypes import RGB
from sa2va_cli.demo.actors import COLOURS, FIGURES, KINDS, SCALES, Look, Pose
from sa2va_cli.demo.landscape import (
    NEAR,
    PALETTES,
    SCENERY,
    Landmark,
    Palette,
    compose,
    label_background,
    look,
    paint_background,
    sample_landmarks,
)
from sa2va_cli.demo.motion import HEIGHT, WIDTH, Camera, Path, sample_camera, sample_path
from sa2va_cli.demo.shapes import Affine, Colour, Ids, Part, ellipse, paint, paint_figure, shade

_SKINS: tuple[Colour, ...] = ((250, 220, 196), (232, 186, 150), (190, 136, 100), (132, 90, 66))
_HAIRS: tuple[Colour, ...] = ((66, 44, 36), (112, 70, 44), (214, 176, 104), (150, 92, 56))
_TROUSERS: tuple[Colour, ...] = ((84, 88, 100), (120, 108, 94), (150, 146, 140), (92, 78, 68))
LANDMARK_KINDS = ("tree", "house", "bench")
SCENERY_NUMBERS = {name: 200 + place for place, name in enumerate(SCENERY)}
"""Numbers of what is seen where there is no actor; actors have smaller ones."""
_TEXTURE_SCALE = 1.2
_KEPT_TEXTURES = 2


@dataclass(frozen=True)
class Actor:
    """One actor of a scene.

    Attributes:
        id: its number, from 1.
        kind: ``girl``, ``boy``, ``dog``, ``cat``, ``ball``, ``balloon``, ``car``, ``bicycle`` or ``bird``.
        colour: of the dress, the shirt or the body.
        size: ``small``, ``medium`` or ``large``.
        motion: what it does, see ``motion.MOTIONS``.
        path: where it goes.
        depth: those with more depth are nearer and hide others.
        appearance: its exact colours.
    """

    id: int
    kind: str
    colour: str
    size: str
    motion: str
    path: Path = field(repr=False)
    depth: float = field(repr=False)
    appearance: Look = field(repr=False)

    @property
    def scale(self) -> float:
        """Pixels of a 640 x 360 picture per unit of its figure."""
        return SCALES[self.kind][self.size]

    def figure(self, seconds: float) -> list[Part]:
        """Its polygons around its own feet, facing right."""
        rest = self.motion in {"stand", "bounce", "float", "drift"}
        stride = 0.0 if rest else {"run": 1.0, "return": 0.9}.get(self.motion, 0.55)
        sway = sin(2.6 * seconds + self.id)
        phase = self.path.phase(seconds, 50 * self.scale if self.kind == "ball" else 18 * self.scale)
        if self.kind == "ball" and self.motion in {"stand", "bounce"}:
            phase = float(self.id) + (seconds if self.motion == "bounce" else 0.0)
        return FIGURES[self.kind](self.appearance, Pose(phase, stride, sway))

    def affine(self, seconds: float) -> Affine:
        """(2, 3) map from its figure into the park's plane."""
        x, y = self.path.at(seconds)
        hop = 3.0 * self.scale * abs(sin(self.path.phase(seconds, 1.0))) if self.motion == "run" else 0.0
        mirror = -1.0 if self.path.faces_left(seconds) else 1.0
        return np.array([[mirror * self.scale, 0, x], [0, self.scale, y - hop]])


@dataclass(frozen=True, eq=False)
class Scene:
    """A few seconds in the park.

    Attributes:
        seed: decides everything.
        frames: number of frames.
        fps: frames in a second.
        actors: everyone, by number.
        landmarks: trees, houses and benches.
        camera: where one looks from.
        palette: the light.
    """

    seed: int
    frames: int
    fps: int
    actors: tuple[Actor, ...]
    landmarks: tuple[Landmark, ...] = field(repr=False)
    camera: Camera = field(repr=False)
    palette: Palette = field(repr=False)
    _textures: dict[tuple[int, int], RGB] = field(default_factory=dict, repr=False)
    _labels: dict[tuple[int, int], Ids] = field(default_factory=dict, repr=False)

    @classmethod
    def sample(cls, seed: int, frames: int = 96, fps: int = 24) -> "Scene":
        """Makes up a scene; the same arguments always make the same scene."""
        rng = np.random.default_rng(seed)
        duration = frames / fps
        palette = PALETTES[int(rng.integers(len(PALETTES)))]
        landmarks = sample_landmarks(rng, palette)
        camera = sample_camera(rng, duration)
        names = _sample_names(rng)
        slots = rng.permutation(np.linspace(90, 550, len(names))) + rng.uniform(-28, 28, len(names))
        actors = [
            _sample_actor(rng, k + 1, name, float(x), duration)
            for k, (name, x) in enumerate(zip(names, slots, strict=True))
        ]
        return cls(seed, frames, fps, tuple(_sized_apart(rng, actors)), landmarks, camera, palette)

    def without(self, number: int) -> "Scene":
        """The same scene if one actor, and its shadow, had never been there."""
        return replace(self, actors=tuple(actor for actor in self.actors if actor.id != number))

    def draw(self, t: int, size: tuple[int, int] = (640, 360)) -> tuple[RGB, Ids]:
        """The picture at frame ``t``, and who is seen where.

        Args:
            t: frame number.
            size: (width, height); another shape than 16:9 squashes the picture.

        Returns:
            image: (H, W, 3) uint8 RGB.
            ids: (H, W) uint8 number of the actor seen at each pixel, 0 for none.
        """
        image = self._backdrop(t, size)
        ids = np.zeros((size[1], size[0]), np.uint8)
        self._paint_all(image, ids, t / self.fps, self._view(t, size))
        return image, ids

    def draw_with_scenery(self, t: int, size: tuple[int, int] = (640, 360)) -> tuple[RGB, Ids]:
        """The same picture as ``draw``, and what is seen everywhere: actors, or ``SCENERY_NUMBERS``."""
        image, ids = self._backdrop(t, size), self._scenery(t, size)
        self._paint_all(image, ids, t / self.fps, self._view(t, size), scenery=True)
        return image, ids

    def draw_scenery_ids(self, t: int, size: tuple[int, int] = (640, 360)) -> Ids:
        """Only the second of what ``draw_with_scenery`` returns, sooner."""
        ids = self._scenery(t, size)
        self._paint_all(None, ids, t / self.fps, self._view(t, size), scenery=True)
        return ids

    def _backdrop(self, t: int, size: tuple[int, int]) -> RGB:
        view = self._view(t, size)
        image = look(self._texture(size), view, size)
        paint(image, [self._shadow(actor, t / self.fps) for actor in self.actors], view)
        return image

    def _scenery(self, t: int, size: tuple[int, int]) -> Ids:
        """What the background shows, in ``SCENERY_NUMBERS``."""
        if size not in self._labels:
            while len(self._labels) >= _KEPT_TEXTURES:
                self._labels.pop(next(iter(self._labels)))
            scale = size[0] / WIDTH, size[1] / HEIGHT
            self._labels[size] = label_background(self.seed, self.palette, self.landmarks, scale)
        return look(self._labels[size], self._view(t, size), size) + np.uint8(SCENERY_NUMBERS["sky"])

    def draw_ids(self, t: int, size: tuple[int, int] = (640, 360)) -> Ids:
        """Only the second of what ``draw`` returns, sooner."""
        ids = np.zeros((size[1], size[0]), np.uint8)
        self._paint_all(None, ids, t / self.fps, self._view(t, size))
        return ids

    def landmark_place(self, landmark: Landmark, t: int) -> float:
        """Where the foot of a landmark is in the picture, 0 at the left edge and 1 at the right."""
        view = self._view(t, (1, 1))
        return float(view[0, 0] * landmark.x + view[0, 2])

    def _paint_all(
        self, image: RGB | None, ids: Ids, seconds: float, view: Affine, *, scenery: bool = False
    ) -> None:
        for depth_sorted in self._by_depth:
            if isinstance(depth_sorted, Actor):
                parts, place, id_ = (
                    depth_sorted.figure(seconds),
                    depth_sorted.affine(seconds),
                    depth_sorted.id,
                )
            else:
                parts, place = depth_sorted.figure(), depth_sorted.affine
                id_ = SCENERY_NUMBERS[depth_sorted.kind] if scenery else 0
            paint_figure(image, ids, parts, compose(view, place), id_)

    @cached_property
    def _by_depth(self) -> tuple[Actor | Landmark, ...]:
        near: list[Actor | Landmark] = [mark for mark in self.landmarks if mark.y >= NEAR]
        everyone = [*near, *self.actors]
        return tuple(sorted(everyone, key=lambda a: a.depth if isinstance(a, Actor) else a.y))

    def _view(self, t: int, size: tuple[int, int]) -> Affine:
        x, y, zoom = self.camera.at(t / self.fps)
        sx, sy = size[0] / WIDTH, size[1] / HEIGHT
        plane = np.array([[zoom, 0, WIDTH / 2 - zoom * x], [0, zoom, HEIGHT / 2 - zoom * y]])
        return np.asarray(plane * np.array([[sx], [sy]]), np.float64)

    def _texture(self, size: tuple[int, int]) -> RGB:
        if size not in self._textures:
            while len(self._textures) >= _KEPT_TEXTURES:
                self._textures.pop(next(iter(self._textures)))
            scale = _TEXTURE_SCALE * size[0] / WIDTH, _TEXTURE_SCALE * size[1] / HEIGHT
            self._textures[size] = paint_background(self.seed, self.palette, self.landmarks, scale)
        return self._textures[size]

    def _shadow(self, actor: Actor, seconds: float) -> Part:
        x, floor = actor.path.at(seconds)[0], max(actor.path.y, actor.depth)
        width = {"car": 52, "bicycle": 46, "dog": 38, "cat": 28, "ball": 38}.get(actor.kind, 22) * actor.scale
        return Part(shade(self.palette.near, -0.15), ellipse(x, floor, width, max(3.0, 0.14 * width)))


def _sample_names(rng: np.random.Generator) -> list[tuple[str, str]]:
    """Kinds and colours: often one kind in two colours, sometimes twins."""
    count = int(rng.integers(2, 7))
    names: list[tuple[str, str]] = []
    while len(names) < count:
        name = (str(rng.choice(KINDS)), str(rng.choice(list(COLOURS))))
        if name not in names:
            names.append(name)
    if rng.random() < 0.4:
        other = str(rng.choice([c for c in COLOURS if (names[0][0], c) not in names]))
        names[1] = (names[0][0], other)
    if rng.random() < 0.25:
        names[-1] = names[0]
    return names


def _sample_actor(
    rng: np.random.Generator, id_: int, name: tuple[str, str], x: float, duration: float
) -> Actor:
    kind, colour = name
    size = str(rng.choice(list(SCALES[kind]), p=[0.3, 0.4, 0.3]))
    path = sample_path(rng, kind, x, duration)
    skin, hair, trousers = (tones[int(rng.integers(len(tones)))] for tones in (_SKINS, _HAIRS, _TROUSERS))
    hair = _HAIRS[0] if skin == _SKINS[-1] else hair
    body = shade(COLOURS[colour], float(rng.uniform(-0.06, 0.06)))
    depth = path.y if path.y > NEAR else float(rng.uniform(NEAR, 345))
    return Actor(id_, kind, colour, size, path.motion, path, depth, Look(body, skin, hair, trousers))


def _sized_apart(rng: np.random.Generator, actors: list[Actor]) -> list[Actor]:
    """Makes two of one kind clearly different in size in half of the scenes."""
    if rng.random() < 0.5 or actors[0].kind != actors[1].kind:
        return actors
    big, small = (0, 1) if rng.random() < 0.5 else (1, 0)
    actors[big] = replace(actors[big], size="large")
    actors[small] = replace(actors[small], size="small")
    return actors
