"""Commands composed of groups, and where the values of their options come from."""

import json
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from clips import make_image, make_video

from sa2va_cli.commands import options
from sa2va_cli.commands.app import app
from sa2va_cli.commands.defaults import KNOWN
from sa2va_cli.commands.options import Talking, composed, only, without
from sa2va_cli.commands.session import Session
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.parameters import Argument, Option, declared
from sa2va_cli.pipeline.job import FirstLook, Resuming, SegmentJob


@dataclass(frozen=True)
class Paint:
    """A group of the tests."""

    colour: Annotated[str, Option("Which.", "Looking", "C", choices=("red", "blue"))] = "red"
    coats: Annotated[int | None, Option("How many.", "Looking", "N", least=1)] = None
    wet: Annotated[bool, Option("Do not wait.", "Looking")] = False


@dataclass(frozen=True)
class Wall:
    """A group that holds another."""

    where: Annotated[str, Argument("Where.", "PLACE")]
    paint: Paint


@pytest.fixture
def run():
    """Runs a command that is composed in the test; returns what it was given."""

    def call(command, *arguments):
        program = typer.Typer()
        program.command()(composed(command))
        session = Session()
        typer.main.get_command(program).main(list(arguments), standalone_mode=False, obj=session)
        return session

    return call


def test_a_command_gets_groups_and_its_own_options(run):
    got = {}

    def paint(
        *,
        session: Session,
        wall: Wall,
        saving: Annotated[Saving, without("allow_empty")],
        talking: Annotated[Talking, only("quiet")],
        times: Annotated[int, typer.Option("--times")] = 2,
    ) -> None:
        got.update(session=session, wall=wall, saving=saving, talking=talking, times=times)

    session = run(paint, "north", "--coats", "3", "--wet", "--save", "mask,coco", "--save", "davis", "-q")
    assert got["wall"] == Wall("north", Paint("red", 3, wet=True))
    assert got["saving"] == Saving(("mask", "coco", "davis"))
    assert got["talking"] == Talking(quiet=True)
    assert got["times"] == 2
    assert got["session"] is session
    assert session.console.quiet


def test_what_is_left_out_is_no_option(run):
    def paint(*, saving: Annotated[Saving, without("allow_empty")]) -> None:
        raise AssertionError

    with pytest.raises(Exception, match=r"No such option.*--allow-empty"):
        run(paint, "--allow-empty")


def test_every_option_of_segment_is_one_field():
    names = {known.name for known in KNOWN[("segment",)].values()}
    fields = set()
    beside = FirstLook, Resuming, Talking
    for group in (*(one.type for one in SegmentJob.__dataclass_fields__.values()), *beside):
        if isinstance(group, type) and hasattr(group, "__dataclass_fields__"):
            for one in declared(group):
                if isinstance(one.setting, Option):
                    name = (one.setting.names or (f"--{one.name.replace('_', '-')}",))[0]
                    fields.add(f"--no-{name[2:]}" if one.default is True else name)
                elif not isinstance(one.setting, Argument):
                    fields |= {switch.name for switch in one.setting.switches}
    assert names == fields


def commands(group=None, path=()):
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        yield (*path, name), command


@pytest.mark.parametrize(("path", "command"), list(commands()), ids=str)
def test_every_option_has_a_help_text_that_ends_in_a_full_stop(path, command):
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            text = (parameter.help or "").partition(" [")[0]
            assert text.rstrip('"').endswith("."), (path, parameter.name)


# Where values come from: the command line, the environment, the file, what is built in.


@pytest.fixture
def plan(sa2va, folder):
    """The plan of a dry run on a picture."""
    make_image(folder / "a.png")

    def make(*arguments):
        outcome = sa2va("segment", "a.png", "red", "--dry-run", "--json", "--model", "demo", *arguments)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out)

    return make


@pytest.fixture
def config(tmp_path_factory, folder, monkeypatch):
    path = tmp_path_factory.mktemp("settings") / "config.toml"
    monkeypatch.setenv("SA2VA_CONFIG", str(path))

    def write(text: str):
        path.write_text(text)
        return path

    write("")
    return write


def made(plan):
    return [name.split(".")[1] for name in plan["would_make"]]


def test_the_order_is_command_line_environment_file_built_in(plan, config, monkeypatch):
    assert made(plan()) == ["mask", "overlay"]
    config('save = "coco"')
    assert made(plan()) == ["coco"]
    config('save = "coco"\n[segment]\nsave = ["crop", "mask"]')
    assert made(plan()) == ["crop", "mask"]
    monkeypatch.setenv("SA2VA_SAVE", "davis")
    assert made(plan()) == ["davis"]
    monkeypatch.setenv("SA2VA_SEGMENT_SAVE", "matte,mask")
    assert made(plan()) == ["matte", "mask"]
    assert made(plan("--save", "overlay")) == ["overlay"]


