"""``sa2va ask``: a question, many of them, or a conversation about pictures and video."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sa2va_cli.commands.ask_checks import (
    answers_file,
    check_question,
    check_questions,
    check_times,
    first_question,
    saving_of,
)
from sa2va_cli.commands.idle import tell_idle
from sa2va_cli.commands.options import Talking, without
from sa2va_cli.commands.session import Interrupted, Session
from sa2va_cli.commands.standard_output import check_standard_output
from sa2va_cli.commands.startup import collector_paused
from sa2va_cli.commands.telling import Telling, numbered_names
from sa2va_cli.errors import BatchError, NothingFoundError, OutputError, UsageError
from sa2va_cli.outputs.delivery import Delivery
from sa2va_cli.outputs.drawing import Drawing
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.asking_job import Answering, AskJob, Regions, Viewing
from sa2va_cli.runtime.choice import ModelChoice

if TYPE_CHECKING:
    from sa2va_cli.conversation import ChatEngine
    from sa2va_cli.events import Report
    from sa2va_cli.pipeline.asking_job import AskResult, Unread
    from sa2va_cli.runtime.device import Placement

EPILOG = """
Exit codes: those of segment; 4 where masks were to be written and the answer marks nothing, 8 where some \
inputs could not be read and the answer is about the others, or some questions of --questions, or some lines \
of a conversation that is no terminal's, could not be answered.

[bold]Examples[/bold]

sa2va ask photo.jpg "What is on the table?"

sa2va ask photo.jpg "What is region1 doing?" --box 10%,20%,40%,90%

sa2va ask clip.mp4 "Who leaves the room? Please respond with a segmentation mask." --save overlay

sa2va ask clip.mp4 "When is the dog seen?" --times

sa2va ask clip.mp4 -i

