"""How outputs are drawn: each option through the command line."""

from pathlib import Path

import av
import numpy as np
import pytest
from clips import make_video
from PIL import Image, features

SIZE = (160, 120)
RED, GROUND = (250, 10, 10), (100, 110, 120)


def make_scene(path: Path, *, hole: int = 0, speck: int = 0, left: int = 60) -> Path:
    """A red square of 40 pixels on grey, with a hole in it or a speck beside it."""
    image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    image[...] = GROUND
    image[40:80, left : left + 40] = RED
    image[55 : 55 + hole, left + 15 : left + 15 + hole] = GROUND
    image[10 : 10 + speck, 130 : 130 + speck] = RED
    Image.fromarray(image).save(path)
    return path


@pytest.fixture
def drawn(sa2va, folder):
    """Draws an output of a scene and reads it back; an earlier one is replaced."""

    def draw(kind: str, *options: object, prompt: str = "red", **scene: int) -> np.ndarray:
        make_scene(folder / "a.png", **scene)
        outcome = sa2va("segment", "a.png", prompt, "--save", kind, "-o", "out.png", "--overwrite", *options)
        assert outcome.code == 0, outcome.err
        return np.asarray(Image.open(folder / "out.png")).astype(int)

    return draw


def area(mask: np.ndarray) -> int:
    return int((mask > 127).sum())


def test_holes_are_filled_up_to_a_size(drawn):
    plain = drawn("mask", hole=12)
    assert plain[60, 80] == 0
    assert drawn("mask", "--fill-holes", 400, hole=12)[60, 80] == 255
    assert (drawn("mask", "--fill-holes", 20, hole=12) == plain).all()


def test_small_parts_are_dropped(drawn):
    plain = drawn("mask", speck=10)
    assert plain[:30, 120:].any()
    cleaned = drawn("mask", "--min-area", 300, speck=10)
    assert not cleaned[:30, 120:].any()
    assert cleaned[60, 80] == 255


def test_edges_move_outwards_and_inwards(drawn):
    side = area(drawn("mask")) ** 0.5
    assert area(drawn("mask", "--grow", 5)) ** 0.5 == pytest.approx(side + 10, abs=2.5)
    assert area(drawn("mask", "--shrink", 5)) ** 0.5 == pytest.approx(side - 10, abs=2)


@pytest.mark.parametrize("refine", ["none", "guided"])
def test_a_feathered_edge_is_soft_so_far_on_either_side(drawn, refine):
    row = drawn("matte", "--feather", 8, "--refine", refine)[60, :, 3] / 255
    assert row[80] > 0.99
    assert row[20] == 0
    assert 0.1 < row[96] < 0.95
    assert 0.05 < row[104] < 0.9


def test_masks_for_programs_are_refined_in_shape_too(sa2va, folder):
    make_scene(folder / "a.png", speck=10)
    assert sa2va("segment", "a.png", "red", "--save", "davis", "-o", "a/", "--min-area", "300").code == 0
    (picture,) = (folder / "a").rglob("*.png")
    ids = np.asarray(Image.open(picture))
    assert ids[60, 80] == 1
    assert not ids[:30, 120:].any()


def test_smoothing_takes_out_a_flaw_of_one_frame(sa2va, folder):
    (folder / "shot").mkdir()
    for number in range(5):
        make_scene(folder / "shot" / f"{number}.png", hole=14 if number == 2 else 0)
    for name, options in (("plain", []), ("smooth", ["--smooth", "2"])):
        outcome = sa2va("segment", "shot", "red", "--save", "mask", "-o", name, *options)
        assert outcome.code == 0, outcome.err
        assert len(list((folder / name).glob("*.png"))) == 5
    plain, smooth = (area(np.asarray(Image.open(folder / k / "2.png"))) for k in ("plain", "smooth"))
    whole = area(np.asarray(Image.open(folder / "plain" / "1.png")))
    assert abs(whole - smooth) <= abs(whole - plain)


def test_the_edge_of_a_matte_is_found_in_the_picture_unless_another_is_asked_for(drawn):
    truth = np.zeros((SIZE[1], SIZE[0]))
    truth[40:80, 60:100] = 255
    found = {how: drawn("matte", "--refine", how)[..., 3] for how in ("none", "guided")}
    assert (drawn("matte")[..., 3] == found["guided"]).all()
    errors = {how: np.abs(alpha - truth).mean() for how, alpha in found.items()}
    assert errors["guided"] < 0.7 * errors["none"]


def test_a_refinement_is_drawn_in_masks_when_it_is_asked_for(drawn):
    assert (drawn("mask", "--refine", "guided") != drawn("mask")).any()


