"""The commands of the guide to data sets run in its order, on miniatures of the demo world."""

from clips import make_video
from test_command_examples import ROOT, commands
from training.miniatures import finetune


def test_every_command_of_the_guide_runs_in_order(folder, sa2va):
    finetune(folder)[0].rename(folder / "my-data")
    make_video(folder / "park.mp4", stamps=range(3))
    assert sa2va("segment", "park.mp4", "red", "--save", "tracks", "--quiet").code == 0
    block = (ROOT / "docs" / "guides" / "data.md").read_text(encoding="utf-8").split("```")[1]
    lines = commands(f"```{block}```")
    assert len(lines) == 3
    for words in lines:
        outcome = sa2va(*words[1:])
        assert outcome.code == 0, (words, outcome.err)
