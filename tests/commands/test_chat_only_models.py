"""Models without a mask decoder on the command line: ``ask`` asks them, ``segment`` refuses them."""

import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import stockmodels
from clips import make_image, make_video
from families import REFERENCE, cases, checkpoint, once
from PIL import Image, ImageOps

from sa2va_cli.conversation import Exchange, Pictures, Question
from sa2va_cli.media.images import read_image
from sa2va_cli.media.reader import open_source
from sa2va_cli.pipeline import fetching
from sa2va_cli.runtime.loading import load_chat

OPTIONS = ("--device", "cpu", "--dtype", "fp32")
load = once(load_chat)


def ask(sa2va, *arguments):
    return sa2va("ask", *arguments, *OPTIONS, "--max-new-tokens", 24, "--json", load=load)


def test_a_folder_is_several_images_of_any_sizes(sa2va, folder):
    case = cases("sail_vl")["two_images"]
    (folder / "pair").mkdir()
    for place, shown in enumerate(case["images"]):
        Image.open(REFERENCE / "inputs" / shown["file"]).save(folder / "pair" / f"{place}.png")
    question = "What is the difference between the two images?"
    outcome = ask(sa2va, "pair/*.png", question, "--model", checkpoint("sail_vl"))
    assert outcome.code == 0
    answer = json.loads(outcome.out)
    assert (answer["text"], answer["token_ids"]) == (case["prediction"], case["generated_ids"])
    assert answer["inputs"][0]["kind"] == "images"


SAIL_VL = cases("sail_vl")
SINGLE = ("text_only", "image_chinese", "image_one_tile", "image_config_defaults", "image_frame")
"""All others: tests/model/test_sail_vl.py."""


def shown(case, folder: Path) -> list[str]:
    """The picture of a case as a file, where it has one."""
    for one in case["images"]:
        image = Image.open(REFERENCE / "inputs" / one["file"])
        (image.crop(one["crop"]) if "crop" in one else image).save(folder / "shown.png")
    return ["shown.png"] * len(case["images"])


@pytest.mark.parametrize("name", SINGLE)
def test_a_recorded_case_is_answered_as_it_was(sa2va, folder, name):
    case, model = SAIL_VL[name], checkpoint("sail_vl")
    if case["config_overrides"]:
        model = shutil.copytree(model, folder / "model")
        config = json.loads((model / "config.json").read_text())
        changed = {
            key: value for key, value in (config | case["config_overrides"]).items() if value is not None
        }
        (model / "config.json").write_text(json.dumps(changed))
    outcome = ask(sa2va, *shown(case, folder), case["text"], "--model", model)
    assert outcome.code == 0, outcome.err
    answer = json.loads(outcome.out)
    assert (answer["text"], answer["token_ids"]) == (case["prediction"], case["generated_ids"])
    assert answer["tokens"]["prompt"] == case["prompt_len"]
    assert [one["kind"] for one in answer["inputs"]] == ["image"] * len(case["images"])


def test_recorded_turns_and_batches_are_answered_as_they_were(sa2va, folder):
    asked = {name: case for name, case in SAIL_VL.items() if case["history"]}
    records, wanted = [], []
    for name, case in [*asked.items(), ("batch_2", SAIL_VL["batch_2"])]:
        inputs = [str(REFERENCE / "inputs" / one["file"]) for one in case["images"]]
        if case["api"] == "batch_chat":
            pairs = zip(case["text"], inputs, strict=True)
            records += [{"question": words, "input": source} for words, source in pairs]
            wanted += case["generated_ids"]
        else:
            history = case["history"]
            records.append({"id": name, "question": case["text"], "inputs": inputs, "history": history})
            wanted.append(case["generated_ids"])
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, records)))
    arguments = ["ask", "--questions", "q.jsonl", "--batch-size", 8, "--max-new-tokens", 24]
    outcome = sa2va(*arguments, *OPTIONS, "--model", checkpoint("sail_vl"), load=load)
    assert outcome.code == 0, outcome.err
    assert [json.loads(line)["token_ids"] for line in outcome.out.splitlines()] == wanted