sa2va ask --questions questions.txt clip.mp4 -o answers.jsonl --skip-existing
"""


def ask_command(
    *,
    session: Session,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]... QUESTION",
            help="What is asked, after what it is about: videos, images, folders or patterns of frames, "
            "addresses, - for standard input, or nothing.",
            show_default=False,
        ),
    ] = None,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", "-i", metavar="", help="Go on asking: a conversation. /help in it."),
    ] = False,
    times: Annotated[
        bool, typer.Option("--times", metavar="", help="Answer with the time range in which it is so.")
    ] = False,
    questions: Annotated[
        Path | None,
        typer.Option(
            "--questions",
            metavar="FILE",
            help="Ask each line of this file (a question, or JSON with question, id, input, history); "
            "answers are JSON lines, to -o FILE or standard output.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            metavar="N",
            min=1,
            help="Answer N of these questions at once, instead of one by one.",
        ),
    ] = None,
    viewing: Viewing,
    regions: Regions,
    answering: Answering,
    saving: Saving,
    drawing: Drawing,
    delivery: Delivery,
    model: ModelChoice,
    talking: Annotated[Talking, without("dry_run")],
) -> None:
    """Ask about an image, several images, a video, or nothing; the answer may come with masks."""
    if sum([interactive, times, questions is not None]) > 1:
        raise UsageError("--interactive, --times and --questions exclude each other; give one of them")
    given = list(words or ())
    if questions is not None:
        check_questions(session)
    elif times:
        check_times(session)
    elif "--batch-size" in session.typed:
        raise UsageError("--batch-size is for --questions FILE; leave it out")
    if not answering.temperature and not times:
        tell_idle(session, ("--top-p", "--seed"), "at --temperature 0, where nothing is drawn")
    if questions is not None:
        job = AskJob(tuple(given), "?", viewing, answering, model, regions=regions)
        with collector_paused() as go_on:
            _ask_all(session, job, questions, batch_size or 1, saving, go_on)
        return
    if interactive:
        inputs, first = first_question(given)
        job = AskJob(
            inputs, first or "?", viewing, answering, model, None, drawing, delivery, regions=regions
        )
        with collector_paused() as go_on:
            _interview(session, job, saving, first, go_on, as_json=talking.as_json)
        return
    if not given:
        raise UsageError('there is no question; ask something, as in: sa2va ask photo.jpg "What is this?"')
    *inputs_given, question = given
    check_question(question)
    wanted = None if times else saving_of(session, saving, inputs_given, as_json=talking.as_json)
    job = AskJob(
        *(tuple(inputs_given), question, viewing, answering, model, wanted, drawing, delivery),
        masks=talking.as_json,
        regions=regions,
    )
    with collector_paused() as go_on:
        if times:
            _ask_when(session, job, go_on, as_json=talking.as_json)
        else:
            _ask_once(session, job, go_on, as_json=talking.as_json)


def loader(session: Session, imported: Callable[[], None]) -> Callable[["ModelChoice", "Placement"], Any]:
    """What loads the model; libraries are imported first, and the collector goes on."""

    def load(choice: "ModelChoice", placement: "Placement") -> Any:
        from sa2va_cli.runtime.loading import import_network, load_chat

        if session.load is None:
            import_network()
        imported()
        return (session.load or load_chat)(choice, placement)

    return load


def _ask_once(session: Session, job: AskJob, imported: Callable[[], None], *, as_json: bool) -> None:
    from sa2va_cli.commands.documents import answer_document, unmarked_document
    from sa2va_cli.pipeline.asking import ask
    from sa2va_cli.runtime.threads import divide_cores

    console = session.console
    if job.saving is not None:
        check_standard_output(job.saving, as_json=as_json)
        if job.saving.output == "-":
            raise UsageError("the answer and -o - both want standard output; give a file")
    telling = Telling(console, silent=as_json)
    try:
        with console.reporting() as report:
            result = ask(
                job,
                load=loader(session, imported),
                report=telling.before(report),
                threads=divide_cores,
                listener=telling,
            )
    except (Interrupted, KeyboardInterrupt):
        telling.end()
        raise Interrupted("interrupted; nothing was written") from None
    except NothingFoundError as error:
        telling.end()
        if as_json:
            console.data(unmarked_document(job, telling.text.strip(), error))
        raise
    telling.end()
    if as_json:
        console.data(answer_document(result))
    _tell(console, result)
    if result.unread:
        raise BatchError(f"the answer is not about {_what(result.unread)}, which could not be read")


def _what(unread: "Sequence[Unread]") -> str:
    """Names what could not be read: ``a.png``, ``a.png and 2 more``."""
    more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
    return f"{unread[0].source}{more}"


def _tell(console: Any, result: "AskResult") -> None:
    """What a person may want to know besides the answer, on standard error."""
    reply = result.reply
    if not reply.text and not result.objects:
        console.note("the answer is empty")
    if reply.stop == "length":
        console.warning(
            f"the answer was cut off after {len(reply.token_ids)} tokens; --max-new-tokens allows more"
        )
    if result.objects:
        more = "" if result.saved else "; --save overlay draws it" if result.inputs else ""
        console.note(f"the answer marks {numbered_names(result.objects)}{more}")
    if result.saved:
        console.result(result.saved)
    if console.verbose:
        console.note(
            f"read {reply.read_tokens} tokens, wrote {len(reply.token_ids)}, first after "
            f"{reply.seconds_to_first:.2f} s, all after {reply.seconds:.2f} s"
        )


def _ask_when(session: Session, job: AskJob, imported: Callable[[], None], *, as_json: bool) -> None:
    from sa2va_cli.commands.documents import moment_document
    from sa2va_cli.pipeline.moments import find_moment
    from sa2va_cli.pipeline.opening import opened, report_warnings
    from sa2va_cli.runtime.loading import memory_errors_explained

    if len(job.inputs) != 1:
        raise UsageError(f"--times takes one video, and there are {len(job.inputs)} inputs")
    if job.regions.visual:
        raise UsageError("--times takes a video, and regions are those of an image; leave them out")
    console, (source,) = session.console, job.inputs
    with console.reporting() as report, opened(source, job.viewing.search(job.question), report) as reader:
        if reader.info.kind == "image":
            raise UsageError(f"--times takes a video, and {source} is an image")
        placement = job.model.placed()
        name = job.model.name_on(placement)
        with memory_errors_explained(name, placement, "frames"):
            engine: ChatEngine = loader(session, imported)(job.loaded, placement)
            moment = find_moment(engine, reader, job.question, job.viewing, report)
        report_warnings(reader, report)
    if as_json:
        console.data(moment_document(job.question, source, moment))
    else:
        console.answer(
            f"{moment.start_seconds:.3f} s to {moment.end_seconds:.3f} s (frames {moment.first_frame} to "
            f"{moment.last_frame})"
        )
    frames = ", ".join(map(str, moment.frames))
    console.note(f"{moment.evidence} on frames {frames} speak for it; {moment.asked} questions were asked")


def _ask_all(
    session: Session, job: AskJob, path: Path, batch_size: int, saving: Saving, imported: Callable[[], None]
) -> None:
    """Answers a file of questions, each record as soon as it is known.

    Raises:
        BatchError: some could not be answered, or none could; their records say why.
    """
    from sa2va_cli.pipeline.asking import check_known
    from sa2va_cli.pipeline.questions import in_order, keep_answers, left_to_ask, read_questions

    console = session.console
    check_known(job.model, job.regions.visual)
    listed = read_questions(path, job.inputs, job.regions.visual)
    output = answers_file(saving.output)
    wanted = listed
    if output is not None and output.exists():
        if output.samefile(path):
            raise OutputError(f"-o {output} is the file of questions; choose another")
        if saving.existing == "refuse":
            raise OutputError(
                f"{output} exists; --skip-existing answers what it lacks, --overwrite replaces it"
            )
        if saving.existing == "skip":
            wanted = left_to_ask(listed, output)
            if not wanted:
                console.note("nothing to do: all questions are answered")
                return
            keep_answers(output)
    with _lines_to(console, output, more=saving.existing == "skip") as write, console.reporting() as report:
        failed = _answer_each(session, job, wanted, batch_size, imported, write, report)
    if output is not None:
        in_order(output, listed)
        console.line(f"wrote {output}", "green")
    if failed:
        again = "" if output is None else "; the same command with --skip-existing asks them again"
        raise BatchError(
            f"{failed} of {len(wanted)} questions could not be answered, or not about all of their inputs; "
            f'see "error" and "unread" in their records{again}'
        )


def _answer_each(
    session: Session,
    job: AskJob,
    wanted: Any,
    batch_size: int,
    imported: Callable[[], None],
    write: Callable[[str], None],
    report: "Report",
) -> int:
    from sa2va_cli.events import Progress
    from sa2va_cli.pipeline.answering import answer_record
    from sa2va_cli.pipeline.questions import answer_listed
    from sa2va_cli.runtime.loading import load_announced, memory_errors_explained

    placement = job.model.placed()
    name = job.model.name_on(placement)
    failed = 0
    with memory_errors_explained(name, placement, "frames"):
        engine: ChatEngine = load_announced(loader(session, imported), job.loaded, placement, report)
        generation = job.answering.generation()
        answers = answer_listed(engine, wanted, job.viewing, generation, batch_size=batch_size, report=report)
        for done, one in enumerate(answers, 1):
            write(json.dumps(answer_record(one), ensure_ascii=False))
            failed += one.reply is None or bool(one.unread)
            report(Progress(f"answered {done} of {len(wanted)}"))
    return failed


def _lines_to(console: Any, output: Path | None, *, more: bool) -> Any:
    """Gives what writes a record: to a file, each one at once, or to standard output."""
    from contextlib import contextmanager

    from sa2va_cli.staging import output_errors

    @contextmanager
    def writing() -> Any:
        if output is None:
            if hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
            yield console.answer
            return
        with output_errors(output), output.open("a" if more else "w", encoding="utf-8") as file:

            def write(line: str) -> None:
                file.write(line + "\n")
                file.flush()

            yield write

    return writing()


def _interview(
    session: Session,
    job: AskJob,
    saving: Saving,
    first: str | None,
    imported: Callable[[], None],
    *,
    as_json: bool,
) -> None:
    """Leads a conversation.

    Raises:
        BatchError: nobody is there to see that a line failed.
    """
    from sa2va_cli.commands.interview import Interview, lines_from_terminal
    from sa2va_cli.pipeline.asking import check_known, check_regions, shows_apart
    from sa2va_cli.pipeline.opening import STANDARD_INPUT, streams_kept
    from sa2va_cli.pipeline.talk import Talk
    from sa2va_cli.pipeline.viewing import view_all
    from sa2va_cli.runtime.loading import announce, memory_errors_explained

    console = session.console
    check_known(job.model, job.regions.visual)
    with streams_kept():
        apart = bool(job.inputs) and shows_apart(job.model)
        with console.reporting() as report:
            inputs, unread = view_all(job.inputs, job.viewing, report, apart=apart)
        if STANDARD_INPUT in job.inputs:
            lines_from_terminal()
        check_regions(inputs, job.regions.visual, unread, first or "")
        placement = job.model.placed()
        name = job.model.name_on(placement)
        with memory_errors_explained(name, placement, "frames"):
            with console.reporting() as report:
                announce(placement, report)
                console.note(f"loading {name}")
                engine: ChatEngine = loader(session, imported)(job.model, placement)
            talk = Talk.begin(replace(job, model=replace(job.model, name=name)), engine, inputs)
            failed = Interview(talk, console, saving, as_json=as_json).run(first)
    if sys.stdin.isatty():
        return
    if failed:
        raise BatchError(
            f"{failed} {'line' if failed == 1 else 'lines'} of the conversation failed, see above"
        )
    if unread:
        raise BatchError(f"the conversation was not about {_what(unread)}, which could not be read")
