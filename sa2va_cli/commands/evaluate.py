"""``sa2va evaluate``: a model, or files of any tool, scored on a data set."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.console import Console
from sa2va_cli.commands.helptext import examples
from sa2va_cli.commands.idle import names_in, refuse_idle
from sa2va_cli.commands.options import Talking, only, without
from sa2va_cli.commands.session import Session
from sa2va_cli.errors import InputError, OutputError, UsageError, parameter
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sa2va_cli.datatypes import AnySegmenter
    from sa2va_cli.evaluation.report import Report
    from sa2va_cli.evaluation.sentences import SentenceScore
    from sa2va_cli.training.datasets.sample import Dataset, ReferringSample

PROTOCOLS = ("official", "clean")

EPILOG = examples(
    "sa2va evaluate demo my-data -o results",
    "sa2va evaluate 4b mevis --split valid_u -o results",
    "sa2va evaluate 4b mevis --split valid --submit mevis.zip",
    "sa2va evaluate mevis --split valid_u --predictions masks-of-another-tool",
    "sa2va evaluate --compare results-1b results-4b",
)


def evaluate_command(
    *,
    session: Session,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL] DATA",
            help="The model (alias, folder or hub id) and the data set; with --predictions the data set, "
            "with --compare the folders of two evaluations.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where predictions and results go.")
    ] = Path("evaluation"),
    split: Annotated[
        str | None, typer.Option("--split", metavar="NAME", help="Part of the data set: val, valid_u ...")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="What the data set is, where it is not recognised."),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="official (the numbers of the official scripts, faults included) or clean.",
        ),
    ] = "official",
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            metavar="FOLDER",
            help="Score these instead: tracks, or VIDEO/EXPRESSION/FRAME.png of any tool.",
            show_default=False,
        ),
    ] = None,
    submit: Annotated[
        Path | None,
        typer.Option(
            "--submit",
            metavar="FOLDER|ZIP",
            help="Write what the server of the data set wants; where the truth is not published, only that.",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Tell how two evaluations of the same sentences differ.")
    ] = False,
    part: Annotated[
        str | None,
        typer.Option(
            "--part",
            metavar="K/N",
            help="Only predict, the K-th of N shares of the videos; many processes may share a folder.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[ModelChoice, without("name")],
    talking: Annotated[Talking, only("as_json", "quiet", "debug")],
) -> None:
    """Score a model, or masks of any tool, on a data set of sentences and masks.

    Predictions are kept video by video: the same command again goes on where it was stopped. Results are
    report.json, sentences.csv and worst.png. Intervals are of 95 %, from drawing videos again.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"{parameter('protocol', protocol)}: give one of {', '.join(PROTOCOLS)}")
    given = what or []
    if compare:
        refuse_idle(session, session.typed - {"--compare", *names_in(Talking)}, "with --compare")
        _compare(given, session.console, as_json=talking.as_json)
        return
    if predictions is not None:
        refuse_idle(session, ("--part", *names_in(ModelChoice)), "with --predictions")
    if part is not None and submit is not None:
        raise UsageError(
            f"{parameter('part', part)} only predicts; give {parameter('submit')} once all parts are there, "
            f"without {parameter('part')}"
        )
    wanted = 1 if predictions is not None else 2
    if len(given) != wanted:
        names = "DATA" if wanted == 1 else "MODEL and DATA"
        raise UsageError(
            f"{' '.join(given) or 'nothing'} is given where {names} must be; see sa2va evaluate --help"
        )
    name = given[0] if predictions is None else None
    job = _Job(Path(given[-1]), split, form, protocol, name, model, out, predictions, submit, part)
    told = _evaluated(job, session, as_json=talking.as_json)
    if talking.as_json:
        session.console.data(told)


@dataclass(frozen=True)
class _Job:
    """What is evaluated, and what of it is wanted; as the command has it."""

    data: Path
    split: str | None
    form: str | None
    protocol: str
    name: str | None
    model: ModelChoice
    out: Path
    predictions: Path | None
    submit: Path | None
    part: str | None


def _evaluated(job: _Job, session: Session, *, as_json: bool) -> dict[str, Any]:
    """Predicts, submits and scores; returns what programs are told of it."""
    from sa2va_cli.evaluation.protocols import scored_sentences
    from sa2va_cli.evaluation.submission import refuse_existing
    from sa2va_cli.training.datasets.table import read_dataset

    if job.submit is not None:
        refuse_existing(job.submit)
    dataset = read_dataset(job.data, job.split, job.form)
    samples = scored_sentences(dataset.format, dataset.usable(), job.protocol)
    published = any(one.objects is not None for one in samples)
    if not published and job.submit is None and job.part is None:
        raise InputError(
            f"{job.data}: its masks are not published; write what the server wants with {parameter('submit')}"
        )
    _check_folder(job.out)
    source = job.predictions or job.out / "predictions"
    if job.name is not None:
        told = _predict(replace(job.model, name=job.name), samples, source, job.protocol, job.part, session)
        if job.part is not None:
            return told
    written = _submit(job.submit, dataset.format, samples, source, job.protocol, session, as_json=as_json)
    if not published:
        return written
    return _score(dataset, samples, source, job, session, as_json=as_json) | written


