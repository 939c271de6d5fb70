"""``sa2va data``: data sets to train on and to evaluate with: looking them through, rewriting, dividing."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.idle import refuse_idle
from sa2va_cli.commands.options import Talking, add_command, only
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import InputError, UsageError, parameter

if TYPE_CHECKING:
    from sa2va_cli.training.datasets.checking import Checked

PICKLES = (".p", ".pkl")

app = typer.Typer(
    help="Look data sets for training and evaluation through, rewrite and divide them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Command = Callable[..., None]
Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="A data set: its folder or file.", show_default=False)
]
Split = Annotated[
    str | None,
    typer.Option("--split", metavar="NAME", help="Part of the data set: train, val ...", show_default=False),
]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="What the data set is, where it is not recognised."),
]
Out = Annotated[
    Path, typer.Option("--output", "-o", metavar="PATH", help="A new folder or file.", show_default=False)
]


def _command(name: str, *lines: str) -> Callable[[Command], Command]:
    def register(command: Command) -> Command:
        add_command(app, f"data {name}", command, examples(*lines))
        return command

    return register


@_command("check", "sa2va data check my-data", "sa2va data check mevis --split valid_u --sheet samples.png")
def check_command(
    *,
    session: Session,
    path: Data,
    split: Split = None,
    form: Format = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="PNG",
            help="Draw 16 random samples with masks and sentences here.",
            show_default=False,
        ),
    ] = None,
    talking: Annotated[Talking, only("as_json", "quiet", "debug")],
) -> None:
    """Say what a data set is, count it, and name every broken entry by file and index.

    Broken are missing and damaged files, masks of another size, polygons outside of the picture, empty texts
    and names that lead nowhere. The exit code is 0 where nothing is broken, else 3.
    """
    from sa2va_cli.events import Progress
    from sa2va_cli.training.datasets.checking import check_dataset, check_sheet, draw_samples
    from sa2va_cli.training.datasets.table import read_dataset

    dataset = read_dataset(path, split, form)
    if sheet is not None:
        check_sheet(dataset, sheet)
    with session.console.reporting() as report:
        checked = check_dataset(dataset, lambda k, n: report(Progress("checking", k, n, "sentences")))
    if sheet is not None:
        draw_samples(dataset, {one.where for one in checked.problems}, sheet)
    if talking.as_json:
        session.console.data(_document(path, checked))
    elif not talking.quiet:
        _show(path, checked, session.console)
    if checked.problems:
        count = len(checked.problems)
        raise InputError(f"{path}: {count} broken entr{'y' if count == 1 else 'ies'}")


@_command(
    "convert",
    "sa2va data convert 'refcoco/refs(unc).p'",
    "sa2va data convert park.tracks.sa2va -o my-data",
    "sa2va data convert instances.json --to finetune -o my-data",
)
def convert_command(
    *,
    session: Session,
    path: Data,
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="A new folder, or the JSON file of a pickle."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="finetune (pictures) or mevis (videos); what suits where it is left out.",
        ),
    ] = None,
    split: Split = None,
    form: Format = None,
    _: Annotated[Talking, only("quiet", "debug")],
) -> None:
    """Rewrite a data set in another format, or a pickle of one as JSON.

    Pickles (.p, .pkl) are programs as much as data. One is read in a process of its own that imports nothing
    for it; what is not plain data is refused. Training and evaluation never read pickles.
    """
    from sa2va_cli.training.datasets.converting import pickle_as_json, write_dataset
    from sa2va_cli.training.datasets.table import read_dataset

    if path.suffix in PICKLES:
        refuse_idle(session, ("--to", "--split", "--format"), "for a pickle, which becomes JSON as it is")
        out = out or path.with_suffix(".json")
        if out.exists():
            raise UsageError(f"{out} is there already; name another file with {parameter('output')}")
        pickle_as_json(path, out)
        session.console.answer(str(out))
        return
    if out is None:
        raise UsageError(f"a data set needs a new folder; name it with {parameter('output')}")
    samples = read_dataset(path, split, form).usable()
    name = write_dataset(samples, out, to)
    session.console.note(f"{len(samples)} sentences as {name}")
    session.console.answer(str(out))


@_command(
    "split", "sa2va data split my-data -o parts", "sa2va data split my-data --share 0.2 --seed 3 -o parts"
)
def split_command(
    *,
    session: Session,
    path: Data,
    out: Out,
    share: Annotated[
        float, typer.Option("--share", metavar="P", help="How much of the videos or pictures goes to val.")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the choice.")] = 0,
    split: Split = None,
    form: Format = None,
    _: Annotated[Talking, only("quiet", "debug")],
) -> None:
    """Divide a data set into train and val; sentences of one video or picture stay together."""
    from sa2va_cli.training.datasets.converting import divided, write_parts
    from sa2va_cli.training.datasets.table import read_dataset

    if out.exists():
        raise UsageError(f"{out} is there already; name a new folder with {parameter('output')}")
    parts = divided(read_dataset(path, split, form).usable(), share, seed)
    named = dict(zip(("train", "val"), parts, strict=True))
    write_parts(named, out)
    for name, samples in named.items():
        session.console.note(f"{name}: {len(samples)} sentences")
        session.console.answer(str(out / name))


def _document(path: Path, checked: "Checked") -> dict[str, object]:
    return {
        "path": str(path),
        "format": checked.format,
        "videos": checked.videos,
        "frames": checked.frames,
        "sentences": checked.sentences,
        "without_truth": checked.without_truth,
        "without_target": checked.without_target,
        "kinds": checked.kinds,
        "splits": checked.splits,
        "problems": [{"where": one.where, "what": one.what} for one in checked.problems],
    }


def _show(path: Path, checked: "Checked", console: Console) -> None:
    console.answer(f"format     {checked.format}")
    console.answer(f"videos     {checked.videos} videos or pictures, {checked.frames} frames")
    extra = [
        f"{count} {words}"
        for count, words in (
            (checked.without_target, "that mean nothing"),
            (checked.without_truth, "without published masks"),
        )
        if count
    ]
    console.answer(f"sentences  {checked.sentences}" + (f", of these {', '.join(extra)}" if extra else ""))
    for title, counts in (("kinds", checked.kinds), ("parts", checked.splits)):
        if counts:
            told = ", ".join(f"{name} {count}" for name, count in counts.items())
            console.answer(f"{title:<10} {told}")
    for one in checked.problems:
        console.answer(f"broken     {one}")
    if not checked.problems:
        console.answer(f"{path}: nothing is broken")
