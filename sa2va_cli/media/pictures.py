"""Inputs that are images: one file, a folder or a pattern of files, and the pages of one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from sa2va_cli.datatypes import Frame
from sa2va_cli.errors import InputError
from sa2va_cli.media.formats import upright_size
from sa2va_cli.media.sequences import check_names, file_names, frame_names, numbering
from sa2va_cli.media.source import DEFAULT_RATE, EvenSource, SourceInfo
from sa2va_cli.media.stills import Still, decode_still, read_still, required, still_aspect, still_size


class Remarks:
    """What is to be said about files, one line for each thing however many files it is true of."""

    def __init__(self, general: Sequence[str | None] = ()) -> None:
        self._general = [text for text in general if text]
        self._files: dict[str, dict[str, None]] = {}

    def add(self, file: str, notes: Sequence[str]) -> None:
        """Notes what is true of a file; once, however often it is read."""
        for note in notes:
            self._files.setdefault(note, {})[file] = None

    @property
    def lines(self) -> list[str]:
        """All of it."""
        told = []
        for note, files in self._files.items():
            first = next(iter(files))
            told.append(
                f"{first} {note}" if len(files) == 1 else f"{first} and {len(files) - 1} more: {note}"
            )
        return [*self._general, *told]


class ImageSource(EvenSource):
    """Image files, one frame each, in the given order; 24 frames per second, ``pts`` being the number."""

    def __init__(
        self, path: Path, files: Sequence[Path], kind: Literal["image", "frames"], notes: Sequence[str] = ()
    ) -> None:
        """Looks into the files until one says its size.

        Args:
            path: what the user gave.
            files: at least one.
            kind: of the source.
            notes: what is to be said besides.

        Raises:
            InputError: when no file is an image, or a name is not in UTF-8.
        """
        check_names(files)
        self._files = tuple(files)
        size, codec, self._measured = self._first_size()
        names = file_names(self._files)
        self._shown_names = frame_names(names)
        numbers = numbering(names)
        self._info = SourceInfo(
            path=path,
            kind=kind,
            size=size,
            frames=len(self._files),
            rate=DEFAULT_RATE,
            time_base=1 / DEFAULT_RATE,
            duration_seconds=float(len(self._files) / DEFAULT_RATE),
            codec=codec if kind == "image" else None,
            names=self._shown_names if kind == "frames" else (),
            file_names=names,
            numbers=numbers.numbers if kind == "frames" else (),
            sample_aspect_ratio=still_aspect(self._measured),
        )
        self._unread: dict[Path, str] = {}
        self._remarks = Remarks([*notes, numbers.note if kind == "frames" else None])

    def _first_size(self) -> tuple[tuple[int, int], str, Path]:
        """Size and format of the first file that is an image, and which one that is."""
        first: InputError | None = None
        for file in self._files:
            try:
                return *still_size(file), file
            except InputError as error:
                first = first or error
        assert first is not None  # noqa: S101  (there is at least one file)
        raise first

    @property
    def warnings(self) -> list[str]:
        """What is to be said about the files, and one line for those that could not be read."""
        lines = self._remarks.lines
        if self._unread:
            first = next(iter(self._unread.values()))
            lines.append(
                f"{len(self._unread)} of {len(self._files)} images could not be read; the first: {first}"
            )
        return lines

    def check(self, ordinals: range) -> None:
        """Looks into the wanted files, so that the last of thousands does not end a run of hours.

        One that cannot be read is no matter here: it is left out, and said, when its turn comes.

        Raises:
            InputError: when one has another size than the first.
        """
        for ordinal in ordinals:
            file = self._files[ordinal]
            try:
                if still_size(file, exact=False)[0] == self._info.size:
                    continue
                pixels = read_still(file).image  # to be sure: EXIF data may stand behind the pixels
            except InputError:
                continue
            self._check_size(file, (pixels.shape[1], pixels.shape[0]))

    def _check_size(self, file: Path, size: tuple[int, int]) -> None:
        if size != self._info.size:
            one, first = ("{}x{}".format(*each) for each in (size, self._info.size))
            raise InputError(
                f"{file}: is {one}, but {self._measured.name} is {first}; all images of a folder must have "
                "one size"
            )

    def files(self, ordinals: range) -> tuple[Path, ...]:
        """The wanted files."""
        return tuple(self._files[ordinal] for ordinal in ordinals)

    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single files by ascending number.

        Raises:
            InputError: when one has another size than the first, or when a lone image cannot be read.
        """
        for ordinal in sorted(set(ordinals)):
            file = self._files[ordinal]
            try:
                still = read_still(file)
            except InputError as error:
                if len(self._files) == 1:
                    raise
                self._unread[file] = str(error)
                continue
            self._check_size(file, (still.image.shape[1], still.image.shape[0]))
            self._remarks.add(self._info.file_names[ordinal], still.notes)
            yield _frame(
                ordinal, still, name=self._shown_names[ordinal], file_name=self._info.file_names[ordinal]
            )


def _frame(ordinal: int, still: Still, *, name: str, file_name: str | None) -> Frame:
    """A still as a frame of a clip of 24 frames per second."""
    return Frame(
        ordinal,
        ordinal,
        1 / DEFAULT_RATE,
        still.image,
        name,
        file_name=file_name,
        deep=still.deep,
        alpha=still.alpha,
        icc_profile=still.icc_profile,
    )


class PagesSource(EvenSource):
    """The pages of one TIFF file, each a frame; 24 per second, named ``<stem>_<page, four digits>``."""

    def __init__(self, path: Path, pages: Sequence[int], notes: Sequence[str] = ()) -> None:
        """Looks into the first page for the size.

        Args:
            path: the file.
            pages: which of its pictures are frames, from 0; of one size.
            notes: what is to be said besides.
        """
        self._path = path
        self._pages = tuple(pages)
        with required(path) as image:
            image.seek(self._pages[0])
            size = upright_size(image)
        self._info = SourceInfo(
            path=path,
            kind="frames",
            size=size,
            frames=len(self._pages),
            rate=DEFAULT_RATE,
            time_base=1 / DEFAULT_RATE,
            duration_seconds=float(len(self._pages) / DEFAULT_RATE),
            codec="tiff",
            names=tuple(f"{path.stem}_{page:04d}" for page in self._pages),
        )
        self._unread: set[int] = set()
        self._remarks = Remarks(notes)

    @property
    def warnings(self) -> list[str]:
        """What is to be said about the file, and how many pages could not be read."""
        lines = self._remarks.lines
        if self._unread:
            lines.append(f"{len(self._unread)} of {len(self._pages)} pages could not be read")
        return lines

    def pictures_at(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Single pages by ascending number."""
        with required(self._path) as image:
            for ordinal in sorted(set(ordinals)):
                try:
                    image.seek(self._pages[ordinal])
                    still = decode_still(image, self._path)
                except (InputError, OSError, EOFError, ValueError, SyntaxError):
                    self._unread.add(ordinal)
                    continue
                self._remarks.add(self._path.name, still.notes)
                yield _frame(ordinal, still, name=self._info.names[ordinal], file_name=None)
