"""Every measure against the numbers that the official scripts gave on the masks of reference/metrics."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reference.metrics import make

from sa2va_cli.errors import InputError
from sa2va_cli.evaluation.davis import boundary_f, jaccard
from sa2va_cli.evaluation.measures import differing, measured, official_table
from sa2va_cli.evaluation.protocols import score_frame, score_picture, through_run_lengths
from sa2va_cli.evaluation.sentences import SentenceScore, read_sentences, score_sentence, write_sentences
from sa2va_cli.training.datasets.sample import Pictures, ReferringSample

FOLDER = Path(make.__file__).parent
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
CLOSE = {"abs": 1e-6}


class Layer:
    """Masks that are given."""

    def __init__(self, masks):
        self.masks = masks

    def on(self, frame, size):
        return np.asarray(self.masks[frame], np.uint8)

    def problem(self, frame, size):
        return None


class Sized(Pictures):
    """Frames that have a size and no picture."""

    def __init__(self, count, size):
        super().__init__([Path(f"{k:05d}.jpg") for k in range(count)])
        object.__setattr__(self, "shape", size)

    def size(self, frame):
        return self.shape


def sample(video, expression, layers, kind="", foreground=None):
    masks = [Layer(one) for one in layers]
    frames = Sized(len(layers[0]), layers[0][0].shape)
    ground = None if foreground is None else Layer(foreground)
    return ReferringSample(video, expression, "words", frames, tuple(masks), "here", kind, "", ground)


def video_scores(part, kinds, protocol="official"):
    scores = []
    for one in make.expressions()[part]:
        kind = kinds.get(one["type_id"], "other")
        truth = sample(one["video"], one["exp"], one["annos"], kind, one["foreground"])
        scores.append(score_sentence(truth, one["prediction"] > 0, protocol=protocol))
    return scores


def picture_scores(pairs, protocol="official", name="i"):
    scores = []
    for k, (found, truth) in enumerate(pairs):
        mask = np.zeros_like(truth) if found is None else found
        scores.append(score_sentence(sample(name, str(k), [truth[None]]), mask[None] > 0, protocol=protocol))
    return scores


@pytest.mark.parametrize(
    ("name", "found", "truth"), make.frame_pairs(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_j_and_f_of_a_frame_are_the_official_ones(name, found, truth):
    expected = EXPECTED["frame_pairs"][name]
    assert make.crc(found) == expected["crc_prediction"]
    assert jaccard(found > 0, truth > 0) == pytest.approx(expected["J"], **CLOSE)
    assert boundary_f(found > 0, truth > 0, official=True) == pytest.approx(expected["F"], **CLOSE)


def test_an_empty_mask_matches_a_full_one_only_where_the_official_code_says_so():
    full, empty = np.ones((9, 9), bool), np.zeros((9, 9), bool)
    assert boundary_f(empty, full, official=True) == 1
    assert boundary_f(empty, full) == 0


@pytest.mark.parametrize("one", make.expressions()["all"], ids=lambda one: f"{one['video']}_{one['exp']}")
def test_j_f_a_and_r_of_every_frame_are_the_official_ones(one):
    expected = EXPECTED["videos"]["all"]["per_expression"][f"{one['video']}_{one['exp']}"]
    counts = np.sum(one["annos"], axis=0, dtype=np.uint8)
    assert make.crc(counts) == expected["crc_truth_sum"]
    for k, (found, truth, ground) in enumerate(
        zip(one["prediction"], counts, one["foreground"], strict=True)
    ):
        scores = score_frame(found > 0, truth, ground)
        for name in "JFAR":
            value = getattr(scores, name.lower())
            assert value == pytest.approx(expected[f"{name}_per_frame"][k], **CLOSE), (name, k)


@pytest.mark.parametrize("part", ["all", "targets_only", "no_empty_frames"])
@pytest.mark.parametrize(
    ("form", "script", "kinds"),
    [
        ("mevis", "eval_mevis", {}),
        ("revos", "eval_revos", {0: "referring", 1: "reasoning"}),
        ("ref-sav", "eval_ref_sav", {0: "long", 1: "short"}),
    ],
)
def test_the_tables_of_videos_are_those_of_the_official_scripts(form, script, kinds, part):
    expected = EXPECTED["videos"][part][script]
    table = official_table(form, video_scores(part, kinds))
    if form == "mevis":
        expected = {"overall": expected}
    assert set(table) == set(expected)
    for row, columns in expected.items():
        assert table[row] == pytest.approx(columns, **CLOSE)


def test_answers_of_none_are_counted():
    scores = video_scores("all", {})
    expected = EXPECTED["videos"]["all"]["no_target_by_analogy"]
    assert measured(scores, "N-acc.").value == pytest.approx(expected["N_acc"], **CLOSE)
    assert measured(scores, "T-acc.").value == pytest.approx(expected["T_acc"], **CLOSE)


def test_unrounded_means_are_the_official_ones():
    expected = EXPECTED["videos"]["all"]["unrounded"]
    scores = video_scores("all", {})
    for name in ("J", "F", "J&F"):
        assert measured(scores, name).value == pytest.approx(expected[name], **CLOSE)


IMAGES = {one["name"]: one["pairs"] for one in make.images()}


@pytest.mark.parametrize("name", IMAGES)
def test_ciou_and_giou_of_a_picture_are_the_official_ones(name):
    expected = EXPECTED["images"]["official"]["each"][name]
    scores = picture_scores(IMAGES[name])
    assert sum(one.intersection for one in scores) == expected["pixel_intersection"]
    assert sum(one.union for one in scores) == expected["pixel_union"]
    table = official_table("refcoco", scores)["overall"]
    assert table == pytest.approx({"cIoU": expected["cIoU"], "gIoU": expected["gIoU"]}, **CLOSE)


def test_ciou_and_giou_of_all_pictures_are_the_official_ones():
    expected = EXPECTED["images"]["official"]["images_0_to_9"]
    scores = [one for k in range(10) for one in picture_scores(IMAGES[f"i{k}"], name=f"i{k}")]
    table = official_table("refcoco", scores)["overall"]
    assert table == pytest.approx({"cIoU": expected["cIoU"], "gIoU": expected["gIoU"]}, **CLOSE)


def test_the_table_of_grefcoco_is_that_of_rela():
    expected = EXPECTED["images"]["gres_rela"]["images_0_to_9"]
    scores = [one for k in range(10) for one in picture_scores(IMAGES[f"i{k}"], name=f"i{k}")]
    table = official_table("grefcoco", scores)["overall"]
    names = {"T_acc": "T-acc.", "N_acc": "N-acc."}
    assert table == pytest.approx({names.get(name, name): value for name, value in expected.items()}, **CLOSE)


@pytest.mark.parametrize("name", ["value2_overlap", "value2_inner", "value2_flush"])
def test_the_clean_protocol_unites_what_the_official_one_adds_up(name):
    expected = EXPECTED["images"]["official"]["value2_made_binary"][name]
    scores = picture_scores(IMAGES[name], "clean")
    assert measured(scores, "cIoU").value == expected["cIoU"] == 1
    assert measured(scores, "gIoU").value == expected["gIoU"] == 1


def test_a_value_of_2_turns_runs_around():
    twice = np.array([[1], [2], [0], [0]], np.uint8)
    assert through_run_lengths(twice).ravel().tolist() == [True, False, True, True]


def test_clean_r_of_a_perfect_answer_is_1_where_objects_overlap():
    one = next(e for e in make.expressions()["all"] if (e["video"], e["exp"]) == ("v1", "3"))
    truth = sample("v1", "3", one["annos"], "", one["foreground"])
    assert score_sentence(truth, one["prediction"] > 0).r == pytest.approx(1 / 3)
    clean = score_sentence(truth, one["prediction"] > 0, protocol="clean")
    assert (clean.r, clean.a) == (pytest.approx(1), 1)


def test_an_area_to_ignore_does_not_count():
    found, truth, ignored = (
        np.ones((1, 4), bool),
        np.array([[1, 1, 0, 0]], np.uint8),
        np.array([[0, 0, 0, 1]], np.uint8),
    )
    assert score_picture(found, truth, ignored) == (2, 3)


def test_the_table_of_sentences_is_read_as_it_was_written(tmp_path):
    scores = [replace(one, sentence='comma, "quote", 狗') for one in video_scores("all", {})]
    write_sentences(scores, tmp_path / "s.csv")
    assert read_sentences(tmp_path / "s.csv") == scores
    (tmp_path / "s.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not a table of sentences"):
        read_sentences(tmp_path / "s.csv")


def varied(shift=0.0):
    rng = np.random.default_rng(3)
    return [
        SentenceScore(
            f"v{k // 4}",
            str(k % 4),
            "",
            "",
            "",
            1,
            min(value + shift, 1),
            0.5,
            1,
            None,
            1,
            2,
            value,
            True,
            True,
        )
        for k, value in enumerate(rng.random(200))
    ]


def test_an_interval_holds_the_value_and_narrows_with_more_videos():
    few, many = measured(varied()[:40], "J"), measured(varied(), "J")
    for one in (few, many):
        assert one.low < one.value < one.high
    assert many.high - many.low < few.high - few.low


def test_one_video_leaves_no_interval():
    one = measured(varied()[:4], "J")
    assert (one.low, one.high, one.half) == (None, None, None)


def test_runs_are_compared_sentence_by_sentence():
    difference = differing(varied(), varied(0.0), "J")
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    better = differing(varied(), varied(0.1), "J")
    assert better.low > 0.05  # less than the interval of either: what both share cancels
    with pytest.raises(InputError, match="same sentences"):
        differing(varied(), varied()[1:], "J")
    with pytest.raises(InputError, match="v0/0 is '' of '' in one of the runs and 'a dog' of ''"):
        differing(varied(), [replace(varied()[0], sentence="a dog"), *varied()[1:]], "J")


def test_a_measure_of_what_is_not_there_is_nothing():
    assert measured(varied(), "N-acc.") is None
    assert measured(varied(), "R") is None