def _submit(
    out: Path | None,
    form: str,
    samples: "Sequence[ReferringSample]",
    source: Path,
    protocol: str,
    session: Session,
    *,
    as_json: bool,
) -> dict[str, Any]:
    """Writes what a server wants, if that was asked for."""
    from sa2va_cli.evaluation.predictions import predictions_in
    from sa2va_cli.evaluation.submission import write_submission

    if out is None:
        return {}
    count = write_submission(form, samples, predictions_in(source), out, protocol=protocol)
    session.console.note(f"{out}: {count} masks of {len(samples)} sentences")
    if not as_json:
        session.console.answer(str(out))
    return {"submission": {"path": str(out), "masks": count, "sentences": len(samples)}}


def _check_folder(out: Path) -> None:
    """Makes sure that results can go into a folder, before hours of prediction.

    Raises:
        OutputError: it is a file, or lies in one.
    """
    from sa2va_cli.staging import output_errors

    with output_errors(out):
        there = next((one for one in (out, *out.parents) if one.exists()), None)
    if there is not None and not there.is_dir():
        raise OutputError(
            f"{there} is a file, and results go into a folder; name another with {parameter('output')}"
        )


def _predict(
    model: ModelChoice,
    samples: "Sequence[ReferringSample]",
    folder: Path,
    protocol: str,
    part: str | None,
    session: Session,
) -> dict[str, Any]:
    from sa2va_cli.evaluation.predicting import predict
    from sa2va_cli.events import Progress
    from sa2va_cli.runtime.loading import load_segmenter, memory_errors_explained
    from sa2va_cli.training.datasets.sample import by_video

    first, step = _share(part)
    placement = model.placed()

    def load() -> "AnySegmenter":
        return (session.load or load_segmenter)(model, placement)

    with session.console.reporting() as report, memory_errors_explained(model.name_on(placement), placement):
        videos = list(by_video(samples).values())[first::step]
        made = predict(
            load,
            model.name_on(placement),
            videos,
            folder,
            protocol,
            lambda k, n: report(Progress("predicting", k, n, "videos")),
        )
    session.console.note(f"{made} of {len(videos)} videos predicted, the others were there")
    return {"part": part, "videos": len(videos), "predicted": made}


def _share(part: str | None) -> tuple[int, int]:
    """The first video and the step of ``K/N``."""
    if part is None:
        return 0, 1
    number, _, count = part.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise UsageError(f"{parameter('part', part)}: write K/N, as in 1/4, K from 1 to N")
    return int(number) - 1, int(count)


def _score(
    dataset: "Dataset",
    samples: "Sequence[ReferringSample]",
    source: Path,
    job: _Job,
    session: Session,
    *,
    as_json: bool,
) -> dict[str, Any]:
    """Writes the report, shows it to people, and returns what programs are told."""
    from sa2va_cli.evaluation import report as reports
    from sa2va_cli.evaluation.predictions import predictions_in
    from sa2va_cli.evaluation.scoring import draw_worst, score
    from sa2va_cli.events import Progress

    found = predictions_in(source)
    with session.console.reporting() as tell:
        counted = score(samples, found, job.protocol, lambda k, n: tell(Progress("scoring", k, n, "videos")))
        scores = list(counted)
    report = reports.make_report(str(dataset.path), dataset.format, job.name, job.protocol, scores)
    reports.write_report(report, scores, job.out)
    draw_worst(dataset.format, samples, scores, found, job.out / reports.WORST, job.protocol)
    if not as_json:
        _show(report, scores, job.out, session.console)
    return reports.document(report)


def _show(report: "Report", scores: "Sequence[SentenceScore]", out: Path, console: Console) -> None:
    from sa2va_cli.evaluation.report import table

    videos = len({one.video for one in scores})
    console.answer(
        f"{report.dataset} ({report.format}), {len(scores)} sentences of {videos} videos or pictures, "
        f"protocol {report.protocol}; per cent, ± half of the 95 % interval"
    )
    console.table(*table(report))
    for row, columns in report.official.items():
        values = ", ".join(f"{name} {value:g}" for name, value in columns.items())
        console.answer(f"as the official script prints it, {row}: {values}")
    console.answer(f"{out}: report.json, sentences.csv, worst.png")


def _compare(folders: list[str], console: Console, *, as_json: bool) -> None:
    from sa2va_cli.evaluation.report import SENTENCES, comparison, protocol_in
    from sa2va_cli.evaluation.sentences import read_sentences

    if len(folders) != 2:
        raise UsageError(f"--compare needs the folders of two evaluations, and {len(folders)} are given")
    paths = [Path(one) for one in folders]
    first, second = (read_sentences(one / SENTENCES if one.is_dir() else one) for one in paths)
    found = comparison(first, second)
    protocols = [protocol_in(one) for one in paths]
    if None not in protocols and protocols[0] != protocols[1]:
        console.note(
            f"scored by different protocols: {folders[0]} {protocols[0]}, {folders[1]} {protocols[1]}"
        )
    if as_json:
        console.data(
            {
                "first": folders[0],
                "second": folders[1],
                "sentences": len(first),
                "differences": {
                    name: {"value": one.value, "low": one.low, "high": one.high}
                    for name, one in found.items()
                },
            }
        )
        return
    console.answer(f"{folders[1]} less {folders[0]}, {len(first)} sentences, points of per cent")
    rows = [
        [name, f"{100 * one.value:+.2f}", "-" if one.half is None else f"±{100 * one.half:.2f}"]
        for name, one in found.items()
    ]
    console.table(["measure", "difference", "95 % interval"], rows)
