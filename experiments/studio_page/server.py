"""The server: HTTP around a `studio.Studio`, with everything guarded at the door."""
# An extra, which need not be installed where types are checked.
# pyright: reportMissingImports=false

import asyncio
import contextlib
import json
import logging
import pathlib
import urllib.parse

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from experiments.studio_page import safety
from experiments.studio_page.page_actions import File, Studio
from experiments.studio_page.visits import Visit

STATIC = pathlib.Path(__file__).parent / "static"
_VISIT, _TOKEN = "studio_visit", "studio_token"
_MAX_JSON = 64 << 10
_PATIENCE = 20.0  # seconds that a question for news waits
_SWEEP = 10.0
_HEADERS = {
    "Content-Security-Policy": (
        # Drivers of browsers evaluate texts; where scripts come from is strict.
        "default-src 'self'; script-src 'self' 'unsafe-eval';"
        " img-src 'self' data: blob:; media-src 'self' blob:;"
        " connect-src 'self' blob:;"
        " style-src 'self' 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_GONE = "This visit has ended, and its pictures are gone. Reload the page to begin one."


class Server:
    """The application.

    Args:
      studio: what answers.
      door: who may come in.
    """

    def __init__(self, studio: Studio, door: safety.Door):
        self.studio, self.door = studio, door
        self.is_closing = False
        self.app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/static/{name}", self.static),
                Route("/api/news", self.news),
                Route("/api/picture/{kind}/{name}", self.picture),
                Route("/api/upload/{kind}", self.upload, methods=["POST"]),
                Route("/api/leave", self.leave, methods=["POST"]),
                Route("/api/end", self.end, methods=["POST"]),
                Route("/api/{action}", self.act, methods=["POST"]),
            ],
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app):
        del app
        self.studio.start()
        sweeper = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            self.is_closing = True
            sweeper.cancel()
            await run_in_threadpool(self.studio.close)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            await run_in_threadpool(self.studio.visits.sweep)

    # Who is there.

    def _may_enter(self, request: Request) -> bool:
        if not self.door.knows_host(request.headers.get("host", "")):
            return False
        if not self.door.is_public:
            return True
        given = request.query_params.get("token") or request.cookies.get(_TOKEN, "")
        return self.door.opens(given)

    def _is_own(self, request: Request) -> bool:
        """Whether a request that changes something came from our page."""
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site", "none") in (
                "same-origin",
                "none",
            )
        return urllib.parse.urlsplit(origin).netloc == request.headers.get("host")

    def _visit(self, request: Request) -> Visit | None:
        if not self._may_enter(request):
            return None
        return self.studio.visits.find(request.cookies.get(_VISIT, ""))

    async def page(self, request: Request) -> Response:
        """The page; a visit begins with it."""
        if not self._may_enter(request):
            text = (STATIC / "locked.html").read_text("utf-8")
            return _answer(text.encode(), "text/html", status=403)
        if "token" in request.query_params:  # out of the address, into a cookie
            response: Response = Response(status_code=303, headers={"Location": "./"})
            _set_cookie(response, _TOKEN, request.query_params["token"])
            return response
        response = FileResponse(STATIC / "index.html", headers=_HEADERS)
        if self.studio.visits.find(request.cookies.get(_VISIT, "")) is None:
            try:
                visit = await run_in_threadpool(self.studio.visits.begin)
            except safety.Refusal as refusal:
                return _answer(str(refusal).encode(), "text/plain", status=503)
            _set_cookie(response, _VISIT, visit.id)
        return response

    async def static(self, request: Request) -> Response:
        """The page's own files; nothing of them is secret."""
        name = request.path_params["name"]
        known = {path.name for path in STATIC.iterdir()}
        if name not in known or not self.door.knows_host(request.headers["host"]):
            return _answer(b"Not found.", "text/plain", status=404)
        return FileResponse(STATIC / name, headers=_HEADERS)

    async def leave(self, request: Request) -> Response:
        """The page was closed."""
        visit = self._visit(request)
        if visit is not None and self._is_own(request):
            self.studio.visits.leave(visit)
        return _answer(b"{}", "application/json")

    async def end(self, request: Request) -> Response:
        """Ends a visit at once."""
        visit = self._visit(request)
        if visit is not None and self._is_own(request):
            await run_in_threadpool(self.studio.visits.end, visit)
        response = _answer(b"{}", "application/json")
        response.delete_cookie(_VISIT)
        return response

    # What they ask.

    async def news(self, request: Request) -> Response:
        """The state, once it is another than the page has."""
        visit = self._visit(request)
        if visit is None:
            return _told(_GONE, ended=True)
        since = request.query_params.get("since", "")
        for _ in range(int(_PATIENCE / 0.1)):
            if str(visit.version) != since or self.is_closing or visit.is_over:
                break
            await asyncio.sleep(0.1)
        return JSONResponse(
            await run_in_threadpool(self.studio.state, visit), headers=_HEADERS
        )

    async def picture(self, request: Request) -> Response:
        """A picture that the page shows."""
        visit = self._visit(request)
        if visit is None:
            return _told(_GONE, ended=True)
        kind, name = request.path_params["kind"], request.path_params["name"]
        return await self._guarded(visit, self.studio.picture, visit, kind, name)

    async def act(self, request: Request) -> Response:
        """One of the studio's actions."""
        action = self.studio.actions.get(request.path_params["action"])
        visit = self._visit(request)
        if visit is None or not self._is_own(request):
            return _told(_GONE, ended=True)
        if action is None:
            return _told("The studio has no such action.")
        try:
            values = json.loads(await _body(request, _MAX_JSON) or b"{}")
            if not isinstance(values, dict):
                raise ValueError
        except (ValueError, RecursionError, ClientDisconnect):
            return _told("What the page sent could not be understood; reload it.")
        return await self._guarded(visit, action, visit, values)

    async def upload(self, request: Request) -> Response:
        """A file that a visitor sends."""
        take = self.studio.uploads.get(request.path_params["kind"])
        visit = self._visit(request)
        if visit is None or not self._is_own(request):
            return _told(_GONE, ended=True)
        if take is None:
            return _told("The studio takes no such files.")
        name = safety.shown_name(request.query_params.get("name", ""))
        limit = self.studio.limits.max_bytes
        try:
            content = await _body(request, limit)
        except ClientDisconnect:
            return _told("The upload was interrupted.")
        if content is None:
            return _told(f"{name} has more than {limit >> 20} MiB; send a smaller one.")
        return await self._guarded(visit, take, visit, content, name)

    async def _guarded(self, visit: Visit, work, *arguments) -> Response:
        """What `work` answers; a failure as a sentence."""
        try:
            answer = await run_in_threadpool(work, *arguments)
        except Exception as error:  # told, whatever it is: the page lives on
            if not isinstance(error, ValueError):
                logging.getLogger(__name__).info("An action failed.", exc_info=error)
            return _told(safety.sentence(error, visit.shown_names()))
        if isinstance(answer, File):
            return _file(answer)
        return JSONResponse(answer, headers=_HEADERS)


async def _body(request: Request, limit: int) -> bytes | None:
    """The request's content; None, and no more of it is read, beyond a limit."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > limit:
            return None
    return bytes(content)


def _file(answer: File) -> Response:
    headers = {"X-Command": urllib.parse.quote(answer.command)}
    if answer.name:
        headers["Content-Disposition"] = f'attachment; filename="{answer.name}"'
    return _answer(answer.content, answer.media_type, headers=headers)


def _told(text: str, **more: object) -> Response:
    """A sentence. The status is 200: browsers note others as errors of the page."""
    return JSONResponse({"error": text, **more}, headers=_HEADERS)


def _answer(
    content: bytes, media_type: str, *, status: int = 200, headers=()
) -> Response:
    all_headers = {**_HEADERS, **dict(headers)}
    return Response(
        content, status_code=status, media_type=media_type, headers=all_headers
    )


def _set_cookie(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, httponly=True, samesite="strict")
