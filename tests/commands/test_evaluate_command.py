"""Evaluation on miniatures: the scores of the official definitions are computed here, by themselves."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from training import miniatures

from sa2va_cli.training.datasets.table import read_dataset


def shifted(mask, by=3):
    return np.roll(mask > 0, by, axis=1)


def predict(folder: Path, truth) -> Path:
    """Writes PNGs of a tool: right on the first sentence, silent on the last, else a little off."""
    keys = list(truth)
    samples = {one.id: one for one in read_dataset(folder).samples}
    out = folder.parent / "masks"
    for place, key in enumerate(keys):
        for k, mask in enumerate(truth[key][1]):
            found = mask > 0 if place == 0 else np.zeros_like(mask) if key == keys[-1] else shifted(mask)
            path = out / key / f"{samples[key].frames.names[k]}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(found.astype(np.uint8) * 255).save(path)
    return out


def found_in(out: Path, key: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) > 0 for path in sorted((out / key).iterdir())]


def official_j(found, truth):
    union = (found | truth).sum()
    return (found & truth).sum() / union if union else 1.0


def official_f(found, truth):
    """By the definition: distance to the other's boundary, by another library than the program uses."""

    def boundary(mask):
        right, down, both = (np.zeros_like(mask) for _ in range(3))
        right[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
        down[:-1] = mask[:-1] ^ mask[1:]
        both[:-1, :-1] = mask[:-1, :-1] ^ mask[1:, 1:]
        return right | down | both

    radius = np.ceil(0.008 * np.hypot(*found.shape))
    one, other = boundary(found), boundary(truth)
    if not one.any() or not other.any():
        return float(one.any() == other.any())
    precision = (ndimage.distance_transform_edt(~other)[one] <= radius).mean()
    recall = (ndimage.distance_transform_edt(~one)[other] <= radius).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


VIDEOS = [
    "mevis",
    "revos",
    "ref-sav",
    "ref-youtube-vos",
    "ref-youtube-vos drawn",
    "ref-davis17",
    "coco-export",
]


def test_davis_leaves_out_the_first_and_the_last_frame(sa2va, folder):
    path, truth = miniatures.davis(folder)
    out = folder / "palette" / "bike"
    out.mkdir(parents=True)
    for k in range(4):
        drawn = np.sum(
            [int(key.split("/")[1]) * m[k] for key, (_, m) in truth.items()], axis=0, dtype=np.uint8
        )
        Image.fromarray(drawn * (k in (1, 2))).save(out / f"{k:05d}.png")  # right where it counts only
    outcome = sa2va("evaluate", path, "--predictions", "palette", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["official"]["overall"] == {"J": 100, "F": 100, "J&F": 100}


PICTURES = ["finetune", "refcoco", "grefcoco", "coco", "coco-panoptic", "reason-seg"]


@pytest.mark.parametrize("name", VIDEOS)
def test_videos_of_every_format_score_as_the_definitions_say(name, sa2va, folder):
    path, truth = miniatures.MAKERS[name][1](folder)
    out = predict(path, truth)
    outcome = sa2va("evaluate", path, "--predictions", out, "--json")
    assert outcome.code == 0, outcome.err
    expected = {}
    for key, (_, masks) in truth.items():
        pairs = list(zip(found_in(out, key), [one > 0 for one in masks], strict=True))
        expected[key] = [np.mean([score(*pair) for pair in pairs]) for score in (official_j, official_f)]
    with (folder / "evaluation" / "sentences.csv").open() as file:
        rows = {f"{row['video']}/{row['expression']}": row for row in csv.DictReader(file)}
    assert set(rows) == set(truth)
    for key, (j, f) in expected.items():
        assert float(rows[key]["j"]) == pytest.approx(j, abs=1e-6)
        assert float(rows[key]["f"]) == pytest.approx(f, abs=1e-6)
    whole = json.loads(outcome.out)["rows"][0]["values"]
    mean = np.mean(list(expected.values()), axis=0)
    assert [whole[m]["value"] for m in ("J", "F")] == pytest.approx(list(mean), abs=1e-6)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_every_format_score_as_the_definitions_say(name, sa2va, folder):
    path, truth = miniatures.MAKERS[name][1](folder)
    out = predict(path, truth)
    outcome = sa2va("evaluate", path, "--predictions", out, "--protocol", "clean", "--json")
    assert outcome.code == 0, outcome.err
    counted = np.ones(miniatures.SIZE[::-1], bool)
    if name == "reason-seg":
        counted[12:17, 12:21] = False
    shared, total, each = 0, 0, []
    for key, (_, masks) in truth.items():
        found, wanted = found_in(out, key)[0] & counted, (masks[0] > 0) & counted
        i, u = (found & wanted).sum(), (found | wanted).sum()
        shared, total = shared + i, total + u
        each.append(i / u if u else 1)
    values = json.loads(outcome.out)["rows"][0]["values"]
    assert values["cIoU"]["value"] == pytest.approx(shared / total, abs=1e-9)
    assert values["gIoU"]["value"] == pytest.approx(np.mean(each), abs=1e-9)


def test_the_report_has_a_table_intervals_a_sheet_and_the_official_lines(sa2va, folder):
    path, truth = miniatures.revos(folder)
    outcome = sa2va("evaluate", path, "--predictions", predict(path, truth))
    assert outcome.code == 0
    assert "kind reasoning" in outcome.out
    assert "as the official script prints it, overall: J" in outcome.out
    sheet = np.asarray(Image.open(folder / "evaluation" / "worst.png"))
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 100
    report = json.loads((folder / "evaluation" / "report.json").read_text())
    value = report["rows"][0]["values"]["J&F"]
    assert value["low"] <= value["value"] <= value["high"]


def test_a_sentence_without_a_prediction_is_told(sa2va, folder):
    path, truth = miniatures.mevis(folder)
    out = predict(path, truth)
    next((out / "a1" / "0").iterdir()).unlink()
    outcome = sa2va("evaluate", path, "--predictions", out)
    assert outcome.code == 3
    assert "1 of 6 sentences have no prediction, a1/0 for one: there is no" in outcome.err
    assert outcome.err.strip().endswith(".png")
    assert sa2va("evaluate", path, "--predictions", out, "--submit", "s.zip").code == 3
    assert not (folder / "s.zip").exists()


def test_masks_are_read_from_every_kind_of_png_and_what_may_be_none_is_refused(sa2va, folder):
    path, truth = miniatures.mevis(folder)
    out = predict(path, truth)
    first, second, third, *_ = sorted(out.rglob("*.png"))
    mask = np.asarray(Image.open(first)) > 0
    assert sa2va("evaluate", path, "--predictions", out, "-o", "grey").code == 0
    palette = Image.fromarray(mask.astype(np.uint8) * 3, "P")
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 9, 9, 9])
    palette.save(first)
    deep = np.asarray(Image.open(second)).astype(np.uint16) * 200  # its low bytes alone are another picture
    Image.fromarray(deep).save(second)
    Image.open(third).convert("RGBA").save(third)
    assert sa2va("evaluate", path, "--predictions", out, "-o", "mixed").code == 0
    assert (folder / "grey/sentences.csv").read_text() == (folder / "mixed/sentences.csv").read_text()
    for change, told in (
        (lambda image: image.resize((9, 5)), "is 9x5 and the picture 96x54"),
        (lambda image: Image.merge("LA", (image.convert("L"), image.convert("L"))), "transparent in parts"),
    ):
        whole = third.read_bytes()
        change(Image.open(third)).save(third)
        outcome = sa2va("evaluate", path, "--predictions", out)
        assert outcome.code == 3
        assert f"{'/'.join(third.parts[-3:])}: " in outcome.err
        assert told in outcome.err
        third.write_bytes(whole)


