"""Layers are laid over a picture and into its planes, and nothing else changes."""

import numpy as np
import pytest
from render.effects.moving import disc, ground
from render.test_overlay_planes import MEANINGS, to_planes

from sa2va_cli.colour import rgb8_of, rgb_of
from sa2va_cli.datatypes import Yuv420, YuvColour
from sa2va_cli.render.crop import Box
from sa2va_cli.render.effects.compositing import into_planes, lay
from sa2va_cli.render.effects.effect import Layer

SIZE = (96, 64)


def ten_bits(picture: Yuv420) -> Yuv420:
    rng = np.random.default_rng(3)
    planes = (
        4 * plane.astype(np.uint16) + rng.integers(0, 4, plane.shape, np.uint16) for plane in picture.planes
    )
    return Yuv420(*planes, picture.colour, 10)


def decoded(picture: Yuv420):
    decode = rgb8_of if picture.depth == 8 else rgb_of
    own = picture.colour
    return decode(picture.planes, own.weights, picture.depth, full_range=own.full_range)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_share_mixes_two_pictures_and_is_rounded_once(dtype):
    top = np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    under, above = (rng.integers(0, top, (9, 11, 3), dtype) for _ in range(2))
    share = rng.random((9, 11)).astype(np.float32)
    share[2:4] = 0
    picture, touched = under.copy(), np.zeros((9, 11), np.uint8)
    lay(picture, Layer(above, share, Box(0, 0, 11, 9)), touched)
    wanted = under + share[..., None].astype(np.float64) * (above.astype(np.float64) - under)
    assert np.abs(picture - wanted).max() <= 0.52 + top * 1.2e-5
    assert (picture[2:4] == under[2:4]).all()
    assert (touched == (share > 0)).all()


def test_a_layer_that_does_not_fit_is_refused():
    picture = ground(SIZE)
    with pytest.raises(ValueError, match="got a layer"):
        lay(picture, Layer(picture[:4], np.ones((4, 96), np.float32), Box(0, 0, 96, 5)), picture[..., 0])


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "10 bits"])
@pytest.mark.parametrize("colour", MEANINGS, ids=str)
def test_planes_change_in_touched_cells_only(colour: YuvColour, deep: bool):
    source = to_planes(ground(SIZE), colour)
    source = ten_bits(source) if deep else source
    picture = decoded(source)
    touched = (disc(47, 33, 15, SIZE) > 0).astype(np.uint8)
    changed = np.where(touched[..., None] > 0, picture // 3, picture)
    found = into_planes(source, changed, touched)
    assert (found.luma == source.luma)[touched == 0].all()
    cells = touched.reshape(32, 2, 48, 2).max(axis=(1, 3))
    for plane, before in zip(found.planes[1:], source.planes[1:], strict=True):
        assert (plane == before)[cells == 0].all()
        assert plane.dtype == before.dtype
    inner = np.abs(decoded(found).astype(int) - changed)[disc(47, 33, 11, SIZE) == 1]
    assert np.median(inner) <= (2 if not deep else 200)


def test_a_cell_that_is_half_covered_takes_the_mean_of_its_pixels():
    source = to_planes(np.full((8, 8, 3), 128, np.uint8), MEANINGS[0])
    picture = np.full((8, 8, 3), 128, np.uint8)
    picture[:, 3] = (255, 0, 0)
    touched = np.zeros((8, 8), np.uint8)
    touched[:, 3] = 1
    half = into_planes(source, picture, touched)
    whole = into_planes(source, np.full((8, 8, 3), (255, 0, 0), np.uint8), np.ones((8, 8), np.uint8))
    step = int(whole.red[0, 1]) - 128
    assert abs(int(half.red[0, 1]) - 128 - step / 2) <= 1
    assert (half.red[:, 0] == 128).all()


def test_planes_without_any_layer_are_the_source_itself():
    source = to_planes(ground(SIZE), MEANINGS[0])
    assert into_planes(source, ground(SIZE), np.zeros((64, 96), np.uint8)) is source