def test_closed_form_refinement_names_its_extra_before_anything_is_loaded(sa2va, folder, monkeypatch):
    make_scene(folder / "a.png")
    monkeypatch.setattr("sa2va_cli.outputs.drawing.find_spec", lambda _: None)
    outcome = sa2va("segment", "a.png", "red", "--save", "matte", "--refine", "closed-form", load=None)
    assert outcome.code == 2
    assert "--refine closed-form needs pymatting" in outcome.err


def test_closed_form_refinement_draws_a_matte(drawn):
    pytest.importorskip("pymatting")
    alpha = drawn("matte", "--refine", "closed-form")[..., 3]
    assert alpha[60, 80] == 255
    assert alpha[10, 10] == 0


def test_vitmatte_without_its_weights_is_one_line(sa2va, folder, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
    make_scene(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red", "--save", "matte", "--refine", "vitmatte")
    assert outcome.code == 5
    assert "for vitmatte refinement" in outcome.err
    assert "a.matte.png" not in outcome.files


def test_a_soft_mask_has_greys_and_the_middle_where_the_hard_one_ends(drawn):
    hard, soft = drawn("mask"), drawn("mask", "--soft")
    assert len(np.unique(soft)) > 10
    assert ((soft > 127) == (hard > 127)).mean() > 0.995


def test_objects_have_the_colours_that_were_asked_for(drawn):
    shown = drawn("overlay", "--colours", "lime", "--opacity", 1, "--no-labels", "--contour", "off")
    assert tuple(shown[60, 80]) == (0, 255, 0)
    shown = drawn("overlay", "--colours", "#0000ff", "--opacity", 0.5, "--no-labels")
    assert tuple(shown[60, 80]) == (125, 5, 132)


def test_an_overlay_without_labels_and_lines_leaves_everything_else_alone(drawn):
    shown = drawn("overlay", "--no-labels", "--contour", "off", "--opacity", 0)
    assert (shown == np.asarray(Image.open("a.png"))).all()
    assert (drawn("overlay", "--no-labels", "--opacity", 0) != shown).any()
    thin, thick = (
        (drawn("overlay", "--no-labels", "--opacity", 0, "--contour", width) != shown).any(2).sum()
        for width in (2, 6)
    )
    assert thick > 2 * thin


def test_options_of_an_overlay_hold_for_planes_too(sa2va, folder):
    make_video(folder / "a.mp4")
    nothing = ["--no-labels", "--contour", "off", "--opacity", "0"]
    assert sa2va("segment", "a.mp4", "red", "--save", "overlay", "-o", "o.mp4", *nothing).code == 0
    tinted = ["--no-labels", "--contour", "off", "--opacity", "1", "--colours", "black"]
    assert sa2va("segment", "a.mp4", "red", "--save", "overlay", "-o", "t.mp4", *tinted).code == 0
    source, plain, dark = (first_frame(folder / name) for name in ("a.mp4", "o.mp4", "t.mp4"))
    assert np.abs(source - plain).mean() < 3
    assert np.abs(source - dark).max() > 100


def first_frame(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)


@pytest.mark.skipif(not features.check("freetype2"), reason="Pillow draws no letters")
def test_a_label_that_no_font_can_write_is_told_with_the_option_that_helps(sa2va, folder, monkeypatch):
    make_scene(folder / "a.png")
    monkeypatch.setattr("sa2va_cli.render.fonts.font_files", lambda: ())
    from sa2va_cli.render.fonts import font_for

    font_for.cache_clear()
    monkeypatch.setattr("sa2va_cli.render.fonts._file_for", lambda _: None)
    outcome = sa2va("segment", "a.png", "red \N{LINEAR B SYLLABLE B008 A}", "--save", "overlay")
    font_for.cache_clear()
    assert outcome.code == 0
    assert "drawn as #1" in outcome.err
    assert "--font FILE" in outcome.err


def test_a_font_file_is_used_and_one_that_is_none_is_refused(sa2va, folder, drawn):
    from sa2va_cli.render.fonts import font_files

    if not font_files():
        pytest.skip("there is no font here")
    drawn("overlay", "--font", font_files()[0])
    (folder / "b.ttf").write_bytes(b"no font")
    outcome = sa2va("segment", "a.png", "red", "--save", "overlay", "--font", "b.ttf", load=None)
    assert outcome.code == 3
    assert "b.ttf: not a font" in outcome.err


def test_a_cutout_stands_on_white_or_a_colour(drawn):
    for options, ground in (([], (255, 255, 255)), (["--cutout-background", "#102030"], (16, 32, 48))):
        shown = drawn("cutout", *options)
        assert tuple(shown[60, 80]) == RED
        assert tuple(shown[10, 10]) == ground


def test_a_cutout_stands_on_its_blurred_surroundings_which_the_object_does_not_tint(drawn):
    shown = drawn("cutout", "--cutout-background", "blur")
    assert tuple(shown[60, 80]) == RED
    assert np.abs(shown[60, 110] - GROUND).max() < 12


def test_a_cutout_stands_on_a_picture_that_covers_the_frame_and_is_never_replaced(drawn, sa2va, folder):
    stripes = np.zeros((30, 300, 3), np.uint8)
    stripes[:, :150, 2], stripes[:, 150:, 1] = 200, 200
    Image.fromarray(stripes).save(folder / "bg.png")
    shown = drawn("cutout", "--cutout-background", "bg.png")
    assert shown.shape == (SIZE[1], SIZE[0], 3)
    assert tuple(shown[10, 10]) == (0, 0, 200)
    assert tuple(shown[10, 150]) == (0, 200, 0)
    replaced = ["--cutout-background", "bg.png", "-o", "bg.png", "--overwrite"]
    assert sa2va("segment", "a.png", "red", "--save", "cutout", *replaced).code == 7


def test_a_cutout_on_nothing_is_a_matte(drawn, sa2va, folder):
    assert (drawn("cutout", "--cutout-background", "none") == drawn("matte")).all()
    make_video(folder / "a.mp4")
    none = ["--save", "cutout", "--cutout-background", "none"]
    assert sa2va("segment", "a.mp4", "red", *none).files.count("a.cutout.mov") == 1
    refused = sa2va("segment", "a.mp4", "red", *none, "-o", "b.mp4", load=None)
    assert refused.code == 2
    assert "use .mov or .mkv" in refused.err


def crops(folder: Path, sa2va, *options: object) -> list[np.ndarray]:
    (folder / "shot").mkdir(exist_ok=True)
    made = folder / f"crop{len(list(folder.glob('crop*')))}"
    for number, left in enumerate((10, 40, 70, 100)):
        make_scene(folder / "shot" / f"{number}.png", left=left)
    outcome = sa2va("segment", "shot", "red", "--save", "crop", "-o", made, *options)
    assert outcome.code == 0, outcome.err
    return [np.asarray(Image.open(path)).astype(int) for path in sorted(made.glob("*.png"))]


def test_a_crop_that_follows_keeps_its_size_and_its_object(sa2va, folder):
    union = crops(folder, sa2va, "--crop-clean")
    follow = crops(folder, sa2va, "--crop-clean", "--crop-mode", "follow")
    assert len({picture.shape for picture in follow}) == 1
    assert follow[0].shape[1] < 0.6 * union[0].shape[1]
    for picture in follow:
        assert ((picture == RED).all(2)).sum() == 1600


def test_a_clean_crop_is_the_picture_itself(sa2va, folder):
    pictures = crops(folder, sa2va, "--crop-clean")
    colours = {tuple(pixel) for picture in pictures for pixel in picture.reshape(-1, 3)}
    assert colours == {RED, GROUND}


@pytest.mark.parametrize("mode", ["union", "follow"])
@pytest.mark.parametrize("aspect", ["1:1", "9:16", "16:9"])
def test_a_crop_has_the_shape_that_was_asked_for(sa2va, folder, mode, aspect):
    height, width = crops(folder, sa2va, "--crop-aspect", aspect, "--crop-mode", mode)[0].shape[:2]
    across, down = map(int, aspect.split(":"))
    assert width / height == pytest.approx(across / down, rel=0.03)


def test_padding_is_a_share_of_the_objects(sa2va, folder):
    narrow, wide = (crops(folder, sa2va, "--crop-padding", share)[0].shape for share in (0, 0.5))
    assert wide[0] == pytest.approx(2 * narrow[0], abs=4)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--fill-holes", "-1"], "--fill-holes must be at least 0, got -1"),
        (["--grow", "-2"], "--grow must be at least 0, got -2"),
        (["--grow", "2", "--shrink", "2"], "--grow and --shrink undo each other"),
        (["--refine", "magic"], "choose none, guided, closed-form or vitmatte"),
        (["--opacity", "1.5"], "--opacity must be from 0 to 1, got 1.5"),
        (["--contour", "thick"], "--contour must be a width in pixels or off"),
        (["--colours", "red,blau"], "unknown colour 'blau' in --colours; choose #rrggbb or one of"),
        (["--cutout-background", "blau"], "--cutout-background is no file and no colour: 'blau'"),
        (["--crop-aspect", "wide"], "--crop-aspect must be two numbers such as 16:9, got 'wide'"),
        (["--crop-mode", "jump"], "choose union or follow"),
        (["--crop-padding", "nan"], "--crop-padding must be at least 0"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(sa2va, folder, options, told):
    make_scene(folder / "a.png")
    outcome = sa2va("segment", "a.png", "red", *options, load=None)
    assert outcome.code == 2
    assert told in outcome.err
    assert outcome.files == ["a.png"]