def test_a_submission_to_davis_has_one_picture_of_all_objects(sa2va, folder):
    path, truth = miniatures.davis(folder)
    out = predict(path, truth)
    assert sa2va("evaluate", path, "--predictions", out, "--submit", "s", "-o", "a", "--json").code == 0
    assert sorted(one.name for one in (folder / "s" / "bike").iterdir()) == [f"{k:05d}.png" for k in range(4)]
    first = int(next(iter(truth)).split("/")[1])
    drawn = np.asarray(Image.open(folder / "s" / "bike" / "00001.png"))
    np.testing.assert_array_equal(drawn == first, truth[f"bike/{first}"][1][1] > 0)
    assert sa2va("evaluate", path, "--predictions", "s", "-o", "b").code == 0


def test_of_reason_seg_the_official_protocol_scores_the_first_sentence_of_a_picture(sa2va, folder):
    path, truth = miniatures.reason_seg(folder)
    out = predict(path, truth)
    for protocol, count in (("official", 1), ("clean", 2)):
        outcome = sa2va("evaluate", path, "--predictions", out, "--protocol", protocol, "--json")
        assert json.loads(outcome.out)["rows"][0]["sentences"] == count


@pytest.mark.parametrize(("name", "root"), [("mevis", ""), ("ref-youtube-vos", "Annotations/")])
def test_a_submission_is_laid_out_as_its_server_wants(name, root, sa2va, folder):
    path, truth = miniatures.MAKERS[name][1](folder)
    out = predict(path, truth)
    assert sa2va("evaluate", path, "--predictions", out, "--submit", "s.zip").code == 0
    with zipfile.ZipFile(folder / "s.zip") as packed:
        names = packed.namelist()
        assert sorted(names) == sorted(
            f"{root}{key}/{5 * k:05d}.png" for key in truth for k in range(miniatures.FRAMES)
        )
        for one in names:
            with packed.open(one) as file, Image.open(file) as picture:
                assert picture.mode == "L"
                assert set(np.unique(np.asarray(picture))) <= {0, 255}
    assert sa2va("evaluate", path, "--predictions", out, "--submit", "s").code == 0
    late = sa2va("evaluate", "nomodel", path, "--submit", "s")
    assert "there already" in late.err  # before a model is looked for
    again = sa2va("evaluate", path, "--predictions", folder / "s", "-o", "again", "--json")
    first = json.loads((folder / "evaluation" / "report.json").read_text())
    assert json.loads(again.out)["rows"] == first["rows"]