def test_questions_of_a_file_are_answered_in_batches(sa2va, folder):
    case = cases("sail_vl")["text_second_turn"]
    history = {"question": case["text"], "history": case["history"]}
    image = {"question": "What is in this image?", "input": str(REFERENCE / "inputs" / "video" / "00.png")}
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, (history, image))))
    arguments = ["ask", "--questions", "q.jsonl", "--batch-size", 2, "--max-new-tokens", 24]
    outcome = sa2va(*arguments, *OPTIONS, "--model", checkpoint("sail_vl"), load=None)
    texts = [json.loads(line)["text"] for line in outcome.out.splitlines()]
    assert texts == [case["prediction"], cases("sail_vl")["image_frame"]["prediction"]]


MAKERS = {"onevision": stockmodels.onevision, "next-video": stockmodels.next_video}


@pytest.fixture(scope="module", params=MAKERS)
def stock(request, tmp_path_factory):
    """A folder with a model of transformers, and the model."""
    made = MAKERS[request.param](tmp_path_factory.mktemp(request.param))
    return made, stockmodels.loaded(made, request.param)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def save_images(folder: Path) -> None:
    """Pictures of all kinds that people have."""
    Image.fromarray(noise(30, 100, 3)).save(folder / "wide.png")
    Image.fromarray(noise(120, 25, 3)).save(folder / "tall.png")
    Image.fromarray(noise(40, 52)).save(folder / "grey.png")
    Image.fromarray(noise(40, 51, 3)).convert("P", palette=Image.Palette.ADAPTIVE).save(
        folder / "palette.png"
    )
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(noise(33, 57, 3)).save(folder / "turned.png", exif=turned)
    (folder / "several").mkdir()
    for name, size in (("a", (30, 61, 3)), ("b", (47, 47, 3)), ("c", (70, 31, 3))):
        Image.fromarray(noise(*size)).save(folder / "several" / f"{name}.png")


def picture(path: Path) -> np.ndarray:
    """As transformers loads it."""
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


@pytest.mark.parametrize("name", ["wide.png", "tall.png", "grey.png", "palette.png", "turned.png", "several"])
@pytest.mark.parametrize("words", ["图里有什么?"])
def test_pictures_of_all_kinds_are_answered_as_the_class_itself_does(stock, name, words, sa2va, folder):
    save_images(folder)
    made, engine = stock
    outcome = ask(sa2va, name, words, "--model", made)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["inputs"][0]["kind"] == ("images" if name == "several" else "image")
    files = sorted((folder / name).iterdir()) if (folder / name).is_dir() else [folder / name]
    question = Question(words, (Pictures(tuple(map(picture, files))),))
    assert json.loads(outcome.out)["token_ids"] == stockmodels.direct(engine, question, tokens=24)


@pytest.mark.parametrize(
    ("total", "options", "numbers"),
    [
        (3, (), [0, 1, 2]),
        (20, (), [0, 2, 5, 7, 10, 12, 15, 17]),
        (40, ("--frames", 32), [k * 40 // 32 for k in range(32)]),
        (20, ("--frames", 5, "--sampling", "first"), [0, 1, 2, 3, 4]),
    ],
)
def test_videos_are_answered_as_the_class_itself_does(stock, total, options, numbers, sa2va, folder):
    made, engine = stock
    clip = make_video(folder / "a.mp4", stamps=range(total))
    outcome = ask(sa2va, "a.mp4", "What happens?", *options, "--model", made)
    assert outcome.code == 0, outcome.err
    answer = json.loads(outcome.out)
    assert answer["inputs"][0]["numbers"] == numbers
    frames = tuple(frame.image for frame in open_source(clip).frames_at(numbers))
    question = Question("What happens?", (Pictures(frames, video=True),))
    assert answer["token_ids"] == stockmodels.direct(engine, question, tokens=24)


def test_prompts_of_all_kinds_in_one_batch_are_answered_as_the_class_itself_does(stock, sa2va, folder):
    save_images(folder)
    made, engine = stock
    clip = make_video(folder / "a.mp4", stamps=range(20))
    listed = [("Hello", None), ("What is it?", "wide.png"), ("What happens?", "a.mp4"), ("然后?", "grey.png")]
    records = [{"question": words} | ({"input": shown} if shown else {}) for words, shown in listed]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, records)))
    arguments = ["ask", "--questions", "q.jsonl", "--batch-size", 4, "--max-new-tokens", 8, "--model", made]
    outcome = sa2va(*arguments, *OPTIONS, load=load)
    assert outcome.code == 0, outcome.err
    frames = open_source(clip).frames_at([0, 2, 5, 7, 10, 12, 15, 17])
    shown = [(), (Pictures((picture(folder / "wide.png"),)),)]
    shown += [(Pictures(tuple(one.image for one in frames), video=True),)]
    shown += [(Pictures((picture(folder / "grey.png"),)),)]
    questions = [Question(words, seen) for (words, _), seen in zip(listed, shown, strict=True)]
    assert [json.loads(line)["token_ids"] for line in outcome.out.splitlines()] == [
        stockmodels.direct(engine, question) for question in questions
    ]


