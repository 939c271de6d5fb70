"""What every sink of this folder promises; a new exporter is one more line in ``SINKS``."""

import os
import shutil
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sa2va_cli.datatypes import Prompt, Sink
from sa2va_cli.errors import OutputError
from sa2va_cli.export.coco import CocoSink
from sa2va_cli.export.cvat import CvatSink
from sa2va_cli.export.datumaro import DatumaroSink
from sa2va_cli.export.davis import DavisSink
from sa2va_cli.export.labelme import LabelmeSink
from sa2va_cli.export.labelstudio import LabelStudioSink
from sa2va_cli.export.yolo import YoloSink

PROMPTS = tuple(Prompt(k, text) for k, text in enumerate(("girl in red", "unicorn", "dog"), 1))


def named(frame) -> str:
    return frame.name or f"{frame.index:05d}"


SINKS: dict[str, tuple[str, Callable[..., Sink]]] = {
    "coco": ("clip.json", partial(CocoSink, prompts=PROMPTS, source="clip")),
    "davis": ("clip_masks", DavisSink),
    "yolo": ("clip_labels", partial(YoloSink, prompts=PROMPTS, name_of=named)),
    "labelme": ("clip_labelme", partial(LabelmeSink, name_of=named)),
    "cvat": ("clip.xml", partial(CvatSink, prompts=PROMPTS, source="clip")),
    "datumaro": ("clip.datumaro.json", partial(DatumaroSink, prompts=PROMPTS, source="clip")),
    "labelstudio": ("clip.tasks.json", partial(LabelStudioSink, source="clip")),
}


@pytest.fixture(params=SINKS)
def target(request, tmp_path, objects):
    """A path in an empty folder, and what opens a sink there."""
    name, make = SINKS[request.param]
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / name
    return path, lambda: make(path, objects)


def content(path: Path) -> bytes:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return b"".join(file.name.encode() + file.read_bytes() for file in files)


def test_the_output_appears_only_at_the_end_and_alone(target, masks_of):
    path, sink = target
    with sink() as opened:
        opened.write(masks_of(0))
        assert not path.exists()
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_run_leaves_nothing(target, masks_of):
    path, sink = target

    def run() -> None:
        with sink() as opened:
            opened.write(masks_of(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert list(path.parent.iterdir()) == []


def test_a_sink_that_was_never_entered_writes_nothing(target, masks_of):
    path, sink = target
    with pytest.raises(ValueError, match="needs an open sink"):
        sink().write(masks_of(0))
    assert list(path.parent.iterdir()) == []


def test_a_file_is_never_replaced_by_a_folder_nor_a_folder_by_a_file(target, masks_of):
    path, sink = target
    with sink() as opened:
        opened.write(masks_of(0))
    is_folder = path.is_dir()
    shutil.rmtree(path) if is_folder else path.unlink()
    path.touch() if is_folder else (path / "within").mkdir(parents=True)
    with pytest.raises(OutputError, match="choose another name"), sink():
        pass
    assert path.is_dir() != is_folder
    assert list(path.parent.iterdir()) == [path]


def test_a_name_that_the_file_system_refuses_is_an_output_error(tmp_path, objects):
    for _, make in SINKS.values():
        with pytest.raises(OutputError, match="File name too long"), make(tmp_path / ("n" * 300), objects):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_whole_earlier_output_is_replaced(target, masks_of):
    path, sink = target
    with sink() as opened:
        opened.write(masks_of(0))
        opened.write(masks_of(1))
    before = content(path)
    with sink() as opened:
        opened.write(masks_of(0, seed=9))
        assert content(path) == before
    assert content(path) != before
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_run_keeps_the_earlier_output(target, masks_of):
    path, sink = target
    with sink() as opened:
        opened.write(masks_of(0))
    before = content(path)

    def run() -> None:
        with sink() as opened:
            opened.write(masks_of(0, seed=9))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()
    assert content(path) == before
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_is_named(target):
    path, sink = target
    path.parent.rmdir()
    with pytest.raises(OutputError, match=r"cannot write .*clip"):
        sink().__enter__()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_to_write_is_an_output_error(target):
    path, sink = target
    path.parent.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        sink().__enter__()


def test_a_folder_that_vanishes_during_the_run_is_an_output_error(target, masks_of):
    path, sink = target

    def run() -> None:
        with sink() as opened:
            opened.write(masks_of(0))
            shutil.rmtree(path.parent)

    with pytest.raises(OutputError, match="cannot write"):
        run()


def test_another_number_of_masks_than_objects_fails(target, masks_of):
    _, sink = target
    with sink() as opened, pytest.raises(ValueError, match="got 2 masks for 3 objects"):
        opened.write(masks_of(0, count=2))


def test_the_output_can_be_read_by_others_of_the_same_machine(target, masks_of):
    path, sink = target
    with sink() as opened:
        opened.write(masks_of(0))
    plain = path.parent / "plain"
    plain.mkdir() if path.is_dir() else plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_memory_does_not_hold_the_frames(target, masks_of):
    _, sink = target
    with sink() as opened:
        opened.write(masks_of(0))
        tracemalloc.start()
        for index in range(1, 60):
            opened.write(masks_of(index))
            if index == 20:
                early, _ = tracemalloc.get_traced_memory()
        late, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert late - early < 40_000


def test_a_run_without_frames_leaves_a_valid_empty_output(target):
    path, sink = target
    with sink():
        pass
    assert path.exists()
