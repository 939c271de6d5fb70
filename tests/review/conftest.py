"""A server over a small clip in which a red and a green square move, found by the fake network."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fakes import FakeChat
from starlette.testclient import TestClient

from sa2va_cli.datatypes import Prompt
from sa2va_cli.outputs.saving import Saving
from sa2va_cli.pipeline.job import SegmentJob
from sa2va_cli.pipeline.search import Search
from sa2va_cli.pipeline.segmentation import segment
from sa2va_cli.review.desk import Desk
from sa2va_cli.review.engine import Engine
from sa2va_cli.review.project import opened_project
from sa2va_cli.review.security import Access
from sa2va_cli.review.server import application
from sa2va_cli.runtime.choice import ModelChoice

FRAMES, SIZE = 12, (96, 64)
TOKEN = "a-token-for-these-tests"
API = "/api/v1"


def frame(index: int) -> np.ndarray:
    """A red square that moves right, a green one that moves down."""
    image = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    image[8:24, 8 + 4 * index : 24 + 4 * index] = (230, 20, 20)
    image[20 + 2 * index : 36 + 2 * index, 70:86] = (20, 220, 20)
    return image


def encode(path: Path, frames: Iterable[np.ndarray], size=SIZE, rate: int = 12, **options: str) -> Path:
    """Writes pictures as H.264."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"g": "6", "crf": "10", **options})
        stream.pix_fmt, (stream.width, stream.height) = "yuv420p", size
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip and its tracks, to be copied."""
    folder = tmp_path_factory.mktemp("clip")
    encode(folder / "clip.mp4", [frame(index) for index in range(FRAMES)])
    job = SegmentJob(
        str(folder / "clip.mp4"),
        Search((Prompt(1, "red"), Prompt(1, "green")), reground="off"),
        ModelChoice(name="fake"),
        Saving(("tracks",), f"{folder}/clip.tracks.sa2va"),
    )
    segment(job, load=lambda *_: FakeChat())
    return folder


@pytest.fixture
def place(folder: Path, clip_folder: Path) -> Path:
    """The same folder, of this test's own: the current one."""
    for file in clip_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


class Server:
    """A server that runs in this process.

    Args:
        opened: what is looked at.
        engine: what corrects it.
    """

    def __init__(self, opened: str, engine: FakeChat | None = None, **settings: Any) -> None:
        self.chat = engine or FakeChat()
        choice = Engine(ModelChoice(name="fake"), lambda *_: self.chat)
        self.connect(Desk(opened_project(opened), choice, **settings))

    def connect(self, desk: Desk) -> None:
        """Serves a desk, and makes a client of it."""
        self.desk, self.access = desk, Access("127.0.0.1", 8000, TOKEN)
        self.client = TestClient(
            application(self.desk, self.access),
            base_url="http://127.0.0.1:8000",
            headers={"Authorization": f"Bearer {TOKEN}"},
            raise_server_exceptions=False,
        )

    def get(self, path: str, code: int = 200, **settings: Any) -> Any:
        """What a route says, as JSON."""
        answer = self.client.get(API + path, **settings)
        assert answer.status_code == code, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, code: int | None = None) -> Any:
        """What a route says to a body."""
        answer = self.client.post(API + path, json={} if body is None else body)
        assert answer.status_code == code if code else answer.status_code < 300, answer.text
        return answer.json()

    @property
    def id(self) -> str:
        """Of the only clip."""
        (clip,) = self.get("/clips")["clips"]
        return clip["id"]

    def clip(self) -> Any:
        """All about the only clip."""
        return self.get(f"/clips/{self.id}")

    def edit(self, kind: str, **body: Any) -> Any:
        """Makes an edit of the only clip."""
        return self.post(f"/clips/{self.id}/edits", {"type": kind, **body})

    def masks(self, index: int) -> dict[int, np.ndarray]:
        """The masks of a frame by object."""
        import cv2

        answer = self.client.get(f"{API}/clips/{self.id}/masks/{index}")
        assert answer.status_code == 200, answer.text
        stacked = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_GRAYSCALE)
        numbers = [int(one) for one in answer.headers["x-objects"].split(",") if one]
        rows = stacked.reshape(-1, SIZE[1], SIZE[0])
        return {number: rows[place] > 127 for place, number in enumerate(numbers)}

    def until(self, holds: Callable[[], Any], seconds: float = 120) -> Any:
        """Waits until something holds, and returns it."""
        end = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < end, "it did not come to hold"
            time.sleep(0.01)
        return found

    def done(self, job: str) -> Any:
        """Waits for a job to end, and returns it."""
        return self.until(
            lambda: (one := self.get(f"/jobs/{job}"))["state"] not in ("waiting", "running") and one
        )

    def surveyed(self) -> Any:
        """The clip, once everything is known of it."""
        return self.until(lambda: (one := self.clip())["surveyed"] and one)

    def close(self) -> None:
        """Ends it, as Ctrl-C does."""
        self.desk.close()


Serve = Callable[..., Server]


@pytest.fixture
def serve(place: Path) -> Iterator[Serve]:
    """Makes servers, and ends them."""
    made: list[Server] = []

    def make(opened: str = "clip.tracks.sa2va", engine: FakeChat | None = None, **settings: Any) -> Server:
        made.append(Server(opened, engine, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
