"""What a model is asked is what the official scripts ask."""

from dataclasses import replace

import numpy as np
import pytest
from training import miniatures

from sa2va_cli.errors import InputError
from sa2va_cli.evaluation.predicting import official_words, predict, search_for
from sa2va_cli.evaluation.predictions import predictions_in
from sa2va_cli.evaluation.scoring import masks_of
from sa2va_cli.pipeline.prompts import question
from sa2va_cli.training.datasets.table import read_dataset


@pytest.fixture
def video(tmp_path):
    samples = read_dataset(miniatures.mevis(tmp_path)[0]).usable()
    return [one for one in samples if one.video == "a1"]


def asked(sample, protocol):
    search = search_for([sample], protocol)
    return search, str(question(search.prompts[0].text, verbatim=search.verbatim))


def test_a_video_is_asked_in_the_words_of_the_official_scripts(video):
    search, words = asked(replace(video[0], sentence="the dog"), "official")
    assert words == "<image>\nPlease segment the dog."
    assert (search.sampling, search.keyframes) == ("first", 5)
    _, words = asked(replace(video[0], sentence="what barks?"), "official")
    assert words == "<image>\n what barks? Please respond with a segmentation mask."


def test_a_picture_is_asked_in_the_words_of_the_official_scripts(tmp_path):
    one = read_dataset(miniatures.refcoco(tmp_path)[0]).samples[0]
    assert official_words(one) == "\n Please segment left in this image."


def test_the_clean_protocol_asks_as_segment_does(video):
    search, words = asked(replace(video[0], sentence="the dog"), "clean")
    assert words == "<image>Please segment the dog."
    assert search.sampling == "uniform"


def test_the_same_words_twice_are_two_sentences(video):
    same = [replace(one, sentence="the dog") for one in video]
    labels = [one.label for one in search_for(same, "official").prompts]
    assert len(set(labels)) == len(same)


def test_where_a_file_is_not_in_order_only_the_clean_protocol_goes_by_names(video, tmp_path):
    from PIL import Image

    frames = video[0].frames
    turned = replace(video[0], frames=replace(frames, paths=list(reversed(frames.paths))))
    for k, name in enumerate(frames.names):
        mask = np.zeros(miniatures.SIZE[::-1], np.uint8)
        mask[0, k] = 255
        path = tmp_path / "masks" / "a1" / "0" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    predictions = predictions_in(tmp_path / "masks")
    order = {
        protocol: [int(np.flatnonzero(m[0])[0]) for m in masks_of(predictions, [turned], protocol)["a1/0"]]
        for protocol in ("official", "clean")
    }
    assert order == {"official": [0, 1, 2], "clean": [2, 1, 0]}


def test_some_frames_of_a_folder_or_a_video_are_predicted(video, tmp_path):
    """As those of Ref-SAV, or of tracks of a part: such frames are no files that a reader opens by itself."""
    from fakes import FakeSegmenter

    pictures = video[0].frames
    some = [replace(one, frames=replace(pictures, paths=pictures.paths[:2])) for one in video]
    clips = read_dataset(miniatures.ref_sav_train(tmp_path)[0]).usable()
    moving = [one for one in clips if one.video == clips[0].video]
    assert predict(FakeSegmenter, "fake", [some, moving], tmp_path / "found", "clean") == 2
    predictions = predictions_in(tmp_path / "found")
    assert [len(masks_of(predictions, one, "clean")[one[0].id]) for one in (some, moving)] == [2, 2]


def test_a_folder_without_predictions_is_told(tmp_path):
    with pytest.raises(InputError, match="neither tracks"):
        predictions_in(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        predictions_in(tmp_path / "gone")
