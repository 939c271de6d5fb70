"""Pictures of a part of a video can be called by the frames' numbers in the source."""

import json

from clips import make_video


def test_davis_pictures_have_the_numbers_of_the_source_on_request(sa2va, folder):
    make_video(folder / "a.mp4")
    part = ["--start", "1f", "--every", "4", "--max-frames", "3", "--allow-empty", "--save", "davis,tracks"]
    assert sa2va("segment", "a.mp4", "red", *part, "-o", "0/").code == 0
    assert sa2va("segment", "a.mp4", "red", *part, "--source-numbers", "-o", "1/").code == 0
    names = {place: sorted(path.name for path in (folder / place / "a.davis").iterdir()) for place in "01"}
    assert names["0"] == ["00000.png", "00001.png", "00002.png"]
    assert names["1"] == ["00001.png", "00005.png", "00009.png"]
    again = sa2va(
        "render", "1/a.tracks.sa2va", "--save", "davis", "--allow-empty", "--source-numbers", "-o", "2/"
    )
    assert again.code == 0, again.err
    assert sorted(path.name for path in (folder / "2" / "a.davis").iterdir()) == names["1"]


def test_annotations_speak_of_pictures_by_the_same_numbers(sa2va, folder):
    make_video(folder / "a.mp4")
    part = ["--start", "1f", "--every", "4", "--max-frames", "2", "--allow-empty", "--source-numbers"]
    assert sa2va("segment", "a.mp4", "red", *part, "--save", "coco,datumaro,labelstudio,labelme").code == 0
    coco, datumaro, tasks = (
        json.loads((folder / f"a.{kind}.json").read_text()) for kind in ("coco", "datumaro", "labelstudio")
    )
    wanted = ["a/00001.png", "a/00005.png"]
    assert [image["file_name"] for image in coco["images"]] == wanted
    assert [item["image"]["path"] for item in datumaro["items"]] == wanted
    assert [task["data"]["image"] for task in tasks] == wanted
    assert json.loads((folder / "a.labelme" / "00005.json").read_text())["imagePath"] == "00005.png"


def test_pictures_of_a_whole_picture_edit_have_them_too(sa2va, folder):
    make_video(folder / "a.mp4")
    outcome = sa2va(
        "edit", "a.mp4", "--target", "picture", "--effect", "grey", "--container", "png",
        "--start", "1f", "--every", "4", "--max-frames", "3", "--source-numbers", "-o", "0/",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    names = sorted(path.name for path in (folder / "0" / "a.edit").iterdir())
    assert names == ["00001.png", "00005.png", "00009.png"]
