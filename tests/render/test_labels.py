"""Name plates and fonts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa2va_cli.render import fonts, labels
from sa2va_cli.render.crop import Box
from sa2va_cli.render.labels import letter_size, place, plate, widest_plate

WHITE, NAVY = (255, 255, 255), (0, 0, 120)


@pytest.fixture
def only_the_carried_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without any font but Pillow's own."""

    def forget() -> None:
        for kept in (fonts.font_for, fonts._file_for, labels.plate):
            kept.cache_clear()

    monkeypatch.setattr(fonts, "font_files", tuple)
    forget()
    yield
    forget()


def test_letters_are_legible_on_small_and_large_pictures():
    assert letter_size(640, 360) >= 12
    assert letter_size(3840, 2160) >= 60
    assert letter_size(1080, 1920) == letter_size(1920, 1080)


def test_letters_are_dark_on_light_plates_and_light_on_dark_ones():
    on_white, on_navy = plate("cat", 1, WHITE, 20, 500), plate("cat", 1, NAVY, 20, 500)
    assert on_white[..., 0].min() < 40
    assert on_navy[..., 0].max() > 220


def test_a_long_text_is_shortened_to_the_widest_plate():
    full, cut = (
        plate("the girl in the red dress", 1, WHITE, 20, 1000),
        plate("the girl in the red dress", 1, WHITE, 20, 150),
    )
    assert full.shape[1] > 200
    assert 100 < cut.shape[1] <= 150


def test_a_text_as_long_as_a_page_is_shortened_no_slower():
    plates = [plate("girl " * words, 1, NAVY, 12, 150).shape[1] for words in (100, 20_000)]
    assert plates[0] == plates[1] <= 150


def test_the_round_corners_are_transparent_and_smooth():
    alpha = plate("cat", 1, NAVY, 40, 500)[..., 3]
    assert alpha[0, 0] == 0
    assert len(np.unique(alpha)) > 5


def test_a_text_that_no_font_can_write_becomes_its_number(only_the_carried_font):
    linear_b = "\N{LINEAR B SYLLABLE B008 A}\N{LINEAR B SYLLABLE B038 E}"
    assert fonts.font_for(linear_b, 20) is None
    assert np.array_equal(plate(linear_b, 7, NAVY, 20, 500), plate("#7", 1, NAVY, 20, 500))


def test_pillow_s_own_font_writes_latin(only_the_carried_font):
    assert fonts.font_for("girl in red", 20) is not None


def test_a_chinese_text_is_written_on_every_machine():
    assert plate("穿红裙的女孩", 7, NAVY, 20, 500).shape[1] > 100


def test_blank_text_becomes_a_number_too():
    assert np.array_equal(plate(" \n", 2, NAVY, 20, 500), plate("#2", 1, NAVY, 20, 500))


def test_a_plate_goes_above_its_object():
    spot = place((60, 20), Box(100, 100, 200, 200), (640, 360), [])
    assert spot.y1 <= 100
    assert spot.x0 == 120


def test_a_plate_goes_inside_when_there_is_no_room_above():
    spot = place((60, 20), Box(100, 0, 200, 200), (640, 360), [])
    assert 0 <= spot.y0 < spot.y1 < 100


def test_a_plate_does_not_cover_a_small_object_at_the_top():
    box = Box(100, 0, 130, 30)
    assert place((60, 20), box, (640, 360), []).shared_area(box) == 0


def test_plates_of_many_objects_in_one_place_do_not_overlap():
    taken: list[Box] = []
    for k in range(8):
        spot = place((80, 24), Box(300 + 5 * k, 180, 340 + 5 * k, 240), (640, 360), taken)
        assert all(spot.shared_area(other) == 0 for other in taken)
        taken.append(spot)


@given(st.data())
def test_a_plate_that_fits_lies_within_the_picture(data):
    width, height = data.draw(st.integers(10, 500)), data.draw(st.integers(10, 500))
    size = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Box(x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height)))
    spot = place(size, box, (width, height), [Box(0, 0, width // 2, height)])
    assert spot.size == size
    assert spot.x0 >= 0
    assert spot.y0 >= 0
    assert spot.x1 <= width
    assert spot.y1 <= height


@given(st.integers(1, 5000), st.integers(6, 80))
def test_a_plate_is_never_wider_than_the_picture(width, letters):
    assert 1 <= widest_plate(width, letters) <= width


def test_a_home_that_nobody_knows_is_no_place_for_fonts(monkeypatch):
    from sa2va_cli.render import fonts

    monkeypatch.setattr(fonts.os.path, "expanduser", lambda place: place)
    monkeypatch.delenv("WINDIR", raising=False)
    fonts.font_files.cache_clear()
    try:
        assert not [file for file in fonts.font_files() if file.startswith(("~", "$"))]
    finally:
        fonts.font_files.cache_clear()


COMMON = "穿红裙的女孩 戴帽子的男人 白色的狗和自行车 紅裙子的女孩 戴帽子的男人與腳踏車"
COMMON += " ひらがなカタカナ、。！ Girl é (2) #3"


def test_common_chinese_and_kana_can_be_written_without_any_font_of_the_machine(only_the_carried_font):
    font = fonts.font_for(COMMON, 24)
    assert font is not None
    assert Path(str(font.path)) == fonts.BUNDLED
    widths = {font.getlength(character) for character in "穿红裙的女孩紅腳"}
    assert widths == {24.0}
    assert labels.can_write(COMMON)
    assert plate("穿红裙的女孩", 13, NAVY, 24, 500).shape[1] > 6 * 24


@pytest.mark.parametrize("codec", ["gb2312", "big5"])
def test_the_first_level_of_both_national_sets_is_there(only_the_carried_font, codec):
    rows, last = ((0xB0, 0xD8), 0xD7F9) if codec == "gb2312" else ((0xA4, 0xC7), 0xC67E)
    codes = (bytes([row, column]) for row in range(*rows) for column in range(0x40, 0xFF))
    text = "".join(code.decode(codec, "ignore") for code in codes if int.from_bytes(code) <= last)
    sample = "".join(character for character in text[::37] if character > "\u4e00")
    assert len(sample) > 90
    assert labels.can_write(sample)


def test_the_licence_of_the_font_lies_beside_it():
    assert "Apache License" in fonts.BUNDLED.with_name("LICENSE").read_text()
    assert fonts.BUNDLED.stat().st_size < 1_500_000
