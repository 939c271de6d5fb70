"""What was opened: a tracks file, a video, a folder or the state of a batch, as a list of clips.

Nothing outside what was opened is ever read, but for the sources that its tracks name. Knows nothing about
what is in the files.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sa2va_cli.batch.sources import MEDIA_ENDINGS, TRACKS_ENDINGS, source_kind, sources
from sa2va_cli.batch.state_format import NAME
from sa2va_cli.batch.summary import read_state
from sa2va_cli.errors import InputError
from sa2va_cli.media.sequences import Numbering, is_pattern, natural, numbering
from sa2va_cli.outputs.kinds import KINDS
from sa2va_cli.tracks.decisions import TRACKS_ENDING, stem_of

Kind = Literal["tracks", "video", "folder", "batch"]


@dataclass(frozen=True)
class Clip:
    """One clip of a project.

    Attributes:
        id: short, and the same whenever the project is opened.
        name: for people.
        tracks: its log, or where its log will be written.
        source: the video or pictures; None for those that the log names.
    """

    id: str
    name: str
    tracks: Path
    source: str | None = None


@dataclass(frozen=True)
class Project:
    """What was opened.

    Attributes:
        path: as it was given.
        kind: what it is.
        clips: what is in it, in order.
        state: the state file of the batch.
    """

    path: Path
    kind: Kind
    clips: tuple[Clip, ...]
    state: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder that it is, or lies in; a folder of frames is a video."""
        return self.path if self.kind == "folder" else self.path.parent


def opened_project(given: str, tracks: Path | None = None) -> Project:
    """Finds out what is in what somebody opens.

    Args:
        given: a tracks file, a video or pictures, a folder of these, or the state file of a batch.
        tracks: the tracks of the one video; None for those beside it.

    Raises:
        InputError: there is nothing that could be looked at.
    """
    path = Path(os.path.expanduser(given))  # noqa: PTH111  (Path's raises where no home is known)
    if is_pattern(given) and not path.exists():
        return Project(path, "video", (_of_video(path, path.parent, tracks, given),))
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    if path.name == NAME or path.suffix == ".db":
        return Project(path, "batch", _of_batch(path), path)
    if path.is_dir():
        clips = _of_folder(path, tracks)
        is_frames = [one.source for one in clips] == [str(path)]
        return Project(path.absolute() if is_frames else path, "video" if is_frames else "folder", clips)
    if path.suffix in TRACKS_ENDINGS:
        return Project(path, "tracks", (_of_tracks(path, path.parent),))
    return Project(path, "video", (_of_video(path, path.parent, tracks, str(path)),))


def _of_tracks(path: Path, root: Path, source: str | None = None) -> Clip:
    return Clip(_id(path, root), stem_of(path), path, source)


def _of_video(path: Path, root: Path, tracks: Path | None, source: str) -> Clip:
    beside = tracks or tracks_beside(path)
    return Clip(_id(beside, root), path.name, beside, source)


def tracks_beside(video: Path) -> Path:
    """Where the tracks of a video lie, if there are any: where ``segment`` writes them into its folder."""
    if is_pattern(str(video)):
        stem = video.name.partition("%")[0].partition("#")[0].rstrip("._-")
    else:
        stem = video.name if video.is_dir() else video.stem
    return video.with_name((stem or "frames") + TRACKS_ENDING)


def _of_folder(folder: Path, tracks: Path | None = None) -> tuple[Clip, ...]:
    """Videos and folders of frames with their tracks, and tracks whose video lies elsewhere."""
    files = [Path(one.path) for one in sources([str(folder)], MEDIA_ENDINGS | TRACKS_ENDINGS)]
    stems = {(file.parent, stem_of(file)) for file in files}
    stems |= {(folder.parent, folder.name) for folder in {file.parent for file in files}}
    files = [file for file in files if not _is_delivered(file, stems)]
    files = _with_sequences(files)
    if files == [folder]:
        return (_of_video(folder.absolute(), folder.absolute().parent, tracks, str(folder)),)
    videos: dict[Path, Path] = {}
    for file in files:
        if file.suffix not in TRACKS_ENDINGS:
            beside = tracks_beside(file)  # of two videos with one stem the second has its ending in the name
            videos[beside.with_name(file.name + TRACKS_ENDING) if beside in videos else beside] = file
    found = {beside: _of_video(file, folder, beside, str(file)) for beside, file in videos.items()}
    found |= {
        file: _of_tracks(file, folder)
        for file in files
        if file.suffix in TRACKS_ENDINGS and file not in found
    }
    return _distinct(found[path] for path in sorted(found, key=natural))


def _with_sequences(files: Sequence[Path]) -> list[Path]:
    """The files, but a folder in the place of its own where all it has are the frames of one clip.

    That is what ``segment`` takes a folder for, too. Pictures without a number each, or with tracks beside
    them, are clips of their own.
    """
    folders: dict[Path, list[Path]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file)
    found: list[Path] = []
    for folder, inside in folders.items():
        pictures = len(inside) > 1 and all(source_kind(str(file)) == "image" for file in inside)
        numbers = numbering([file.name for file in inside]) if pictures else Numbering()
        found += [folder] if numbers.numbers and numbers.note is None else inside
    return found


def _is_delivered(file: Path, stems: Collection[tuple[Path, str]]) -> bool:
    """Whether it, or a folder it lies in, is called as an output: ``clip.matte.mov`` beside ``clip.mp4``."""
    for place, name in ((file.parent, file.stem), *((one.parent, one.name) for one in file.parents)):
        stem, _, kind = name.rpartition(".")
        if kind in KINDS and kind != "tracks" and (place, stem) in stems:
            return True
    return False


def _of_batch(state: Path) -> tuple[Clip, ...]:
    """The inputs of a batch, with the tracks that it made."""
    clips = []
    for row in read_state(state).rows:
        made = [Path(name) for name in row.outputs if name.endswith(TRACKS_ENDING)]
        tracks = next((path for path in made if path.exists()), None)
        if tracks is not None:
            clips.append(Clip(_id(tracks, state.parent), Path(row.source).name, tracks, row.source))
        elif Path(row.source).exists() and not row.source.endswith(TRACKS_ENDING):
            beside = state.parent / (Path(row.source).stem + TRACKS_ENDING)
            clips.append(Clip(_id(beside, state.parent), Path(row.source).name, beside, row.source))
    if not clips:
        raise InputError(
            f"{state}: no job of this batch has tracks or an input that is still there; relative names are "
            "seen from the folder in which the batch was run"
        )
    return _distinct(clips)


def _distinct(clips: Iterable[Clip]) -> tuple[Clip, ...]:
    return tuple({one.id: one for one in clips}.values())


def _id(path: Path, root: Path) -> str:
    """A short name of a path, as it is seen from where it was opened."""
    place = path.relative_to(root) if path.is_relative_to(root) else path
    return hashlib.sha256(str(place).encode("utf-8", "surrogateescape")).hexdigest()[:12]
