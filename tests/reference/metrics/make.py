"""Synthetic masks behind expected.json: NumPy only, drawn by formula from a seed, the same on every machine.

frame_pairs()  [(name, prediction, truth)]                                uint8 (H, W), values 0/1
expressions()  {dataset: [dict(video, exp, type_id, annos, prediction, foreground)]}
               annos: list of uint8 (T, H, W), one per object; prediction, foreground: uint8 (T, H, W)
images()       [dict(name, pairs)], pairs: [(prediction or None, truth)], one per sentence; truth may hold a 2
"""

import zlib

import numpy as np

SEED = 20251


def _grid(h, w):
    return np.mgrid[0:h, 0:w]


def disk(h, w, cy, cx, r):
    y, x = _grid(h, w)
    return (((y - cy) * (y - cy) + (x - cx) * (x - cx)) <= r * r).astype(np.uint8)


def box(h, w, top, left, bottom, right):
    m = np.zeros((h, w), np.uint8)
    m[top:bottom, left:right] = 1
    return m


def pixel(h, w, *places):
    m = np.zeros((h, w), np.uint8)
    for y, x in places:
        m[y, x] = 1
    return m


def wavy(h, w, cy, cx, r, lobes, depth):
    """A star with a smooth outline, in integer arithmetic apart from one arctan."""
    y, x = _grid(h, w)
    angle = np.arctan2(y - cy, x - cx)
    limit = r * (1 + depth * np.round(np.cos(lobes * angle), 6))
    return ((y - cy) ** 2 + (x - cx) ** 2 <= np.round(limit * limit)).astype(np.uint8)


def noise(h, w, share, key):
    g = np.random.default_rng([SEED, key])
    return (g.integers(0, 1000, (h, w)) < round(share * 1000)).astype(np.uint8)


def frame_pairs():
    def z(h, w):
        return np.zeros((h, w), np.uint8)

    def o(h, w):
        return np.ones((h, w), np.uint8)

    return [
        ("both_empty", z(48, 64), z(48, 64)),
        ("prediction_empty", z(48, 64), disk(48, 64, 24, 30, 11)),
        ("truth_empty", disk(48, 64, 24, 30, 11), z(48, 64)),
        ("both_full", o(48, 64), o(48, 64)),
        ("full_against_disk", o(48, 64), disk(48, 64, 24, 30, 11)),
        ("one_pixel_same", pixel(48, 64, (20, 31)), pixel(48, 64, (20, 31))),
        ("one_pixel_next", pixel(48, 64, (20, 31)), pixel(48, 64, (20, 32))),
        ("one_pixel_two_off", pixel(48, 64, (20, 31)), pixel(48, 64, (20, 33))),
        ("one_pixel_far", pixel(48, 64, (3, 4)), pixel(48, 64, (40, 60))),
        ("last_pixel_corner", pixel(48, 64, (47, 63)), pixel(48, 64, (47, 63))),
        ("last_row", box(48, 64, 47, 0, 48, 64), box(48, 64, 46, 0, 48, 64)),
        ("first_column", box(48, 64, 0, 0, 48, 1), box(48, 64, 0, 0, 48, 2)),
        ("odd_size", wavy(37, 53, 18, 26, 12, 5, 0.25), disk(37, 53, 17, 27, 12)),
        ("tiny_5x7", box(5, 7, 1, 1, 4, 5), box(5, 7, 1, 2, 4, 6)),
        ("one_row_1x33", box(1, 33, 0, 4, 1, 20), box(1, 33, 0, 6, 1, 23)),
        ("shifted_one", disk(120, 160, 60, 80, 35), disk(120, 160, 61, 80, 35)),
        ("shifted_three", disk(120, 160, 60, 80, 35), disk(120, 160, 63, 80, 35)),
        ("hole", disk(120, 160, 60, 80, 35) - disk(120, 160, 60, 80, 9), disk(120, 160, 60, 80, 35)),
        ("two_parts", disk(120, 160, 40, 40, 20) | disk(120, 160, 90, 120, 18), disk(120, 160, 40, 42, 20)),
        ("thin_line", box(120, 160, 60, 5, 61, 150), box(120, 160, 61, 5, 62, 150)),
        ("noise", noise(90, 110, 0.5, 1), noise(90, 110, 0.4, 2)),
        ("wide_480x854", wavy(480, 854, 240, 430, 150, 7, 0.2), wavy(480, 854, 246, 424, 155, 7, 0.2)),
        ("portrait_300x212", wavy(300, 212, 150, 100, 60, 4, 0.3), disk(300, 212, 150, 104, 58)),
    ]


