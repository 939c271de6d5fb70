"""The report of a training: its curves, and the axes that they are drawn on."""

from pathlib import Path

from PIL import Image

from sa2va_cli.training.report import curves_of, smoothed, write_report

LINES = [
    {"step": 0, "validation": {"J": 0.0}},
    {"step": 1, "total": 2.0, "answer": 1.0, "rate": 1e-4},
    {"step": 2, "total": 1.0, "answer": 0.5, "rate": 2e-4},
    {"step": 2, "validation": {"J": 0.8}},
]


def test_scores_have_the_axis_that_scores_can_have_and_losses_their_own() -> None:
    curves = {one.title: one for one in curves_of(LINES)}
    assert list(curves) == ["loss: total", "loss: answer", "learning rate", "validation: J"]
    assert curves["validation: J"].points == [(0, 0.0), (2, 0.8)]
    assert curves["validation: J"].limits == (0.0, 1.0)
    assert curves["loss: total"].limits is None


def test_a_report_holds_its_pictures_and_what_people_wrote_as_words(tmp_path: Path) -> None:
    page = write_report(LINES, [("data", "<kites>")], "Training of kites", tmp_path)
    said = page.read_text(encoding="utf-8")
    assert said.count("data:image/png;base64,") == 1
    assert "&lt;kites&gt;" in said
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.size == (1040, 520)


def test_a_running_mean_of_a_few_values_is_not_held_by_the_first() -> None:
    assert smoothed([4.0] * 5) == [4.0] * 5
    assert abs(smoothed([8.0, 4.0])[1] - (0.9 * 8 + 4) / 1.9) < 1e-12
