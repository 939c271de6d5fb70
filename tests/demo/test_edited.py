"""Films of the demo world: hard cuts, and a hero who leaves and comes back."""

import numpy as np

from sa2va_cli.demo.edited import PRESENT, Film
from sa2va_cli.media.cuts import SIZE, find_cuts
from sa2va_cli.media.reader import open_source

SMALL = (160, 90)


def test_a_film_follows_from_its_seed_and_other_seeds_make_other_films():
    one, again, other = (Film.sample(seed, frames=4) for seed in (3, 3, 4))
    image, mask = one.draw(9, SMALL)
    image_again, mask_again = again.draw(9, SMALL)
    assert np.array_equal(image, image_again)
    assert np.array_equal(mask, mask_again)
    assert [shot.seed for shot in one.shots] != [shot.seed for shot in other.shots]


def test_the_hero_is_seen_on_every_frame_of_its_shots_and_nobody_like_it_in_others():
    film = Film.sample(3, frames=4)
    there = [film.draw(t, SMALL)[1].any() for t in range(film.frames)]
    assert there == [present for present in PRESENT for _ in range(4)]
    for shot, present in zip(film.shots, PRESENT, strict=True):
        alike = [one for one in shot.actors if film.name == f"{one.colour} {one.kind}"]
        assert len(alike) == present


def test_its_cuts_are_found(tmp_path):
    film = Film.sample(5, frames=12)
    masks = film.write(tmp_path / "film.mp4", SMALL)
    assert len(masks) == film.frames
    with open_source(tmp_path / "film.mp4") as reader:
        assert list(find_cuts(reader.glimpses(SIZE), film.fps)) == [12, 24, 36]