def test_where_the_truth_is_not_published_there_is_only_a_submission(sa2va, folder):
    path, truth = miniatures.mevis(folder)
    out = predict(path, truth)
    (path / "valid_u" / "mask_dict.json").unlink()
    outcome = sa2va("evaluate", path, "--predictions", out)
    assert outcome.code == 3
    assert "--submit" in outcome.err
    assert sa2va("evaluate", path, "--predictions", out, "--submit", "s.zip").code == 0


def test_with_json_there_is_one_document_whatever_else_is_written(sa2va, folder):
    path, truth = miniatures.mevis(folder)
    out = predict(path, truth)
    told = sa2va("evaluate", path, "--predictions", out, "--submit", "s", "--json")
    document = json.loads(told.out)
    assert document.pop("submission") == {"path": "s", "masks": 18, "sentences": 6}
    assert document == json.loads((folder / "evaluation" / "report.json").read_text())
    part = json.loads(sa2va("evaluate", "demo", path, "-o", "e", "--part", "1/2", "--json").out)
    assert part == {"part": "1/2", "videos": 1, "predicted": 1}
    (path / "valid_u" / "mask_dict.json").unlink()
    told = json.loads(sa2va("evaluate", path, "--predictions", out, "--submit", "z", "--json").out)
    assert told == {"submission": {"path": "z", "masks": 18, "sentences": 6}}


