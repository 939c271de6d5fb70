"""Every option of drawing changes the kinds that say they are drawn by it, and no other."""

from dataclasses import replace

import av
import numpy as np
import pytest

from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.drawing_uses import drawing_uses
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.rendering import RenderJob, render

SETTINGS = {
    "fill_holes": 200,
    "min_area": 30,
    "smooth": 1,
    "grow": 3.0,
    "shrink": 3.0,
    "feather": 2.0,
    "soft": True,
    "colours": ("#123456",),
    "opacity": 0.9,
    "contour": 5.0,
    "no_labels": True,
    "cutout_background": "#0000ff",
    "crop_padding": 0.5,
    "crop_aspect": "1:1",
    "crop_clean": True,
}
"""Fields that show in any picture; font, refine and crop_mode need what is not there."""


def picture(number: int) -> np.ndarray:
    image = np.full((96, 128, 3), 90, np.uint8)
    image[20:64, 30 + 2 * number : 90 + 2 * number] = 250, 20, 20
    image[36:44, 50 + 2 * number : 58 + 2 * number] = 90, 90, 90
    image[80:84, 8:12] = 250, 20, 20
    return image


@pytest.fixture
def tracks(sa2va, folder):
    with av.open(str(folder / "v.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "2"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number))))
        container.mux(stream.encode(None))
    assert sa2va("segment", "v.mp4", "red", "--save", "tracks").code == 0
    return folder / "v.tracks.sa2va"


@pytest.mark.parametrize("kind", ["mask", "overlay", "crop", "cutout", "sheet", "coco"])
def test_a_kind_changes_by_what_it_is_drawn_by_and_by_nothing_else(tracks, kind):
    def drawn(number: int, drawing: Drawing) -> dict[str, bytes]:
        out = tracks.parent / str(number)
        saving = Saving((kind,), f"{out}/", verify=False)
        render(RenderJob(tracks, None, saving=saving, drawing=drawing))
        return {path.name: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}

    plain = drawn(0, Drawing())
    changed = {
        name
        for number, (name, value) in enumerate(SETTINGS.items(), 1)
        if drawn(number, replace(Drawing(), **{name: value})) != plain
    }
    assert changed == drawing_uses([kind]) & SETTINGS.keys()


def test_every_kind_says_something_and_tracks_are_not_drawn():
    assert drawing_uses(["tracks", "markers"]) == {"tonemap"}
    names = {name for kind in KINDS for name in drawing_uses([kind])}
    assert names == {*SETTINGS, "font", "refine", "crop_mode", "tonemap"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("segment", "v.mp4", "red", "--save", "mask", "--opacity", "0.5"),
            "--opacity means nothing for mask",
        ),
        (
            ("render", "t", "--save", "coco,davis", "--feather", "2"),
            "--feather means nothing for coco, davis",
        ),
        (
            ("segment", "v.mp4", "red", "--for", "premiere", "--stacking", "beside"),
            "--stacking means nothing",
        ),
        (
            ("batch", "v.mp4", "-p", "red", "--save", "matte", "--crop-clean"),
            "--crop-clean means nothing for",
        ),
        (("ask", "v.mp4", "red?", "--save", "tracks", "--grow", "1"), "--grow means nothing for tracks"),
        (("segment", "v.mp4", "red", "--checkpoint", "5s"), "--checkpoint means nothing without --resume"),
        (
            ("segment", "v.mp4", "--point", "9,9", "--keyframes", "3"),
            "--keyframes means nothing without words",
        ),
    ],
)
def test_an_option_that_has_nothing_to_do_is_refused(sa2va, folder, arguments, told):
    outcome = sa2va(*arguments)
    assert outcome.code == 2
    assert told in outcome.err
