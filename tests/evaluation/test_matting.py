"""The benchmark of edges: its clips, and that refinement keeps what it promises on them."""

import json

import numpy as np
import pytest
from PIL import Image

from sa2va_cli.evaluation import alpha_clips
from sa2va_cli.evaluation.alpha_clips import BACKGROUNDS, SUBJECTS, draw_clip, network_masks
from sa2va_cli.evaluation.matting import main, make_method, score


@pytest.fixture(autouse=True)
def fewer_frames(monkeypatch):
    """Clips of four frames instead of eight."""
    monkeypatch.setattr(alpha_clips, "FRAMES", 4)


def clip(subject: str = "fur", background: str = "sky", seed: int = 7):
    return draw_clip(subject, background, np.random.SeedSequence(seed))


def test_there_are_twenty_clips():
    assert len(SUBJECTS) * len(BACKGROUNDS) == 20


def test_a_clip_follows_from_its_seed():
    one, same, other = clip("smoke"), clip("smoke"), clip("smoke", seed=8)
    assert np.array_equal(one.images, same.images)
    assert np.array_equal(one.alphas, same.alphas)
    assert not np.array_equal(one.images, other.images)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_clip_is_its_foreground_where_alpha_is_one_and_moves(subject):
    drawn = clip(subject, "bokeh")
    solid = drawn.alphas == 1
    assert solid.mean() > 0.02
    assert np.abs(drawn.images[solid].astype(int) - drawn.foregrounds[solid]).mean() < 2
    assert ((drawn.alphas > 0.1) & (drawn.alphas < 0.9)).mean() > 0.003
    assert np.abs(np.diff(drawn.alphas, axis=0)).mean() > 1e-3
    assert (drawn.bands & solid).any()
    assert drawn.bands.mean() < 0.5


def test_the_mask_of_a_network_has_the_area_of_the_truth_and_no_detail():
    truth = clip("motion blur").alphas
    soft = network_masks(truth)
    assert soft.dtype == np.float32
    assert soft.mean() == pytest.approx(truth.mean(), rel=0.01)
    assert np.abs(np.diff(soft, axis=2)).max() < 0.15 < np.abs(np.diff(truth, axis=2)).max()


def test_guided_halves_the_error_of_the_hard_mask_and_beats_the_soft_one_without_flicker():
    methods = {k: make_method(k) for k in ("hard", "soft", "guided")}
    clips = [clip("hair", "leaves"), clip("motion blur", "street")]
    scores = {}
    for found in score(clips, methods, lambda *_: None):
        scores.setdefault(found.method, []).append(found.band)
    mads = {name: np.mean([k.mad for k in found]) for name, found in scores.items()}
    assert mads["guided"] < 0.5 * mads["hard"]
    assert mads["guided"] < 0.75 * mads["soft"]
    assert np.mean([k.dtssd for k in scores["guided"]]) < np.mean([k.dtssd for k in scores["soft"]])


def test_the_command_prints_a_table_and_writes_json_and_a_picture(tmp_path, capsys):
    told, sheet = tmp_path / "told.json", tmp_path / "sheet.png"
    written = ["--json", str(told), "--picture", str(sheet)]
    main(["--clips", "1", "--method", "hard", "--method", "guided", *written])
    printed = capsys.readouterr().out
    assert "| guided |" in printed
    assert "mad, hair" in printed
    document = json.loads(told.read_text())
    assert {"machine", "date", "commit", "command"} <= document.keys()
    assert document["means"]["guided"]["band"]["mad"] < document["means"]["hard"]["band"]["mad"]
    assert Image.open(sheet).size[0] == 4 * 240


def test_an_unknown_method_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="closed-form"):
        make_method("magic")