def _moving(t, h, w, cy, cx, r, dy, dx, hide=()):
    m = np.stack([disk(h, w, cy + dy * i, cx + dx * i, r) for i in range(t)])
    for i in hide:
        m[i] = 0
    return m


def expressions():
    h, w, t = 72, 96, 6
    a = _moving(t, h, w, 30, 20, 12, 1, 6)
    b = _moving(t, h, w, 40, 60, 14, 0, -3)  # overlaps a from frame 3 on
    c = _moving(t, h, w, 50, 70, 9, -2, 0, hide=(2, 3))
    none = np.zeros((t, h, w), np.uint8)
    ground = a | b | c

    def off(m, d):
        return np.roll(m, d, axis=2)

    rows = [
        ("v1", "0", 0, [a], off(a, 2), ground),  # good
        (
            "v1",
            "1",
            0,
            [c],
            _moving(t, h, w, 50, 70, 9, -2, 0),
            ground,
        ),  # predicted also where the truth is empty
        ("v1", "2", 0, [c], off(c, 1), ground),  # empty on the empty frames too
        ("v1", "3", 1, [a, b], a | b, ground),  # two objects that overlap: truth 2
        ("v1", "10", 1, [a], none, ground),  # nothing predicted
        ("v2", "0", 1, [b], b, ground),  # perfect
        ("v2", "1", 0, [none], none, ground),  # no target, none predicted
        ("v2", "2", 1, [none], off(b, 5), ground),  # no target, something predicted
        ("v2", "3", 2, [b], off(b, 30), ground),  # type 2: left out of the ReVOS table
    ]

    def make(r):
        return {
            "video": r[0],
            "exp": r[1],
            "type_id": r[2],
            "annos": r[3],
            "prediction": r[4],
            "foreground": r[5],
        }

    full = [make(r) for r in rows]
    targets = [e for e in full if any(m.any() for m in e["annos"])]
    quiet = [e for e in full if (e["video"], e["exp"]) in {("v1", "0"), ("v1", "3"), ("v2", "0")}]
    return {"all": full, "targets_only": targets, "no_empty_frames": quiet}


def images():
    h, w = 60, 80
    z = np.zeros((h, w), np.uint8)

    def d(cy, cx, r):
        return disk(h, w, cy, cx, r)

    twice = box(h, w, 10, 10, 30, 40) + box(h, w, 20, 30, 45, 60)  # holds a 2
    inner = d(30, 40, 20) + d(30, 40, 8)  # a 2 wholly inside a 1
    flush = box(h, w, 10, 10, 30, 40) + box(h, w, 20, 33, 30, 60)  # columns that go 1, 2, 0
    out = [
        {
            "name": "i0",
            "pairs": [
                (d(30, 40, 15), d(30, 42, 15)),
                (d(20, 20, 10), d(20, 20, 10)),
                (d(45, 60, 9), d(40, 58, 12)),
            ],
        },
        {"name": "i1", "pairs": [(None, d(30, 40, 15)), (d(30, 40, 15), d(30, 40, 14))]},
        {"name": "i2", "pairs": [(z, d(20, 30, 9))]},
        {"name": "i3", "pairs": [(d(20, 30, 9), z), (z, z), (None, z)]},
        {"name": "i4", "pairs": [(np.ones_like(z), d(30, 40, 25)), (np.ones_like(z), np.ones_like(z))]},
        {
            "name": "i5",
            "pairs": [(pixel(h, w, (5, 5)), pixel(h, w, (5, 5))), (pixel(h, w, (5, 5)), pixel(h, w, (5, 6)))],
        },
        {
            "name": "i6",
            "pairs": [
                (noise(h, w, 0.5, 11), noise(h, w, 0.5, 12)),
                (noise(h, w, 0.1, 13), noise(h, w, 0.9, 14)),
            ],
        },
        {
            "name": "i7",
            "pairs": [(wavy(h, w, 30, 40, 18, 6, 0.3), d(30, 40, 18)), (d(30, 40, 25), d(30, 40, 5))],
        },
        {"name": "i8", "pairs": [(box(h, w, 0, 0, 60, 40), box(h, w, 0, 20, 60, 80))]},
        {"name": "i9", "pairs": [(d(15, 15, 12), d(45, 65, 12)), (None, np.ones_like(z))]},
    ]
    assert sum(len(i["pairs"]) for i in out) == 20
    out.append({"name": "value2_overlap", "pairs": [((twice > 0).astype(np.uint8), twice)]})
    out.append({"name": "value2_inner", "pairs": [((inner > 0).astype(np.uint8), inner)]})
    out.append({"name": "value2_flush", "pairs": [((flush > 0).astype(np.uint8), flush)]})
    return out


def crc(m):
    return None if m is None else zlib.crc32(np.ascontiguousarray(m, np.uint8).tobytes())
