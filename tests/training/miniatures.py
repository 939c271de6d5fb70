"""Data sets of a few pictures in the exact layout on disk of each format, drawn from the demo world.

Each maker gives the folder or file that a reader takes and what is true of it: for each sentence, by its id,
the words and the mask of every frame as the sum of its objects.
"""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from sa2va_cli.demo.world import Scene, scene_seed

SIZE = 96, 54
FRAMES = 3
Truth = dict[str, tuple[str, list[np.ndarray]]]


@dataclass(frozen=True, eq=False)
class Clip:
    images: list[np.ndarray]
    actors: dict[int, list[np.ndarray]]


@cache
def clip(index: int, frames: int = FRAMES) -> Clip:
    scene = Scene.sample(scene_seed("clips", 77, index), 96)
    drawn = [scene.draw(12 * t, SIZE) for t in range(frames)]
    actors = {a.id: [(ids == a.id).astype(np.uint8) for _, ids in drawn] for a in scene.actors}
    return Clip([image for image, _ in drawn], {n: m for n, m in actors.items() if any(k.any() for k in m)})


def rle(mask: np.ndarray) -> dict | None:
    if not mask.any():
        return None
    found = coco_mask.encode(np.asfortranarray(mask))
    return {"size": list(found["size"]), "counts": found["counts"].decode()}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def save(folder: Path, images: list[np.ndarray], names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(folder / name)


def summed(masks: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [np.sum(frame, axis=0, dtype=np.uint8) for frame in zip(*masks, strict=True)]


def videos(names: tuple[str, ...]) -> dict[str, Clip]:
    return {name: clip(k) for k, name in enumerate(names)}


def expressions(clips: dict[str, Clip]) -> tuple[dict, dict, Truth]:
    """``meta_expressions.json``, ``mask_dict.json`` and the truth: one actor, two of them, and none."""
    meta, masks, truth = {}, {}, {}
    for video, one in clips.items():
        chosen = list(one.actors)[:2]
        ids = {a: str(len(masks) + k) for k, a in enumerate(chosen)}
        masks |= {ids[a]: [rle(m) for m in one.actors[a]] for a in chosen}
        said = {"0": [chosen[0]], "1": chosen, "10": []}
        meta[video] = {
            "vid_id": 0,
            "frames": [f"{5 * k:05d}" for k in range(FRAMES)],
            "expressions": {
                e: {"exp": f"thing {e}", "obj_id": list(range(len(a))), "anno_id": [int(ids[k]) for k in a]}
                for e, a in said.items()
            },
        }
        empty = [np.zeros(SIZE[::-1], np.uint8)] * FRAMES
        for e, a in said.items():
            truth[f"{video}/{e}"] = f"thing {e}", summed([one.actors[k] for k in a]) if a else empty
    return {"videos": meta}, masks, truth


def jpegs(folder: Path, clips: dict[str, Clip]) -> None:
    for video, one in clips.items():
        save(folder / video, one.images, [f"{5 * k:05d}.jpg" for k in range(FRAMES)])


def mevis(folder: Path) -> tuple[Path, Truth]:
    clips = videos(("a1", "b2"))
    meta, masks, truth = expressions(clips)
    root = folder / "mevis" / "valid_u"
    jpegs(root / "JPEGImages", clips)
    write(root / "meta_expressions.json", meta)
    write(root / "mask_dict.json", masks)
    return folder / "mevis", truth


def revos(folder: Path) -> tuple[Path, Truth]:
    clips = videos(("UVO/a1", "MOSE/b2"))
    meta, masks, truth = expressions(clips)
    for video in meta["videos"].values():
        for number, one in enumerate(video["expressions"].values()):
            one["type_id"] = number
    root = folder / "ReVOS"
    jpegs(root / "JPEGImages", clips)
    write(root / "meta_expressions_valid_.json", meta)
    write(root / "mask_dict.json", masks)
    write(root / "mask_dict_foreground.json", {v: {"masks_rle": _foreground(c)} for v, c in clips.items()})
    return root, truth


def _foreground(one: Clip) -> list[dict | list[dict]]:
    """Everything annotated: of the first frame one mask for each object, of the others one of all."""
    frames = list(zip(*one.actors.values(), strict=True))
    return [[rle(m) for m in frames[0] if m.any()], *(rle(np.max(f, axis=0)) for f in frames[1:])]


def mevis_v2(folder: Path) -> tuple[Path, Truth]:
    path, truth = mevis(folder)
    (path / "valid_u" / "meta_expressions.json").rename(path / "valid_u" / "meta_expressions_v2.json")
    return path, truth


def ref_sav(folder: Path) -> tuple[Path, Truth]:
    clips = videos(("sav_000001", "sav_000002"))
    meta, masks, truth = expressions(clips)
    for video in meta["videos"].values():
        for number, one in enumerate(video["expressions"].values()):
            one["type_id"] = number % 2
    root = folder / "ref_sav_eval"
    jpegs(root / "videos", clips)
    write(root / "meta_expressions_valid.json", meta)
    write(root / "mask_dict.json", masks)
    return root, truth


def ref_sav_train(folder: Path) -> tuple[Path, Truth]:
    from fractions import Fraction

    from sa2va_cli.media.writer import VideoWriter

    one, root = clip(0, 2), folder / "sav_train"
    (root / "sav_000").mkdir(parents=True)
    path = root / "sav_000" / "sav_000009.mp4"
    with VideoWriter(path, size=SIZE, rate=Fraction(24), time_base=Fraction(1, 24), codec="h264") as writer:
        for t in range(8):
            writer.write(one.images[t // 4], t, Fraction(1, 24))
    names = list(one.actors)[:2]
    masklet = [[rle(one.actors[a][t]) for a in names] for t in range(2)]
    write(path.with_name("sav_000009_auto.json"), {"masklet": masklet, "masklet_id": [3, 7]})
    inside = "sav_000/sav_train/sav_000/sav_000009"  # of the archive, not of the disk
    said = {str(k): {"formated": f"a long one {k}"} for k in range(2)}
    entry = {"video_path": f"{inside}.mp4", "anno_path": f"{inside}_auto.json", "objects": said}
    write(root / "Ref-SAV.json", {"video 0": entry})
    return root, {f"video 0/{k}": (f"a long one {k}", one.actors[names[k]]) for k in range(2)}


def _numbered(clips: dict[str, Clip], order: list[str]) -> tuple[dict, dict, Truth]:
    """Expressions that name no masks: these run through videos and ids sorted as texts."""
    meta, masks, truth = {}, {}, {}
    for video in order:
        one = clips[video]
        actors = list(one.actors)
        for place, e in enumerate(("0", "1", "10", "2")):
            actor = actors[place % len(actors)]
            masks[len(masks)] = [rle(m) for m in one.actors[actor]]
            truth[f"{video}/{e}"] = f"thing {e}", one.actors[actor]
    for video in clips:
        meta[video] = {
            "frames": [f"{5 * k:05d}" for k in range(FRAMES)],
            "expressions": {e: {"exp": f"thing {e}"} for e in ("0", "1", "2", "10")},
        }
    return {"videos": meta}, masks, truth


def ref_youtube_vos(folder: Path) -> tuple[Path, Truth]:
    clips = videos(("z9", "a1"))  # not sorted: numbers run in the order of the file
    meta, masks, truth = _numbered(clips, list(clips))
    root = folder / "rvos"
    jpegs(root / "train" / "JPEGImages", clips)
    write(root / "meta_expressions" / "train" / "meta_expressions.json", meta)
    write(root / "mask_dict.json", masks)
    return root, truth


def ref_youtube_vos_drawn(folder: Path) -> tuple[Path, Truth]:
    clips = videos(("z9",))
    root, one = folder / "rvos", clips["z9"]
    names = [f"{5 * k:05d}" for k in range(FRAMES)]
    jpegs(root / "valid" / "JPEGImages", clips)
    drawn = [np.sum([a * m[k] for a, m in one.actors.items()], axis=0, dtype=np.uint8) for k in range(FRAMES)]
    save(root / "valid" / "Annotations" / "z9", drawn, [f"{n}.png" for n in names])
    said = {str(a): {"exp": f"thing {a}", "obj_id": str(a)} for a in one.actors}
    videos_of_test = {"b1": {"frames": names, "expressions": said}}
    content = {"videos": {"z9": {"frames": names, "expressions": said}} | videos_of_test}
    write(root / "meta_expressions" / "valid" / "meta_expressions.json", content)
    write(root / "meta_expressions" / "test" / "meta_expressions.json", {"videos": videos_of_test})
    return root, {f"z9/{a}": (f"thing {a}", m) for a, m in one.actors.items()}


def ref_davis_drawn(folder: Path) -> tuple[Path, Truth]:
    path, truth = ref_youtube_vos_drawn(folder)
    (path / "meta_expressions" / "test" / "meta_expressions.json").unlink()
    (path / "valid" / "JPEGImages" / "z9").rename(path / "valid" / "JPEGImages" / "b1")
    (path / "valid" / "Annotations" / "z9").rename(path / "valid" / "Annotations" / "b1")
    meta = path / "meta_expressions" / "valid" / "meta_expressions.json"
    found = json.loads(meta.read_text())["videos"]
    write(meta, {"videos": {"b1": found["b1"]}})
    return path.rename(folder / "ref-davis"), {key.replace("z9", "b1"): one for key, one in truth.items()}


def ref_davis(folder: Path) -> tuple[Path, Truth]:
    clips = videos(("z9", "a1"))
    meta, masks, truth = _numbered(clips, sorted(clips))
    root = folder / "davis17"
    jpegs(root / "valid" / "JPEGImages", clips)
    write(root / "meta_expressions" / "valid" / "meta_expressions.json", meta)
    write(root / "valid" / "mask_dict.json", masks)
    return root, truth


def box(left: int, top: int, right: int, bottom: int) -> list[int]:
    return [left, top, right, top, right, bottom, left, bottom]


def boxed(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.uint8)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] += 1
    return mask


TWO = (10, 10, 40, 30), (30, 20, 60, 45)
"""Boxes that overlap."""


def finetune(folder: Path) -> tuple[Path, Truth]:
    root = folder / "mine"
    save(root / "images", [clip(0, 1).images[0], clip(1, 1).images[0]], ["a.png", "b.jpg"])
    entries = [
        {"image": "a.png", "mask": [[box(*TWO[0])], [box(*TWO[0]), box(*TWO[1])]], "text": ["one", "both"]},
        {"image": "b.jpg", "mask": [[box(*TWO[1])]], "text": ["the other"]},
    ]
    write(root / "annotations.json", entries)
    return root, {
        "0/0": ("one", [boxed(TWO[0])]),
        "0/1": ("both", [boxed(*TWO)]),
        "1/0": ("the other", [boxed(TWO[1])]),
    }


def _instances(folder: Path) -> dict:
    save(folder, [clip(k, 1).images[0] for k in range(2)], ["COCO_1.jpg", "COCO_2.jpg"])
    shapes = {11: (1, [box(*TWO[0])]), 12: (1, [box(*TWO[1])]), 13: (2, [box(*TWO[0]), box(*TWO[1])])}
    return {
        "images": [
            {"id": k, "file_name": f"COCO_{k}.jpg", "width": SIZE[0], "height": SIZE[1]} for k in (1, 2)
        ],
        "annotations": [
            {"id": n, "image_id": i, "category_id": 5 + n % 2, "iscrowd": 0, "segmentation": s}
            for n, (i, s) in shapes.items()
        ],
        "categories": [{"id": 5, "name": "dog"}, {"id": 6, "name": "cat"}],
    }


def _refs() -> list[dict]:
    def sentences(first: int, *texts: str) -> list[dict]:
        return [{"sent": t, "raw": t, "tokens": t.split(), "sent_id": first + k} for k, t in enumerate(texts)]

    return [
        {
            "ref_id": 0,
            "ann_id": 11,
            "image_id": 1,
            "split": "val",
            "sentences": sentences(0, "left", "first"),
        },
        {"ref_id": 1, "ann_id": 12, "image_id": 1, "split": "val", "sentences": sentences(2, "right one")},
        {"ref_id": 2, "ann_id": 13, "image_id": 2, "split": "testA", "sentences": sentences(3, "both")},
        {"ref_id": 3, "ann_id": 13, "image_id": 2, "split": "testB", "sentences": sentences(4, "again")},
    ]


def refcoco(folder: Path) -> tuple[Path, Truth]:
    root = folder / "refcoco"
    write(root / "instances.json", _instances(folder / "train2014"))
    write(root / "refs(unc).json", _refs())
    with (root / "refs(unc).p").open("wb") as file:
        pickle.dump(_refs(), file, protocol=2)
    first, second = [boxed(TWO[0])], [boxed(TWO[1])]
    return root, {"1/0": ("left", first), "1/1": ("first", first), "1/2": ("right one", second)}


def grefcoco(folder: Path) -> tuple[Path, Truth]:
    root = folder / "ref_seg" / "grefcoco"
    instances = _instances(folder / "glamm_data" / "images" / "coco2014" / "train2014")
    crowd = {"id": 14, "image_id": 1, "category_id": 5, "iscrowd": 1, "segmentation": [box(0, 0, 5, 5)]}
    instances["annotations"].append(crowd)
    write(root / "instances.json", instances)
    refs = _refs()[:2]
    refs[0] |= {"ann_id": [11, 12, 14]}
    refs[1] |= {"ann_id": [-1]}
    write(root / "grefs(unc).json", refs)
    both, none = [boxed(*TWO).clip(max=1)], [np.zeros(SIZE[::-1], np.uint8)]
    return root, {"1/0": ("left", both), "1/1": ("first", both), "1/2": ("right one", none)}


def coco(folder: Path) -> tuple[Path, Truth]:
    path = write(folder / "annotations" / "instances_val.json", _instances(folder / "val"))
    return path, {
        "1/6": ("cat", [boxed(TWO[0])]),
        "1/5": ("dog", [boxed(TWO[1])]),
        "2/6": ("cat", [boxed(*TWO)]),
    }


def panoptic(folder: Path) -> tuple[Path, Truth]:
    document = _instances(folder / "val")
    numbers = np.zeros((*SIZE[::-1], 3), np.uint8)
    numbers[5:20, 5:30] = 1, 2, 0  # 513
    numbers[30:50, 5:30] = 7, 0, 0
    save(folder / "panoptic_val", [numbers], ["COCO_1.png"])
    document["annotations"] = [
        {
            "image_id": 1,
            "file_name": "COCO_1.png",
            "segments_info": [{"id": 513, "category_id": 5}, {"id": 7, "category_id": 6}],
        }
    ]
    path = write(folder / "panoptic_val.json", document)
    return path, {"1/5": ("dog", [boxed((5, 5, 30, 20))]), "1/6": ("cat", [boxed((5, 30, 30, 50))])}


def coco_export(folder: Path) -> tuple[Path, Truth]:
    one = clip(0)
    names = [f"{k:05d}.png" for k in range(FRAMES)]
    save(folder / "park", one.images, names)
    actor = next(iter(one.actors))
    images = [
        {"id": k + 1, "file_name": f"park/{n}", "video_id": 1, "frame_id": k} for k, n in enumerate(names)
    ]
    annotations = [
        {"id": k, "image_id": k + 1, "category_id": 1, "track_id": 1, "segmentation": found}
        for k, m in enumerate(one.actors[actor])
        if (found := rle(m))
    ]
    content = {
        "videos": [{"id": 1, "name": "park"}],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "somebody"}],
    }
    return write(folder / "park.coco.json", content), {"park/1": ("somebody", one.actors[actor])}


def park(folder: Path) -> tuple[Path, Truth]:
    from sa2va_cli.demo.world import write_clip

    root = folder / "clips"
    root.mkdir()
    _, notes = write_clip(Scene.sample(scene_seed("clips", 77, 0), FRAMES), root / "000", SIZE)
    content = json.loads(notes.read_text())
    masks = {int(a): [coco_mask.decode(m) for m in ms] for a, ms in content["actors"].items()}
    empty = [np.zeros(SIZE[::-1], np.uint8)] * FRAMES
    return root, {
        f"000/{k}": (e["text"], summed([masks[a] for a in e["actors"]]) if e["actors"] else empty)
        for k, e in enumerate(content["expressions"])
    }


def reason_seg(folder: Path) -> tuple[Path, Truth]:
    root = folder / "ReasonSeg"
    save(root / "val", [clip(0, 1).images[0]], ["x.jpg"])
    shapes = [
        {"label": "ignored part", "points": [[12.9, 12], [20, 12], [20, 16], [12, 16]]},
        {"label": "target", "points": [[10, 10], [39, 10], [39, 29], [10, 29]]},
        {"label": "Flag", "points": [[0, 0], [90, 0], [90, 50]]},
    ]
    content = {"text": ["what barks at the café", "the same"], "is_sentence": False, "shapes": shapes}
    path = write(root / "val" / "x.json", {})
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode("cp1252"))
    drawn = boxed(TWO[0]) - boxed((12, 12, 21, 17))  # outlines included; what is smaller lies above
    return root, {"x/0": ("what barks at the café", [drawn]), "x/1": ("the same", [drawn])}