@pytest.fixture(scope="module", params=MAKERS)
def published(request, tmp_path_factory):
    """The same with an odd or another number of patches, and a stale ``tokenizer.model`` beside the other."""
    folder = tmp_path_factory.mktemp(request.param)
    side = {"onevision": 35, "next-video": 42}[request.param]
    grid = [[side * high, side * wide] for high, wide in ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))]
    made = MAKERS[request.param](folder, side=side, grid=grid)
    (made / "tokenizer.model").write_bytes(b"\x0a\x0e\x0a\x05<unk>\x15\x00\x00\x00\x00\x18\x02")
    return stockmodels.loaded(made, request.param)


PAST = (Exchange("What is it? " * 30, "A thing, " * 20), Exchange("然后?\n\nthere", " 是的。"))
HELD_OUT = {
    "a panorama": ((), "pano.png"),
    "a tower and two lines": ((), "tower.png", "line.png", "column.png"),
    "a black picture": ((), "black.png"),
    "four images": ((), "pano.png", "black.png", "tower.png", "line.png"),
    "an odd number of frames": ((), "a.mp4"),
    "two images and a video": ((), "tower.png", "a.mp4", "black.png"),
    "two videos": ((), "a.mp4", "a.mp4"),
    "words after words": (PAST,),
    "a picture and what was said of it": (PAST, "tower.png"),
    "a video and what was said of it": (PAST[1:], "a.mp4"),
}
"""What was said before, and what is shown."""


@pytest.mark.parametrize("batch", [1, len(HELD_OUT)])
def test_what_no_card_shows_is_answered_as_the_class_itself_does(published, batch, sa2va, folder):
    for name, size in (("pano", (9, 700)), ("tower", (700, 9)), ("line", (1, 80)), ("column", (80, 1))):
        Image.fromarray(noise(*size, 3)).save(folder / f"{name}.png")
    Image.new("RGB", (50, 60)).save(folder / "black.png")
    frames = open_source(make_video(folder / "a.mp4", stamps=range(7))).frames_at(range(7))
    clip = Pictures(tuple(one.image for one in frames), video=True)
    records, questions = [], []
    for name, (past, *shown) in HELD_OUT.items():
        words = f"  {name}\n有什么? "
        history = [[one.question, one.answer] for one in past]
        records.append({"question": words, "inputs": shown, "history": history})
        seen = [clip if one == "a.mp4" else Pictures((picture(folder / one),)) for one in shown]
        questions.append(Question(words, tuple(seen), past=past))
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, records)))
    arguments = ("--questions", "q.jsonl", "--batch-size", batch, "--max-new-tokens", 8)
    outcome = sa2va("ask", *arguments, load=lambda *_: published)
    assert outcome.code == 0, outcome.err
    answers = [json.loads(line)["token_ids"] for line in outcome.out.splitlines()]
    assert answers == [stockmodels.direct(published, question) for question in questions]
    assert len(set(map(tuple, answers))) >= len(answers) // 2


