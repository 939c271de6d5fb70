"""Annotations of every kind of input: how they are called, and which frames and prompts they speak of."""

import json
import xml.etree.ElementTree as ET

import pytest
from clips import make_folder, make_image, make_video

KINDS = ("coco", "yolo", "labelme", "cvat", "datumaro", "labelstudio")
SAVE = [word for kind in KINDS for word in ("--save", kind)]


def test_a_video_has_one_file_or_one_folder_of_each(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va("segment", "a.mp4", "red corner", *SAVE, "--max-frames", "3")
    assert outcome.code == 0, outcome.err
    numbers = ("00000", "00001", "00002")
    files = ["a.mp4", "a.coco.json", "a.cvat.xml", "a.datumaro.json", "a.labelstudio.json"]
    files += ["a.labelme", "a.labelme/.sa2va-files", *(f"a.labelme/{number}.json" for number in numbers)]
    files += ["a.yolo", "a.yolo/.sa2va-files", "a.yolo/data.yaml", "a.yolo/labels"]
    files += [f"a.yolo/labels/{number}.txt" for number in numbers]
    assert outcome.files == sorted(files)


def test_frames_of_a_part_have_their_numbers_in_the_source(sa2va, folder):
    make_video(folder / "a.mp4")
    part = ["--start", "10f", "--every", "4", "--allow-empty"]
    outcome = sa2va("segment", "a.mp4", "red corner", *SAVE, *part)
    assert outcome.code == 0, outcome.err
    wanted = [10, 14, 18]
    coco, datumaro, tasks = (
        json.loads((folder / f"a.{kind}.json").read_text()) for kind in ("coco", "datumaro", "labelstudio")
    )
    assert [image["source_frame"] for image in coco["images"]] == wanted
    assert [image["frame_index"] for image in coco["images"]] == [0, 1, 2]
    assert [item["attr"]["frame"] for item in datumaro["items"]] == wanted
    assert [task["data"]["frame"] for task in tasks] == wanted
    assert [int(image.get("id")) for image in ET.parse("a.cvat.xml").findall("image")] == wanted
    files = sorted((folder / "a.labelme").glob("*.json"))
    assert [json.loads(file.read_text())["source_frame"] for file in files] == wanted
    assert [image["seconds"] for image in coco["images"]] == pytest.approx([k / 25 for k in wanted])


def test_prompts_keep_their_ids_whatever_is_found(sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "nothing there", "red corner", "red corner", *SAVE)
    assert outcome.code == 0, outcome.err
    wanted = ["nothing there", "red corner", "red corner #2"]
    coco, datumaro = (json.loads((folder / f"a.{kind}.json").read_text()) for kind in ("coco", "datumaro"))
    assert [(c["id"], c["name"]) for c in coco["categories"]] == list(enumerate(wanted, 1))
    assert {a["category_id"] for a in coco["annotations"]} == {2, 3}
    assert [label["name"] for label in datumaro["categories"]["label"]["labels"]] == wanted
    assert [name.text for name in ET.parse("a.cvat.xml").findall("meta/task/labels/label/name")] == wanted
    classes = {line.split()[0] for line in (folder / "a.yolo/labels/a.txt").read_text().splitlines()}
    assert classes == {"1", "2"}


def test_a_folder_s_annotations_are_called_like_its_files(sa2va, folder):
    make_folder(folder / "shots", 2)
    outcome = sa2va("segment", "shots", "red corner", *SAVE)
    assert outcome.code == 0, outcome.err
    assert {file.name for file in (folder / "shots.labelme").glob("*.json")} == {"frame0.json", "frame1.json"}
    assert {file.name for file in (folder / "shots.yolo/labels").iterdir()} == {"frame0.txt", "frame1.txt"}
    for kind in ("coco", "datumaro", "labelstudio", "cvat"):
        text = next(folder.glob(f"shots.{kind}.*")).read_text()
        assert "frame0.png" in text
        assert "frame1.png" in text


@pytest.mark.parametrize("kind", ["yolo", "labelme"])
def test_a_folder_is_replaced_until_somebody_works_in_it(sa2va, folder, kind):
    make_folder(folder / "shots", 2)
    again = ["segment", "shots", "red corner", "--save", kind, "--overwrite"]
    assert sa2va(*again).code == 0
    assert sa2va(*again).code == 0
    edited = next(path for path in (folder / f"shots.{kind}").rglob("frame1.*"))
    edited.write_text(edited.read_text() + " ")
    assert sa2va(*again).code == 7
    assert edited.read_text().endswith(" ")
