"""The routes: what comes in over HTTP as one call of a room, and what it gives as an answer.

No logic but that of HTTP. Handlers that are no coroutines run in threads of their own.
"""

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool as in_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sa2va_cli.errors import (
    InputError,
    ModelError,
    NothingFoundError,
    OutOfMemoryError,
    OutputError,
    Sa2VAError,
    UsageError,
)
from sa2va_cli.review.addresses import ADDRESSES, PREFIX, WIDEST_VIEW, description
from sa2va_cli.review.bodies import (
    ASK,
    DELIVER,
    NOTHING,
    PREPARE,
    PREVIEW,
    SAVE,
    SEGMENT,
    TRIAGE,
    parsed,
    parsed_edit,
)
from sa2va_cli.review.clip import OpenClip
from sa2va_cli.review.desk import BusyError, Desk, UnknownError
from sa2va_cli.review.events import Listener, encoded
from sa2va_cli.review.messages import problem_of
from sa2va_cli.review.ordering import table
from sa2va_cli.review.security import Access, Application, Guard

PAGE = Path(__file__).with_name("page")

_WHO = "Cookie, Authorization"
"""What pictures that a browser keeps depend on: the token is that of one run, which has its own clips."""

_CODES: tuple[tuple[type[Sa2VAError], int], ...] = (
    (UnknownError, 404),
    (BusyError, 429),
    (UsageError, 400),
    (InputError, 422),
    (NothingFoundError, 422),
    (OutputError, 409),
    (ModelError, 503),
    (OutOfMemoryError, 503),
)


def status_of(error: Sa2VAError) -> int:
    """The status of an answer that tells of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), 500)


def told(error: Exception) -> JSONResponse:
    """An error as an answer."""
    if isinstance(error, Sa2VAError):
        return JSONResponse(problem_of(error), status_of(error))
    if isinstance(error, HTTPException):
        return JSONResponse(problem_of(UsageError(error.detail)), error.status_code, headers=error.headers)
    return JSONResponse(problem_of(error), 500)


def application(desk: Desk, access: Access) -> Application:
    """The whole server.

    Args:
        desk: what was opened, and everything that is done with it.
        access: who may ask.
    """
    routes = Routes(desk)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            desk.close()

    inner = Starlette(
        routes=routes.table(),
        lifespan=lifespan,
        exception_handlers={
            Sa2VAError: lambda _, error: told(error),
            HTTPException: lambda _, error: told(error),
            Exception: lambda _, error: told(error),
        },
    )
    return Guard(inner, access)


class Page(StaticFiles):
    """The page's own files, which are looked at anew each time."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        """A file, which a browser may keep if it asks whether it is still the same."""
        response = super().file_response(*arguments, **named)
        response.headers["cache-control"] = "no-cache"
        return response