def davis(folder: Path) -> tuple[Path, Truth]:
    root, one = folder / "DAVIS", clip(0, 4)
    names = [f"{k:05d}" for k in range(4)]
    save(root / "JPEGImages" / "480p" / "bike", one.images, [f"{n}.jpg" for n in names])
    first = {a: m for a, m in one.actors.items() if m[0].any()}
    drawn = [np.sum([a * m[k] for a, m in first.items()], axis=0, dtype=np.uint8) for k in range(4)]
    save(root / "Annotations" / "480p" / "bike", drawn, [f"{n}.png" for n in names])
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("bike\n")
    return root, {f"bike/{a}": ("", m) for a, m in first.items()}


MAKERS: dict[str, tuple[str, Callable[[Path], tuple[Path, Truth]]]] = {
    "finetune": ("finetune", finetune),
    "mevis": ("mevis", mevis),
    "mevis v2": ("mevis", mevis_v2),
    "revos": ("revos", revos),
    "ref-sav": ("ref-sav", ref_sav),
    "ref-sav train": ("ref-sav", ref_sav_train),
    "ref-youtube-vos": ("ref-youtube-vos", ref_youtube_vos),
    "ref-youtube-vos drawn": ("ref-youtube-vos", ref_youtube_vos_drawn),
    "ref-davis17": ("ref-davis17", ref_davis),
    "ref-davis17 drawn": ("ref-davis17", ref_davis_drawn),
    "refcoco": ("refcoco", refcoco),
    "grefcoco": ("grefcoco", grefcoco),
    "reason-seg": ("reason-seg", reason_seg),
    "davis": ("davis", davis),
    "park": ("park", park),
    "coco": ("coco", coco),
    "coco-panoptic": ("coco-panoptic", panoptic),
    "coco-export": ("coco-export", coco_export),
}
"""By a name for the test: the format, and what makes a miniature in a folder."""