@pytest.fixture
def address(folder, monkeypatch):
    """Of a server that has what is in the folder; its host counts as public."""
    monkeypatch.setenv("SA2VA_CACHE", str(folder / "cache"))
    monkeypatch.setattr(fetching, "is_public", lambda number: number == "127.0.0.1")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, name="test-server", daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def save_odd_images(folder: Path) -> list[str]:
    """Pictures that are seen as the rest of the program sees them: alpha lies over grey, 16 bits are 8."""
    Image.fromarray(noise(30, 40, 4)).save(folder / "alpha.png")
    Image.fromarray(noise(30, 40).astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray(noise(40, 51, 4)).quantize(8).save(folder / "palette.png")
    Image.fromarray(noise(40, 51, 3)).convert("CMYK").save(folder / "print.jpg")
    Image.fromarray(noise(1, 1, 3)).save(folder / "one.png")
    Image.fromarray(noise(2, 300, 3)).save(folder / "thin.png")
    return ["alpha.png", "deep.png", "palette.png", "print.jpg", "one.png", "thin.png"]


def test_odd_pictures_and_addresses_are_answered_as_the_class_itself_does(stock, address, sa2va, folder):
    _, engine = stock
    names = save_odd_images(folder)
    clip = make_video(folder / "a.mp4", stamps=range(3))
    frames = tuple(frame.image for frame in open_source(clip).frames_at([0, 1, 2]))
    seen = {name: Pictures((read_image(folder / name),)) for name in names}
    seen[f"{address}/alpha.png"] = seen["alpha.png"]
    seen[f"{address}/a.mp4"] = Pictures(frames, video=True)
    (folder / "q.jsonl").write_text("\n".join(json.dumps({"question": "?", "input": name}) for name in seen))
    for size in (1, len(seen)):
        arguments = ("--questions", "q.jsonl", "--batch-size", size, "--max-new-tokens", 8)
        outcome = sa2va("ask", *arguments, load=lambda *_: engine)
        assert outcome.code == 0, outcome.err
        answers = [json.loads(line)["token_ids"] for line in outcome.out.splitlines()]
        assert answers == [stockmodels.direct(engine, Question("?", (one,))) for one in seen.values()]


def test_what_cannot_be_answered_is_a_record_and_the_others_are_answered(stock, sa2va, folder):
    _, engine = stock
    save_odd_images(folder)
    make_video(folder / "a.mp4", stamps=range(3))
    (folder / "bad").mkdir()
    (folder / "bad" / "b.png").write_bytes(b"no picture")
    records = [
        {"question": "What?", "inputs": ["alpha.png", "a.mp4"]},
        {"question": "What?", "input": "bad"},
        {"question": "What is region1?", "input": "alpha.png", "points": ["1,1"]},
        {"question": "What?", "inputs": [], "history": [["Hello", "Hi"]]},
    ]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, records)))
    arguments = ("--questions", "q.jsonl", "--batch-size", 4, "--max-new-tokens", 4)
    outcome = sa2va("ask", *arguments, load=lambda *_: engine)
    errors = [json.loads(line).get("error", "") for line in outcome.out.splitlines()]
    assert (outcome.code, errors[0], errors[3]) == (8, "", "")
    assert errors[1].startswith("bad: 1 of 1 images could not be read; the first: bad/b.png: ")
    assert "knows no regions" in errors[2]
    assert "2 of 4 questions could not be answered" in outcome.err


@pytest.mark.parametrize("command", ["segment", "ask"])
def test_a_folder_of_a_model_without_a_mask_decoder_makes_no_masks(stock, sa2va, folder, command):
    make_image(folder / "a.png")
    more = ["--save", "mask", "-q", *OPTIONS, "--model", stock[0]]
    loaded = []
    load = None if command == "segment" else lambda *_: loaded.append(1)
    outcome = sa2va(command, "a.png", "red", *more, load=load)
    assert not loaded
    assert (outcome.code, outcome.files) == (5, ["a.png"])
    assert "mask decoder" in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("name", ["sail-vl-2b", "llava-hf/LLaVA-NeXT-Video-7B-hf"])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_segment_says_that_it_has_no_mask_decoder(name, more, sa2va, folder):
    make_image(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red corner", "-q", "--model", name, *OPTIONS, *more, load=None)
    assert outcome.code == 5
    assert "a chat model without a mask decoder" in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.files == ["a.png"]


def test_models_list_tells_which_make_no_masks(sa2va):
    models = json.loads(sa2va("models", "list", "--json").out)["models"]
    assert {model["alias"] for model in models if not model["masks"] and not model["follower"]} == {
        "sail-vl-2b",
        "llava-onevision-0.5b",
        "llava-next-video-7b",
    }
