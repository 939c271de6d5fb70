"""A network that needs no weights: it finds bright red, green or blue where a prompt names that colour."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from sa2va_cli.conversation import Generation, Listener, MarkListener, Mention, Question, Reply
from sa2va_cli.datatypes import RGB, Directions, Followed, Frame, Grounding, ModelIdentity
from sa2va_cli.errors import InputError, UsageError
from sa2va_cli.queues import batched, read_ahead
from sa2va_cli.runtime.choice import ModelChoice
from sa2va_cli.runtime.device import Placement
from sa2va_cli.visual_prompts import Pointed

GRID = 64
CHANNELS = {"red": 0, "green": 1, "blue": 2}


class FakeSegmenter:
    """Remembers what it was asked; its sessions remember nothing but the channels they follow.

    Args:
        ahead: how many frames its sessions prepare at once, ahead in a thread; 0 for none.
    """

    identity = ModelIdentity("fake", weights="0" * 64)

    def __init__(self, ahead: int = 1) -> None:
        self.ahead = ahead
        self.prepared: list[list[int]] = []
        self.expected: int | None = None
        self.asked: list[str] = []
        self.seen: list[int] = []
        self.still: bool | None = None
        self.stepped: list[int] = []
        self.tracks_keyframes: bool | None = None
        self.pointed: list[Pointed] = []
        self.spans: dict[int, tuple[int, int | None]] = {}

    def open(self, *, still: bool = False) -> "FakeSession":
        self.still = still
        return FakeSession(self)

    def step(self, index: int) -> None:
        """Is called when the turn of a frame has come."""
        self.stepped.append(index)


class FakeSession:
    """One clip."""

    def __init__(self, segmenter: FakeSegmenter) -> None:
        self.segmenter = segmenter
        self._asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def look(self, images: Sequence[RGB]) -> int:
        return self._asked

    def ground(self, view: int, prompt: str) -> tuple[Grounding[np.ndarray], int]:
        assert view == self._asked  # what the last call returned
        self._asked += 1
        self.segmenter.asked.append(prompt)
        found = [[channel] for colour, channel in CHANNELS.items() if colour in prompt]
        answer = "Sure, " + ", ".join("[SEG]" for _ in found) if found else "No."
        return Grounding(answer, np.array(found).reshape(-1, 1)), self._asked

    def condition(
        self,
        keyframes: Sequence[tuple[int, RGB]],
        queries: Sequence[np.ndarray],
        *,
        track_keyframes: bool = False,
    ) -> np.ndarray:
        self.segmenter.tracks_keyframes = track_keyframes
        self.segmenter.seen = [index for index, _ in keyframes]
        return np.concatenate(list(queries))[:, 0]

    def point(
        self,
        found: np.ndarray | None,
        rows: Sequence[int],
        objects: int,
        pointed: Sequence[Pointed],
        spans: Mapping[int, tuple[int, int | None]],
    ) -> Directions[np.ndarray]:
        """What is pointed at has the colour of the picture there."""
        self.segmenter.pointed, self.segmenter.spans = list(pointed), dict(spans)
        channels = np.zeros(objects, int)
        if found is not None:
            channels[list(rows)] = found
        for one in pointed:
            height, width = one.image.shape[:2]
            if one.mask is not None:
                channels[one.row] = one.image[one.mask].mean(axis=0).argmax()
                continue
            places = [(x, y) for x, y, positive in one.points if positive]
            if one.box is not None:
                places = [((one.box[0] + one.box[2]) / 2, (one.box[1] + one.box[3]) / 2)]
            for x, y in places:
                place = min(int(y * height), height - 1), min(int(x * width), width - 1)
                channels[one.row] = one.image[place].argmax()
        return Directions(channels, channels if any(one.index for one in pointed) else None)

    def follow(
        self,
        frames: Iterable[Frame],
        memory: np.ndarray,
        *,
        count: int | None = None,
        notify: Callable[[str], None] = print,
        workers: int = 1,
    ) -> Generator[Followed[np.ndarray], None, None]:
        self.segmenter.expected = count
        ready = self._prepared(frames)
        if not self.segmenter.ahead:
            yield from self._followed(ready, memory)
            return
        with read_ahead(ready, room=max(self.segmenter.ahead, 2), name="sa2va-encode") as waiting:
            yield from self._followed(waiting, memory)

    def _prepared(self, frames: Iterable[Frame]) -> Generator[Frame, None, None]:
        for batch in batched(frames, max(self.segmenter.ahead, 1)):
            self.segmenter.prepared.append([frame.index for frame in batch])
            yield from batch

    def _followed(
        self, frames: Iterable[Frame], memory: np.ndarray
    ) -> Generator[Followed[np.ndarray], None, None]:
        for frame in frames:
            self.segmenter.step(frame.index)
            small = cv2.resize(frame.image, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
            dull = np.partition(small, 1, axis=2)[..., 1]
            # a colour is bright where it stands above the other two
            logits = np.stack([(small[..., channel] - dull - 60) / 10 for channel in memory])
            scores, ious = (np.full(len(memory), value, np.float32) for value in (0.9, 0.95))
            yield Followed(frame, logits, scores, ious, memory)

    grid = GRID

    def appearance(self, memory: np.ndarray) -> np.ndarray:
        """Objects of one channel look the same."""
        return np.eye(3, dtype=np.float32)[memory]

    def freeze_queries(self, queries: np.ndarray) -> np.ndarray:
        return queries.astype(np.float32)

    def thaw_queries(self, data: np.ndarray) -> np.ndarray:
        return data.astype(int)

    def freeze(self, memory: np.ndarray) -> bytes:
        return memory.astype(np.int64).tobytes()

    def thaw(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data, np.int64)


class RememberingSession(FakeSession):
    """What it says about a frame depends on every frame before."""

    def condition(
        self,
        keyframes: Sequence[tuple[int, RGB]],
        queries: Sequence[np.ndarray],
        *,
        track_keyframes: bool = False,
    ) -> np.ndarray:
        channels = super().condition(keyframes, queries, track_keyframes=track_keyframes)
        return np.stack([channels.astype(np.float64), np.zeros(len(channels))])

    def _followed(
        self, frames: Iterable[Frame], memory: np.ndarray
    ) -> Generator[Followed[np.ndarray], None, None]:
        for one in super()._followed(frames, memory[0].astype(int)):
            memory = np.stack([memory[0], memory[1] * 0.9 + one.logits.mean()])
            logits = one.logits + memory[1][:, None, None].astype(np.float32) / 7
            yield Followed(one.frame, logits, one.scores, one.ious, memory)

    def appearance(self, memory: np.ndarray) -> np.ndarray:
        return super().appearance(memory[0].astype(int))

    def freeze(self, memory: np.ndarray) -> bytes:
        return memory.tobytes()

    def thaw(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data).reshape(2, -1)


class RememberingSegmenter(FakeSegmenter):
    """Its process is killed, or its run fails, when a frame's turn comes.

    Args:
        ahead: see ``FakeSegmenter``.
        killed_at: index of the frame at which the process is killed.
        killed_after: how many frames of any clip are followed before.
        fails_at: index of the frame at which the run fails.
        hook: called with the index of each frame.
    """

    def __init__(
        self,
        ahead: int = 1,
        *,
        killed_at: int | None = None,
        killed_after: int | None = None,
        fails_at: int | None = None,
        hook: Callable[[int], object] | None = None,
    ) -> None:
        super().__init__(ahead)
        self.killed_at, self.killed_after, self.fails_at, self.hook = killed_at, killed_after, fails_at, hook

    def open(self, *, still: bool = False) -> RememberingSession:
        return RememberingSession(self)

    def step(self, index: int) -> None:
        super().step(index)
        if self.hook is not None:
            self.hook(index)
        if index == self.killed_at or len(self.stepped) - 1 == self.killed_after:
            os.kill(os.getpid(), signal.SIGKILL)
        if index == self.fails_at:
            raise InputError("the disk was pulled out")


def load_remembering(_: ModelChoice, __: Placement) -> RememberingSegmenter:
    """Stands in for ``load_segmenter``, also in processes of their own."""
    return RememberingSegmenter()


def load_mortal(_: ModelChoice, __: Placement) -> RememberingSegmenter:
    """The same; the process that follows frame 5 while there is a file ``mortal`` takes it away and dies."""

    def hook(index: int) -> None:
        if index == 5 and Path("mortal").exists():
            if Path("mortal").read_text() != "always":
                Path("mortal").unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    return RememberingSegmenter(hook=hook)


def load_held(_: ModelChoice, __: Placement) -> RememberingSegmenter:
    """The same; while there is a file ``hold``, a clip waits at frame 6 and its process is known."""

    def hook(index: int) -> None:
        if index == 6 and Path("hold").exists():
            Path(f"held-{os.getpid()}").write_text(str(os.getpid()))
            while Path("hold").exists():
                threading.Event().wait(0.02)

    return RememberingSegmenter(hook=hook)


def load_fake(_: ModelChoice, __: Placement) -> FakeSegmenter:
    """Stands in for ``load_segmenter``."""
    return FakeSegmenter()


class FakeChat(FakeSegmenter):
    """Answers questions too: names each colour that it is asked for and marks it, or says what it can.

    It says "Yes." or "No." to a question that begins with "Is", by whether its pictures have the colour.
    """

    has_masks = True
    knows_regions = True

    def __init__(self, ahead: int = 1) -> None:
        super().__init__(ahead)
        self.questions: list[Question] = []
        self.generations: list[Generation] = []
        self.batches: list[int] = []

    def converse(self, generation: Generation) -> "FakeConversation":
        self.generations.append(generation)
        return FakeConversation(self)

    def answer_all(self, questions: Sequence[Question], generation: Generation) -> list[Reply]:
        self.batches.append(len(questions))
        return [self.converse(generation).ask(question) for question in questions]


class FakeConversation:
    """Remembers how often it was asked."""

    def __init__(self, engine: FakeChat) -> None:
        self.engine = engine
        self.asked: list[Question] = []

    def __len__(self) -> int:
        return len(self.asked)

    def undo(self) -> None:
        self.asked = self.asked[:-1]

    def ask(self, question: Question, listener: Listener | None = None) -> Reply:
        if "refuse" in question.text:
            raise UsageError("this cannot be asked")
        self.engine.questions.append(question)
        self.asked.append(question)
        colours = [colour for colour in CHANNELS if colour in question.text]
        pieces, mentions = ["It", " is"], []
        marked = "It is"
        if question.text.startswith("Is ") and "true" not in question.text:
            (colour,) = colours
            bright = [self._bright(image, colour) for one in question.pictures for image in one.images]
            pieces, marked, colours = (["Yes", "."] if any(bright) else ["No", "."]), "", []
        for colour in colours:
            begin = len("".join(pieces)) + 1
            mentions.append(Mention(f"the {colour}", begin, begin + len(colour) + 4))
            pieces += [f" the {colour}"]
            marked += f" <p>the {colour}</p> [SEG]"
        if not colours and marked:
            pieces += [" 好的。\x1b[31m"]
            marked += " 好的。"
        stop = "end"
        said = []
        for piece in pieces:
            said.append(piece)
            if listener and listener(piece) is False:
                stop = "interrupted"
                break
            if colours and len(said) > 2 and isinstance(listener, MarkListener):
                listener.mark(len(said) - 2)
        return Reply(
            text="".join(said),
            marked=f"{marked}<|im_end|>",
            token_ids=tuple(range(len(said))),
            prompt_tokens=100 * len(self.asked),
            read_tokens=100,
            seconds_to_first=0.25,
            seconds=0.5,
            stop=stop,
            queries=np.array([[CHANNELS[colour]] for colour in colours]).reshape(-1, 1),
            mentions=tuple(mentions),
        )

    @staticmethod
    def _bright(image: RGB, colour: str) -> bool:
        channel = CHANNELS[colour]
        others = np.delete(image.astype(int), channel, 2).max(2)
        return bool((image[..., channel].astype(int) > others + 60).any())


def load_fake_chat(_: ModelChoice, __: Placement) -> FakeChat:
    """Stands in for ``load_chat``."""
    return FakeChat()