@pytest.mark.parametrize(
    ("change", "options", "code", "told"),
    [
        (lambda path: None, ("--part", "1/2", "--submit", "s"), 2, "--part 1/2 only predicts"),
        (lambda path: None, ("-o", "mevis/valid_u/mask_dict.json/e"), 7, "mask_dict.json is a file, and"),
        (lambda path: (path / "mask_dict.json").unlink(), (), 3, "write what the server wants with --submit"),
        (
            lambda path: (path / "JPEGImages" / "a1" / "00005.jpg").unlink(),
            (),
            3,
            "a1/00005.jpg: there is no",
        ),
        (
            lambda path: shutil.rmtree(path / "JPEGImages" / "a1"),
            (),
            3,
            "a1/00000.jpg: there is no such file",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line_and_leaves_nothing(sa2va, folder, change, options, code, told):
    path, _ = miniatures.mevis(folder)
    change(path / "valid_u")
    outcome = sa2va("evaluate", "demo", path, *options)
    assert outcome.code == code
    assert told in outcome.err
    assert not [one for one in outcome.files if one.endswith((".part", ".sa2va", ".csv"))]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--compare", "a", "b", "--protocol", "clean"), "--protocol means nothing with --compare; leave it"),
        (("mevis", "--predictions", "p", "--part", "1/2"), "--part means nothing with --predictions; leave"),
        (("mevis", "--predictions", "p", "--device", "cpu"), "--device means nothing with --predictions"),
    ],
)
def test_an_option_that_has_nothing_to_do_is_refused(sa2va, folder, options, told):
    outcome = sa2va("evaluate", *options)
    assert outcome.code == 2
    assert told in outcome.err


def test_a_damaged_prediction_is_named_with_what_makes_it_again(sa2va, folder):
    path, _ = miniatures.mevis(folder)
    tracks = folder / "evaluation" / "predictions" / "a1.tracks.sa2va"
    tracks.parent.mkdir(parents=True)
    tracks.write_bytes(b"sa2va tracks 1")
    outcome = sa2va("evaluate", "demo", path)
    assert outcome.code == 3
    assert "remove evaluation/predictions/a1.tracks.sa2va, and the same command makes it again" in outcome.err


def colours(folder: Path) -> Path:
    """Pictures whose red, green and blue parts the fake network finds."""
    path, _ = miniatures.mevis(folder)
    file = path / "valid_u" / "meta_expressions.json"
    content = json.loads(file.read_text())
    for video in content["videos"].values():
        for one, said in zip(video["expressions"].values(), ("red", "green", "nothing"), strict=True):
            one["exp"] = said
    file.write_text(json.dumps(content))
    return path


def test_a_model_is_run_and_goes_on_where_it_was_stopped(sa2va, folder):
    path = colours(folder)
    assert sa2va("evaluate", "demo", path, "--part", "2/2").code == 0
    tracks = folder / "evaluation" / "predictions"
    assert [one.name for one in tracks.iterdir()] == ["b2.tracks.sa2va"]
    before = (tracks / "b2.tracks.sa2va").stat().st_mtime_ns
    (tracks / "a1.tracks.sa2va.part").write_bytes(b"of a run that was killed")
    outcome = sa2va("evaluate", "demo", path)
    assert outcome.code == 0, outcome.err
    assert "1 of 2 videos predicted" in outcome.err
    assert sorted(one.name for one in tracks.iterdir()) == ["a1.tracks.sa2va", "b2.tracks.sa2va"]
    assert (tracks / "b2.tracks.sa2va").stat().st_mtime_ns == before
    with (folder / "evaluation" / "sentences.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    again = sa2va("evaluate", path, "--predictions", tracks, "-o", "again")
    assert again.code == 0
    same = (folder / "again" / "sentences.csv").read_text()
    assert same == (folder / "evaluation" / "sentences.csv").read_text()


def test_masks_of_the_first_frame_are_shown_where_there_are_no_sentences(sa2va, folder):
    path, truth = miniatures.davis(folder)
    outcome = sa2va("evaluate", "demo", path, "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["rows"][0]["sentences"] == len(truth)


def test_predictions_of_another_protocol_are_not_mixed_in(sa2va, folder):
    path = colours(folder)
    assert sa2va("evaluate", "demo", path, "--part", "1/1").code == 0
    outcome = sa2va("evaluate", "demo", path, "--protocol", "clean")
    assert outcome.code == 3
    assert "another protocol" in outcome.err


@pytest.mark.parametrize("part", ["1/2", "1/1"])
def test_predictions_of_another_model_are_not_taken_for_its_own(part, sa2va, folder):
    path = colours(folder)
    assert sa2va("evaluate", "demo", path, "--part", part).code == 0
    outcome = sa2va("evaluate", "4b", path)
    assert outcome.code == 3
    assert "another model (demo)" in outcome.err
    assert not (folder / "evaluation" / "report.json").exists()


def test_two_runs_are_compared(sa2va, folder):
    path, truth = miniatures.mevis(folder)
    out = predict(path, truth)
    assert sa2va("evaluate", path, "--predictions", out, "-o", "a").code == 0
    for key in truth:
        for file, mask in zip(sorted((out / key).iterdir()), truth[key][1], strict=True):
            Image.fromarray((mask > 0).astype(np.uint8) * 255).save(file)
    assert sa2va("evaluate", path, "--predictions", out, "-o", "b").code == 0
    outcome = sa2va("evaluate", "--compare", "a", "b", "--json")
    found = json.loads(outcome.out)["differences"]
    assert found["J"]["value"] > 0
    assert found["J"]["low"] >= 0
    told = sa2va("evaluate", "--compare", "a", "b")
    assert "difference" in told.out
    assert "protocols" not in told.err
    assert sa2va("evaluate", path, "--predictions", out, "-o", "b", "--protocol", "clean").code == 0
    assert "different protocols: a official, b clean" in sa2va("evaluate", "--compare", "a", "b").err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mine"], "MODEL and DATA"),
        (["demo", "mine", "--protocol", "strict"], "official, clean"),
        (["demo", "mine", "--part", "3/2"], "K/N"),
        (["--compare", "a"], "two evaluations"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(arguments, told, sa2va, folder):
    miniatures.finetune(folder)
    outcome = sa2va("evaluate", *arguments)
    assert outcome.code == 2
    assert told in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