def test_a_flag_is_taken_back(sa2va, folder, config):
    make_image(folder / "a.png")
    (folder / "a.mask.png").touch()
    command = ("segment", "a.png", "red", "--dry-run", "--save", "mask", "--model", "demo")
    assert sa2va(*command).code == 7
    config("[segment]\nskip_existing = true")
    assert "would keep a.mask.png" in sa2va(*command).err
    assert sa2va(*command, "--no-skip-existing").code == 7
    assert "would make a.mask.png" in sa2va(*command, "--overwrite").err  # the command line wins
    outcome = sa2va(*command, "--overwrite", "--skip-existing")
    assert outcome.code == 2
    assert "--overwrite and --skip-existing contradict each other" in outcome.err


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (
            "SA2VA_SAMPLING",
            "unknown --sampling 'x'; choose uniform or first (--sampling comes from SA2VA_SAMPLING)",
        ),
        ("file", "unknown --sampling 'x'; choose uniform or first (--sampling comes from {file})"),
    ],
)
def test_a_value_that_was_not_typed_says_where_it_is_from(place, text, sa2va, folder, config, monkeypatch):
    make_image(folder / "a.png")
    file = config('[segment]\nsampling = "x"' if place == "file" else "")
    if place != "file":
        monkeypatch.setenv(place, "x")
    outcome = sa2va("segment", "a.png", "red", "--dry-run")
    assert (outcome.code, outcome.err) == (2, f"error: {text.format(file=file)}\n")


def test_a_number_from_the_environment_that_is_none_names_the_variable(sa2va, folder, monkeypatch):
    monkeypatch.setenv("SA2VA_SEGMENT_KEYFRAMES", "many")
    outcome = sa2va("segment", make_image(folder / "a.png"), "red")
    assert outcome.code == 2
    assert "(it comes from SA2VA_SEGMENT_KEYFRAMES)" in outcome.err


def test_a_faulty_file_is_one_line_and_no_hindrance_to_help(sa2va, config):
    file = config("[segment]\nkeyframe = 3")
    outcome = sa2va("segment", "a.png", "red")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"error: {file} [segment]: unknown key 'keyframe'; did you mean 'keyframes'\n"
    assert sa2va("segment", "--help").code == 0
    assert sa2va("config").code == 2
    assert sa2va("config", "path").out == f"{file}\n"


def test_config_shows_where_every_value_is_from(sa2va, config, monkeypatch):
    file = config('model = "1b"\n[segment]\nkeyframes = 9\n[models.convert]\nto = "published"')
    monkeypatch.setenv("SA2VA_SEGMENT_MODEL", "4b")
    monkeypatch.setenv("SA2VA_KEYFRAME", "7")
    outcome = sa2va("config")
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in outcome.out.splitlines()}
    assert rows["segment", "--model"] == ["4b", "SA2VA_SEGMENT_MODEL"]
    assert rows["bench", "--model"] == ["1b", str(file)]
    assert rows["segment", "--keyframes"] == ["9", str(file)]
    assert rows["segment", "--every"] == ["1", "built", "in"]
    assert outcome.err == "warning: SA2VA_KEYFRAME sets no option; did you mean SA2VA_KEYFRAMES\n"
    document = json.loads(sa2va("config", "--json").out)
    assert document["file"] == str(file)
    found = {(one["command"], one["option"]): one for one in document["options"]}
    assert found["models convert", "--to"]["value"] == "published"
    assert found["segment", "--threshold"] == {
        "command": "segment",
        "option": "--threshold",
        "value": 0.5,
        "origin": "built in",
        "variable": "SA2VA_SEGMENT_THRESHOLD",
    }


def test_config_without_a_file_says_so(sa2va):
    outcome = sa2va("config")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0].endswith("config.toml (not there)")


def test_the_module_says_how_a_command_is_added():
    assert "add_command(app, " in (options.__doc__ or "")


def test_a_default_gives_way_to_what_is_typed_against_it(sa2va, folder, monkeypatch):
    monkeypatch.setenv("SA2VA_GROW", "2")
    monkeypatch.setenv("SA2VA_FOLLOW_SIZE", "512")
    make_image(folder / "a.png")
    outcome = sa2va(
        "segment", "a.png", "red", "--shrink", "1", "--follower", "own", "--dry-run", "-m", "demo"
    )
    assert outcome.code == 0, outcome.err
    monkeypatch.setenv("SA2VA_SHRINK", "1")
    outcome = sa2va("segment", "a.png", "red", "--dry-run", "--follower", "own", "-m", "demo")
    assert outcome.code == 2
    assert "--grow comes from SA2VA_GROW; --shrink comes from SA2VA_SHRINK" in outcome.err


@pytest.mark.parametrize("kind", ["mask", "coco", "matte"])
def test_a_default_of_delivery_that_an_output_cannot_have_is_left_out(sa2va, folder, monkeypatch, kind):
    make_video(folder / "a.mp4", stamps=range(3))
    for name, value in {"CRF": "20", "FPS": "25", "START_NUMBER": "3", "PREMULTIPLY": "1"}.items():
        monkeypatch.setenv(f"SA2VA_{name}", value)
    outcome = sa2va("segment", "a.mp4", "red", "--save", kind)
    assert outcome.code == 0, outcome.err
    outcome = sa2va("segment", "a.mp4", "red", "--save", kind, "--fps", "25", "--overwrite")
    assert outcome.code == 2
    assert "--fps 25" in outcome.err


def test_a_file_with_a_mark_of_its_encoding_is_read(sa2va, config):
    config("\ufeffmodel = 'demo'")
    assert sa2va("config").code == 0
