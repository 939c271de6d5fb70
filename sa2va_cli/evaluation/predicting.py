"""Runs a model over a data set; what it finds goes to disk video by video, so that a killed run goes on.

All sentences of a video are prompts of one run, each asked by itself. With the official protocol the words
are those of the official scripts, and the language model sees the first frames; with the clean one, those
that ``sa2va segment`` has for defaults. Of DAVIS the first frame's masks are shown instead of words.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from sa2va_cli.datatypes import AnySegmenter, FrameMasks, ModelIdentity, Prompt
from sa2va_cli.errors import InputError
from sa2va_cli.evaluation.predictions import label_of, sorted_frames, tracks_path
from sa2va_cli.media.arrays import ArraySource
from sa2va_cli.media.reader import Reader, Selection, open_source
from sa2va_cli.pipeline.provenance import source_facts
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.streaming import stream
from sa2va_cli.staging import output_errors
from sa2va_cli.tracks.header import Header
from sa2va_cli.tracks.log import Tracks, TracksWriter
from sa2va_cli.training.datasets.sample import Pictures, ReferringSample, VideoFrames
from sa2va_cli.version import VERSION
from sa2va_cli.visual_prompts import MaskPrompt


def official_words(sample: ReferringSample) -> str:
    """What the official scripts say after ``<image>``."""
    said = sample.sentence
    if len(sample.frames) == 1:
        return f"\n Please segment {said} in this image."
    if "?" in said:
        return f"\n {said} Please respond with a segmentation mask."
    return f"\nPlease segment {said}."


def search_for(samples: Sequence[ReferringSample], protocol: str) -> Search:
    """What is looked for in one video."""
    official = protocol == "official"
    if samples[0].shows_first_mask:
        shown = [(k, one, MaskPrompt.of(one.mask(0))) for k, one in enumerate(samples, 1)]
        return Search(tuple(Prompt(k, "", label_of(one), (mask,)) for k, one, mask in shown))
    prompts = tuple(
        Prompt(k, official_words(one) if official else one.sentence, label_of(one))
        for k, one in enumerate(samples, 1)
    )
    if official:
        return Search(prompts, sampling="first", verbatim=True)
    return Search(prompts)


def predict(
    load: Callable[[], AnySegmenter],
    name: str,
    videos: Sequence[Sequence[ReferringSample]],
    folder: Path,
    protocol: str,
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> int:
    """Writes predictions of all videos that have none yet.

    Args:
        load: loads the model; called when there is anything to do.
        name: of the model, as it was asked for.
        videos: sentences of each.
        folder: where tracks go; made if it does not exist.
        protocol: whose words and frames.
        progress: is told how many of how many videos are done.

    Returns:
        How many were made, and not there before.

    Raises:
        InputError: a video cannot be read, or what is there is of other sentences or another model.
    """
    todo: list[Sequence[ReferringSample]] = []
    weights: dict[Path, str | None] = {}
    for samples in videos:
        path = tracks_path(folder, samples[0].video)
        if path.is_file():
            weights[path] = _made_by(path, search_for(samples, protocol), name).weights
        else:
            todo.append(samples)
    if todo:
        segmenter = load()
        identity = replace(segmenter.identity, name=name)
        for path, known in weights.items():
            if known != identity.weights:
                raise _of_another_model(path, "other weights")
        for number, samples in enumerate(todo):
            progress(len(weights) + number, len(videos))
            path = tracks_path(folder, samples[0].video)
            _predict(segmenter, identity, samples, search_for(samples, protocol), path)
    progress(len(videos), len(videos))
    return len(todo)


def _made_by(path: Path, search: Search, name: str) -> ModelIdentity:
    """The model that made predictions which are there already."""
    try:
        header = Tracks(path).header
    except InputError as error:
        raise InputError(f"{error.message}; remove {path}, and the same command makes it again") from error
    told = [(one.text, one.label) for one in header.prompts]
    if told != [(one.text, one.label) for one in search.prompts]:
        raise InputError(f"{path} is of other sentences or another protocol; name a new folder with --output")
    if header.model.name != name:
        raise _of_another_model(path, header.model.name)
    return header.model


def _of_another_model(path: Path, which: str) -> InputError:
    return InputError(f"{path} was made by another model ({which}); name a new folder with --output")


def _predict(
    segmenter: AnySegmenter,
    identity: ModelIdentity,
    samples: Sequence[ReferringSample],
    search: Search,
    path: Path,
) -> None:
    part = path.with_name(f"{path.name}.part")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)  # of a run that was killed: a video is done from its beginning
    try:
        _write(segmenter, identity, samples, search, part)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)


def _write(
    segmenter: AnySegmenter,
    identity: ModelIdentity,
    samples: Sequence[ReferringSample],
    search: Search,
    part: Path,
) -> None:
    with _reader(samples[0]) as reader, closing(stream(segmenter, reader, search)) as results:
        writer: TracksWriter | None = None
        try:
            for masks in results:
                writer = writer or TracksWriter(part, _header(reader, samples[0], search, masks, identity))
                _append(writer, masks)
            if writer is not None:
                writer.finish()
        finally:
            if writer is not None:
                writer.__exit__(None, None, None)


def _append(writer: TracksWriter, masks: FrameMasks) -> None:
    evidence = masks.evidence
    if evidence is None:
        raise ValueError("masks of a run have evidence")
    writer.append(
        masks.frame, masks.logits, masks.scores, evidence.ious, evidence.agreements, evidence.worded
    )


def _header(
    reader: Reader, sample: ReferringSample, search: Search, masks: FrameMasks, identity: ModelIdentity
) -> Header:
    return Header(
        program=VERSION,
        source=source_facts(reader, str(sample.frames.source)),
        stem=Path(sample.video).name,
        prompts=search.prompts,
        objects=masks.objects,
        answers={},
        threshold=search.threshold,
        frames=len(sample.frames),
        model=identity,
        settings={"sampling": search.sampling, "keyframes": search.keyframes, "verbatim": search.verbatim},
    )


@contextmanager
def _reader(sample: ReferringSample) -> Generator[Reader, None, None]:
    """Opens the frames of a video in the order of their names, as the official scripts do."""
    frames = sample.frames
    if isinstance(frames, VideoFrames) and list(frames.indices) == list(range(len(frames))):
        with open_source(frames.path, Selection(max_frames=len(frames))) as reader:
            yield reader
        return
    if isinstance(frames, Pictures):
        paths = sorted(frames.paths)
        if len(paths) == 1:
            with open_source(paths[0]) as reader:
                yield reader
            return
        folder = paths[0].parent
        if folder.is_dir() and sorted(p for p in folder.iterdir() if not p.name.startswith(".")) == paths:
            with open_source(folder) as reader:
                yield reader
            return
    pictures = [frames.read(k) for k in sorted_frames(sample)]
    with Reader(ArraySource(pictures), Selection()) as reader:
        yield reader