class Routes:
    """What answers each address.

    Args:
        desk: what was opened.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def table(self) -> list[Route | Mount]:
        """All routes."""
        api = [
            Route(one.path, getattr(self, one.name), methods=[one.method], name=one.name) for one in ADDRESSES
        ]
        return [Mount(PREFIX, routes=api), Mount("/", Page(directory=PAGE, html=True, check_dir=False))]

    def description(self, _: Request) -> Response:
        """What can be asked."""
        return JSONResponse(description())

    def clips(self, _: Request) -> Response:
        """All clips."""
        return JSONResponse(self._desk.overview())

    def clip(self, request: Request) -> Response:
        """One clip."""
        return JSONResponse(self._desk.describe(request.path_params["clip"]))

    def frame(self, request: Request) -> Response:
        """A picture."""
        clip, index, width = self._seen(request)
        etag = f'"{clip.clip.id}-{index}-{width or 0}"'
        headers = {"ETag": etag, "Cache-Control": "private, max-age=86400, immutable", "Vary": _WHO}
        if index:  # the first one is there whatever else is not known yet
            clip.check_frame(index)
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(clip.picture(index, width), media_type="image/jpeg", headers=headers)

    def masks(self, request: Request) -> Response:
        """Masks."""
        clip, index, width = self._seen(request)
        data, objects = clip.masks(index, width)
        headers = {"X-Objects": ",".join(map(str, objects)), "Cache-Control": "no-store"}
        return Response(data, media_type="image/png", headers=headers)

    def alphas(self, request: Request) -> Response:
        """Masks, as a page draws them soonest: no picture is made, and none has to be read."""
        clip, index, width = self._seen(request)
        alphas, objects = clip.alphas(index, width)
        headers = {
            "X-Objects": ",".join(map(str, objects)),
            "X-Size": f"{alphas.shape[2]}x{alphas.shape[1]}",
            "Content-Encoding": "deflate",
            "Cache-Control": "no-store",
        }
        return Response(
            zlib.compress(alphas.tobytes(), 1), media_type="application/octet-stream", headers=headers
        )

    def thumbnail(self, request: Request) -> Response:
        """A small picture."""
        data = self._clip(request).thumbnail(number(request, "frame", 0, 1 << 31))
        headers = {"Cache-Control": "private, max-age=86400", "Vary": _WHO}
        return Response(data, media_type="image/jpeg", headers=headers)

    async def events(self, _: Request) -> Response:
        """News, for as long as somebody listens."""
        return StreamingResponse(self._desk.events.stream(), media_type="text/event-stream")

    async def edit(self, request: Request) -> Response:
        """An edit."""
        kind, body = parsed_edit(await request.body())
        return JSONResponse(await in_thread(self._desk.edit, _id(request), kind, body), 202)

    async def prepare(self, request: Request) -> Response:
        """Makes corrections quick."""
        body = parsed(await request.body(), PREPARE)
        return JSONResponse(await in_thread(self._desk.prepare, _id(request), body["frame"]), 202)

    async def undo(self, request: Request) -> Response:
        """Takes an edit back."""
        parsed(await request.body(), NOTHING)
        return JSONResponse(await in_thread(self._desk.undo, _id(request)))

    async def redo(self, request: Request) -> Response:
        """Does an edit again."""
        parsed(await request.body(), NOTHING)
        return JSONResponse(await in_thread(self._desk.redo, _id(request)))

    async def save(self, request: Request) -> Response:
        """Writes the tracks."""
        body = parsed(await request.body(), SAVE)
        return JSONResponse(await in_thread(self._desk.save, _id(request), body.get("name")))

    async def segment(self, request: Request) -> Response:
        """Looks for things."""
        body = parsed(await request.body(), SEGMENT)
        return JSONResponse(await in_thread(self._desk.segment, _id(request), body["prompts"]), 202)

    async def triage(self, request: Request) -> Response:
        """Decides about a clip."""
        body = parsed(await request.body(), TRIAGE)
        return JSONResponse(
            await in_thread(self._desk.decide, _id(request), body["status"], body.get("reason"))
        )

    def sound(self, request: Request) -> Response:
        """The sound of a clip, of which a part may be asked for."""
        try:
            path = self._clip(request).sound()
        except InputError as error:
            raise HTTPException(404, str(error)) from error
        return FileResponse(path, media_type="audio/ogg", headers={"Cache-Control": "private, max-age=3600"})

    async def ask(self, request: Request) -> Response:
        """An answer, as it comes."""
        body = parsed(await request.body(), ASK)
        listener = Listener()

        job = await in_thread(self._desk.ask, _id(request), body, listener.tell)

        async def answer() -> AsyncIterator[bytes]:
            try:
                yield encoded({"ask": job.id})
                async for data in listener.events():
                    yield data
            finally:  # whoever goes away does not want the rest
                self._desk.worker.cancel(job)

        return StreamingResponse(answer(), media_type="text/event-stream")

    async def hush(self, request: Request) -> Response:
        """Ends an answer."""
        return JSONResponse(await in_thread(self._desk.cancel, request.path_params["job"]))

    def outputs(self, _: Request) -> Response:
        """What can be delivered."""
        return JSONResponse(table())

    async def deliver(self, request: Request) -> Response:
        """Delivers."""
        body = parsed(await request.body(), DELIVER)
        return JSONResponse(await in_thread(self._desk.deliver, _id(request), body), 202)

    async def preview(self, request: Request) -> Response:
        """One frame of what would be delivered."""
        body = parsed(await request.body(), PREVIEW)
        data = await in_thread(self._desk.preview, _id(request), body)
        return Response(data, media_type="image/png")

    def job(self, request: Request) -> Response:
        """A job."""
        return JSONResponse(self._desk.job(request.path_params["job"]).document())

    async def cancel(self, request: Request) -> Response:
        """Ends a job."""
        parsed(await request.body(), NOTHING)
        return JSONResponse(await in_thread(self._desk.cancel, request.path_params["job"]))

    async def show_folder(self, request: Request) -> Response:
        """Shows where files lie."""
        parsed(await request.body(), NOTHING)
        return JSONResponse(await in_thread(self._desk.show_folder, request.path_params["job"]))

    def _clip(self, request: Request) -> OpenClip:
        return self._desk.clip(request.path_params["clip"])

    def _seen(self, request: Request) -> tuple[OpenClip, int, int | None]:
        index = request.path_params["frame"]
        return self._clip(request), index, number(request, "width", 16, WIDEST_VIEW)


def _id(request: Request) -> str:
    return str(request.path_params["clip"])


def number(request: Request, name: str, least: int, most: int) -> int | None:
    """A whole number from the address; None where it is not there.

    Raises:
        UsageError: it is none, or too large or too small.
    """
    given = request.query_params.get(name)
    if given is None:
        return None
    if not given.isascii() or not given.isdecimal() or len(given) > 10 or not least <= int(given) <= most:
        raise UsageError(f"{name}={given[:40]!r} cannot be meant; give a whole number from {least} to {most}")
    return int(given)
