"""How each kind of actor looks: a figure of polygons standing on (0, 0), facing right, y down.

Knows nothing about where actors go; a pose says how far through its stride a figure is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

from sa2va_cli.demo.shapes import Colour, Part, Points, arch, ellipse, limb, polygon, ring, shade

COLOURS: dict[str, Colour] = {
    "red": (214, 38, 44),
    "blue": (36, 84, 214),
    "green": (10, 132, 62),
    "yellow": (250, 208, 20),
    "purple": (128, 46, 170),
    "orange": (248, 124, 14),
    "pink": (250, 128, 186),
    "black": (34, 34, 40),
}

SCALES: dict[str, dict[str, float]] = {
    "girl": {"small": 0.85, "medium": 1.2, "large": 1.65},
    "boy": {"small": 0.85, "medium": 1.2, "large": 1.65},
    "dog": {"small": 0.62, "medium": 0.86, "large": 1.18},
    "cat": {"small": 0.75, "medium": 1.05, "large": 1.45},
    "ball": {"small": 0.34, "medium": 0.47, "large": 0.64},
    "balloon": {"small": 0.52, "medium": 0.7, "large": 0.92},
    "car": {"small": 1.1, "medium": 1.5, "large": 2.0},
    "bicycle": {"small": 0.9, "medium": 1.18, "large": 1.5},
    "bird": {"small": 0.48, "medium": 0.64, "large": 0.85},
}
"""Pixels of a 640 x 360 picture per unit of a figure."""

KINDS = tuple(SCALES)

_EYE: Colour = (30, 24, 28)
_TYRE: Colour = (52, 52, 58)
_STEEL: Colour = (196, 200, 206)
_DISC: Colour = (232, 234, 238)


@dataclass(frozen=True)
class Look:
    """What varies between two actors of one kind.

    Attributes:
        body: colour of the dress, the shirt or the body.
        skin: colour of faces and hands.
        hair: colour of hair.
        trousers: colour of a boy's trousers.
    """

    body: Colour
    skin: Colour
    hair: Colour
    trousers: Colour


@dataclass(frozen=True)
class Pose:
    """A moment of a movement.

    Attributes:
        phase: angle through the stride, wing beat, or turn of a wheel, in radians.
        stride: how far the limbs swing, 0 for standing and 1 for running.
        sway: gentle idle movement, -1..1.
    """

    phase: float
    stride: float
    sway: float


def _face(look: Look, x: float, y: float) -> list[Part]:
    blush = shade(look.skin, -0.12)
    return [
        Part(_EYE, ellipse(x + 1, y - 1, 1.5, 2.1, corners=8)),
        Part(_EYE, ellipse(x + 7.5, y - 1, 1.5, 2.1, corners=8)),
        Part(blush, ellipse(x + 4.5, y + 5, 2.8, 1.1, corners=8)),
    ]


def _leg(hip: tuple[float, float], swing: float, length: float, width: float, colour: Colour) -> list[Part]:
    x, y = hip
    foot = (x + length * sin(swing), y + length * cos(swing) - 3)
    shoe = (foot[0] + 2.0, foot[1] + 1)
    return [Part(colour, limb(hip, foot, width)), Part((70, 52, 48), ellipse(*shoe, 5.2, 3, corners=10))]


def _arm(shoulder: tuple[float, float], swing: float, sleeve: Colour | None, skin: Colour) -> list[Part]:
    x, y = shoulder
    elbow = (x + 13 * sin(swing), y + 13 * cos(swing))
    hand = (elbow[0] + 12 * sin(swing + 0.35), elbow[1] + 12 * cos(swing + 0.35))
    upper = Part(sleeve or skin, limb(shoulder, elbow, 7.5 if sleeve else 5))
    return [Part(skin, limb(elbow, hand, 5)), upper]


def girl(look: Look, pose: Pose) -> list[Part]:
    """Long hair, a triangular dress, bare legs; 100 units tall."""
    swing = (0.12 + 0.62 * pose.stride) * sin(pose.phase) if pose.stride else 0.0
    lean = 1.5 * pose.sway
    flow = -4 * pose.stride + lean
    hair = polygon((-12, -90), (12, -90), (11, -66), (7 + flow, -52), (-15 + flow, -50), (-14, -70))
    dress = polygon((-7, -71), (7, -71), (12, -52), (23 + lean, -27), (-23 + lean, -27), (-12, -52))
    return [
        *_arm((-5, -67), 0.25 - 1.1 * swing, None, shade(look.skin, -0.1)),
        Part(look.hair, hair),
        Part(look.hair, ellipse(-1, -86, 14.5, 14)),
        *_leg((-5, -32), -swing, 32, 6, shade(look.skin, -0.1)),
        *_leg((5, -32), swing, 32, 6, look.skin),
        Part(look.skin, limb((0, -74), (0, -68), 6)),
        Part(look.body, dress),
        Part(shade(look.body, -0.18), polygon((21, -31), (23 + lean, -27), (-23 + lean, -27), (-21, -31))),
        *_arm((6, -67), -0.25 + 1.1 * swing, None, look.skin),
        Part(look.skin, ellipse(1.5, -84, 11.5, 12)),
        Part(look.hair, arch(0.5, -87, 13, 12)),
        *_face(look, 1, -83),
    ]


def boy(look: Look, pose: Pose) -> list[Part]:
    """Short hair, a shirt with sleeves, long trousers; 100 units tall."""
    swing = (0.12 + 0.6 * pose.stride) * sin(pose.phase) if pose.stride else 0.0
    lean = 1.2 * pose.sway
    shirt = polygon((-9, -73), (9, -73), (14, -68), (13, -39), (-13, -39), (-14, -68))
    return [
        *_arm((-11, -68), 0.15 - 1.2 * swing, shade(look.body, -0.18), shade(look.skin, -0.1)),
        *_leg((-6, -42), -swing, 42, 10, shade(look.trousers, -0.18)),
        *_leg((6, -42), swing, 42, 10, look.trousers),
        Part(look.skin, limb((0, -76), (0, -70), 7)),
        Part(look.body, shirt),
        Part(shade(look.body, -0.18), polygon((13, -43), (13, -39), (-13, -39), (-13, -43))),
        *_arm((11, -68), -0.15 + 1.2 * swing, look.body, look.skin),
        Part(look.hair, ellipse(-0.5 + lean, -88, 12.6, 11.5)),
        Part(look.skin, ellipse(1.5 + lean, -84, 11.5, 11.5)),
        Part(look.hair, arch(-0.5 + lean, -88, 12.6, 11)),
        *_face(look, 1 + lean, -83),
    ]


def _paws(front: float, back: float, top: float, width: float, pose: Pose) -> list[Points]:
    """Four legs: the two far ones, then the two near ones."""
    swing = (0.1 + 0.55 * pose.stride) * sin(pose.phase) if pose.stride else 0.0
    steps = ((front - 7, -swing), (back + 7, swing), (front, swing), (back, -swing))
    return [limb((x, -top), (x + top * sin(angle), 1 - width / 2), width) for x, angle in steps]


def _legs(paws: list[Points], colour: Colour) -> tuple[list[Part], list[Part]]:
    dark = shade(colour, -0.22)
    return [Part(dark, paw) for paw in paws[:2]], [Part(colour, paw) for paw in paws[2:]]


def dog(look: Look, pose: Pose) -> list[Part]:
    """A long snout, drooping ears, a short wagging tail; about 100 units long."""
    far, near = _legs(_paws(22, -22, 28, 9, pose), look.body)
    dark, light = shade(look.body, -0.35), shade(look.body, 0.25)
    wag = 6 * (pose.sway + pose.stride * sin(2 * pose.phase))
    return [
        *far,
        Part(look.body, limb((-26, -42), (-44, -58 + wag), 8, 4)),
        *near,
        Part(look.body, ellipse(0, -37, 33, 15)),
        Part(look.body, limb((22, -42), (34, -58), 20, 18)),
        Part(look.body, ellipse(36, -62, 15, 13)),
        Part(light, limb((44, -58), (56, -56), 13, 10)),
        Part(_EYE, ellipse(60, -60, 4, 3.4, corners=10)),
        Part(dark, ellipse(28, -57, 6.5, 15, turn=0.25)),
        Part((250, 250, 250), ellipse(41, -66, 3.2, 3.4, corners=10)),
        Part(_EYE, ellipse(42, -66, 1.8, 2.0, corners=8)),
        Part((236, 232, 220), limb((25, -47), (33, -44), 4)),
    ]


def cat(look: Look, pose: Pose) -> list[Part]:
    """Pointed ears, a round face with whiskers, a tail held upright; about 75 units long."""
    far, near = _legs(_paws(16, -17, 22, 7, pose), look.body)
    dark, light = shade(look.body, -0.3), shade(look.body, 0.35)
    curl = 5 * (pose.sway + pose.stride * sin(pose.phase))
    head = (25.0, -46.0)
    stripes = [Part(dark, limb((x, -39), (x - 1, -30), 3.5)) for x in (-12, -3, 6)]
    whiskers = [Part((240, 240, 236), limb((34, y), (46, y + d), 1.4)) for y, d in ((-43, -2), (-40, 2))]
    return [
        *far,
        Part(look.body, limb((-20, -33), (-29, -52), 7.5)),
        Part(look.body, limb((-29, -52), (-27 + curl, -76), 7.5, 6)),
        Part(dark, limb((-27 + curl * 0.8, -71), (-27 + curl, -77), 6.8, 6)),
        *near,
        Part(look.body, ellipse(-1, -30, 25, 13)),
        *stripes,
        Part(look.body, polygon((12, -50), (12, -71), (25, -57))),
        Part(look.body, polygon((38, -50), (38, -71), (25, -57))),
        Part(light, polygon((15, -56), (14.5, -65), (20.5, -58.5))),
        Part(light, polygon((35, -56), (35.5, -65), (29.5, -58.5))),
        Part(look.body, ellipse(*head, 15.5, 13.5)),
        *(Part((214, 236, 120), ellipse(x, -48, 3.4, 3.8, corners=10)) for x in (20.5, 31.5)),
        *(Part(_EYE, ellipse(x, -48, 1.4, 3.4, corners=8)) for x in (21, 32)),
        Part((240, 150, 150), polygon((24, -42), (29, -42), (26.5, -39))),
        *whiskers,
    ]


def _wing(beat: float, shift: float, colour: Colour) -> Part:
    tip = -24 - 46 * beat
    middle = -26 - 30 * beat
    return Part(colour, polygon(
        (14 + shift, -27), (9 + shift, middle), (-8 + shift, tip - 3), (-19 + shift, tip + 2),
        (-17 + shift, middle + 2), (-14 + shift, -22), (0 + shift, -19),
    ))  # fmt: skip


def bird(look: Look, pose: Pose) -> list[Part]:
    """Wings that beat, or are folded at rest; a forked tail and a beak; about 100 units long."""
    dark, light = shade(look.body, -0.28), shade(look.body, 0.4)
    beat = sin(pose.phase)
    resting = [Part((224, 142, 40), limb((x, -12), (x + 1, -2), 3)) for x in (-3, 6)]
    folded = Part(dark, ellipse(-9, -25, 19, 8.5, turn=0.2))
    return [
        *([_wing(beat * 0.9, 7, shade(look.body, -0.42))] if pose.stride else resting),
        Part(dark, polygon((-22, -26), (-52, -36), (-44, -26), (-52, -16), (-22, -18))),
        Part(look.body, ellipse(0, -22, 29, 14, turn=-0.12)),
        Part(light, ellipse(6, -16, 17, 6.5, turn=-0.1)),
        Part(look.body, ellipse(26, -32, 13, 12)),
        Part((250, 176, 30), polygon((36, -37), (52, -31), (36, -27))),
        Part((250, 250, 250), ellipse(30, -35, 3.4, 3.4, corners=10)),
        Part(_EYE, ellipse(31, -35, 1.9, 1.9, corners=8)),
        _wing(beat, 0, dark) if pose.stride else folded,
    ]


def ball(look: Look, pose: Pose) -> list[Part]:
    """A circle, 100 units across, with a light band that rolls along."""
    turn = pose.phase
    light = shade(look.body, 0.72)
    dots = [(28 * cos(turn + k * 2 * pi / 3), 28 * sin(turn + k * 2 * pi / 3)) for k in range(3)]
    return [
        Part(shade(look.body, -0.25), ellipse(0, -50, 50, 50, corners=28)),
        Part(look.body, ellipse(-3, -53, 45.5, 45.5, corners=28)),
        *(Part(light, ellipse(x - 2, y - 52, 11, 11, corners=14)) for x, y in dots),
        Part(shade(look.body, 0.4), ellipse(-19, -73, 11, 7, turn=-0.7, corners=12)),
    ]


def balloon(look: Look, pose: Pose) -> list[Part]:
    """An oval with a knot and a short string; 76 units wide."""
    bend = 6 * pose.sway
    return [
        Part((120, 110, 104), limb((0, -38), (bend, -19), 3.4)),
        Part((120, 110, 104), limb((bend, -19), (-bend, 0), 3.4)),
        Part(shade(look.body, -0.3), polygon((-8, -34), (8, -34), (0, -46))),
        Part(shade(look.body, -0.16), ellipse(0, -88, 38, 48, corners=28)),
        Part(look.body, ellipse(-3, -90, 34, 44, corners=28)),
        Part(shade(look.body, 0.55), ellipse(-15, -108, 7, 13, turn=0.45, corners=14)),
    ]


def _wheel(x: float, radius: float, phase: float) -> list[Part]:
    spokes = []
    for k in range(3):
        dx, dy = (radius - 4) * cos(phase + k * pi / 3), (radius - 4) * sin(phase + k * pi / 3)
        spokes.append(Part(_STEEL, limb((x - dx, -radius - dy), (x + dx, -radius + dy), 2.6)))
    disc = Part(_DISC, ellipse(x, -radius, radius, radius))
    return [disc, *spokes, Part(_TYRE, ring(x, -radius, radius, 5.2))]


def bicycle(look: Look, pose: Pose) -> list[Part]:
    """Two disc wheels and a coloured frame in thick strokes; about 100 units long."""
    rear, front, seat, crank, head = (-29, -21), (29, -21), (-13, -50), (-3, -21), (20, -51)
    tubes = ((rear, crank), (crank, seat), (seat, head), (crank, head), (rear, seat), (front, (18, -60)))
    pedal = (crank[0] + 8 * cos(pose.phase), crank[1] + 8 * sin(pose.phase))
    return [
        *_wheel(rear[0], 21, pose.phase),
        *_wheel(front[0], 21, pose.phase),
        *(Part(look.body, limb(a, b, 6)) for a, b in tubes),
        Part(_TYRE, limb(crank, pedal, 3.4)),
        Part(look.body, ellipse(*crank, 6, 6, corners=14)),
        Part(_TYRE, limb((-15, -55), (-14, -50), 4)),
        Part(_TYRE, limb((-22, -57), (-7, -57), 6)),
        Part(_TYRE, limb((18, -60), (27, -63), 5)),
    ]


def car(look: Look, pose: Pose) -> list[Part]:
    """A saloon car with windows, two wheels and lamps; 100 units long."""
    glass, lift = (196, 226, 240), 0.6 * pose.sway
    wheels = []
    for x in (-27.0, 28.0):
        wheels.append(Part(_TYRE, ellipse(x, -10, 10.5, 10.5)))
        wheels.append(Part(_STEEL, ellipse(x, -10, 5.2, 5.2, corners=14)))
        wheels.append(Part(_TYRE, limb((x, -10), (x + 4 * cos(pose.phase), -10 + 4 * sin(pose.phase)), 2)))
    hull = polygon((-50, -14), (-50, -27), (-46, -32), (34, -33), (47, -28), (50, -22), (50, -12), (-48, -10))
    roof = polygon((-40, -31), (-30, -48), (-24, -51), (10, -51), (17, -48), (32, -31))
    window = polygon((-32, -33), (-25, -46), (-7, -46), (-7, -33))
    screen = polygon((-2, -33), (-2, -46), (11, -46), (23, -33))
    body = [
        Part(look.body, roof), Part(glass, window), Part(glass, screen), Part(look.body, hull),
        Part(shade(look.body, -0.25), polygon((-50, -17), (50, -17), (50, -12), (-48, -10), (-50, -13))),
        Part((255, 236, 150), ellipse(46, -24, 3.6, 3, corners=10)),
        Part((150, 30, 36), ellipse(-48, -24, 2.4, 3.4, corners=10)),
        Part(shade(look.body, -0.3), limb((-14, -27), (-8, -27), 1.8)),
    ]  # fmt: skip
    return [Part(p.colour, p.points + polygon((0, lift))) for p in body] + wheels


FIGURES: dict[str, Callable[[Look, Pose], list[Part]]] = {
    "girl": girl,
    "boy": boy,
    "dog": dog,
    "cat": cat,
    "ball": ball,
    "balloon": balloon,
    "car": car,
    "bicycle": bicycle,
    "bird": bird,
}
