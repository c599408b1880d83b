"""The HTTPS server that kopf is given instead of its own.

kopf's own takes bodies of 1 MiB at most and closes its socket to change a
certificate. kopf still decides which handler a review goes to.
"""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import kopf
import structlog
from aiohttp import web

from phiwarden.admission import envelope
from phiwarden.admission.keeping import Keeper
from phiwarden.rulebook.feedback import KINDS

log = structlog.get_logger(__name__)

PATH: Final = "/review"

MAX_BODY: Final = 7 * 2**20
"""Bytes of a review: an object of 3 MiB, the API server's limit, as it was and as it is to be."""

_IDLE: Final = 120.0
"""Seconds after which an idle connection is closed; API servers do it after 90."""

_SERVED: Final = frozenset((kind.group, kind.version, kind.plural) for kind in KINDS)

SPOKEN_OF: Final = ("", "v1", "pods")
"""What kopf takes every review to be about. It knows the kinds of a cluster as they were when it
started; this one is always there, and kinds of the Gateway API may come later."""

under_review: Final[ContextVar[envelope.Request]] = ContextVar("under_review")
"""The request that kopf's handler is called for."""

Respond = Callable[..., Awaitable[Any]]
"""kopf's function that answers a review."""


@dataclass
class Server:
    """Serves reviews, /healthz and /readyz.

    Attributes:
        address: to listen at.
        port: to listen at.
        keeper: brings the certificate; nothing is served before there is one.
        ready: whether reviews can be answered.
        alive: whether everything runs that must.
    """

    address: str
    port: int
    keeper: Keeper
    ready: Callable[[], bool]
    alive: Callable[[], bool]

    async def __call__(self, respond: Respond) -> AsyncIterator[kopf.WebhookClientConfig]:
        """Serve until cancelled, as kopf expects of a server."""
        await self.keeper.loaded.wait()
        app = web.Application(client_max_size=MAX_BODY, middlewares=[_orderly])
        app.add_routes(
            [
                web.post(PATH, _review(respond)),
                web.get("/healthz", _probe(self.alive)),
                web.get("/readyz", _probe(self.ready)),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=_IDLE)
        await runner.setup()
        try:
            site = web.TCPSite(
                runner, self.address, self.port, ssl_context=self.keeper.context, backlog=1024
            )
            await site.start()
            log.info("admission.serving", port=self.port)
            # kopf would write this into a configuration of its own; the chart owns ours.
            yield kopf.WebhookClientConfig()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _review(respond: Respond) -> Handler:
    async def handle(http: web.Request) -> web.Response:
        began = time.perf_counter()
        body = await http.read()
        try:
            request = envelope.read(body)
        except envelope.BadReview as bad:
            return _json(400, envelope.status(400, str(bad)))
        reply = await answer(respond, request)
        took = round((time.perf_counter() - began) * 1000, 2)
        log.debug("review.answered", bytes=len(body), milliseconds=took)
        return _json(200, reply)

    return handle


async def answer(respond: Respond, request: envelope.Request) -> envelope.Answered:
    """Return kopf's answer. Whatever goes wrong lets the API server's own policies decide."""
    resource = request.resource
    if (resource.group, resource.version, resource.resource) not in _SERVED:
        return envelope.allowed(request)
    under_review.set(request)
    try:
        reply: envelope.Answered = await respond(_for_kopf(request))
    except Exception as error:  # noqa: BLE001 - a fault here must refuse nobody
        failed(error)
        return envelope.allowed(request)
    refused = reply["response"].get("status")
    if refused is not None:
        refused["reason"] = "Forbidden"
    return reply


def _for_kopf(request: envelope.Request) -> dict[str, Any]:
    """Return a review by which kopf finds the handler, and no more.

    kopf copies an object to see whether handlers change it, compares it with
    its former self, and remembers the uid of each update for ever. What it is
    never shown costs none of this.
    """
    return {
        "apiVersion": envelope.VERSION,
        "kind": envelope.KIND,
        "request": {
            "uid": request.uid,
            "resource": dict(zip(("group", "version", "resource"), SPOKEN_OF, strict=True)),
            "operation": request.operation,
            "userInfo": {"username": request.user.username},
            "object": {"metadata": {}},
        },
    }


def failed(error: Exception) -> None:
    """Log a fault by its kind and place: its words may quote an object."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error("review.failed", error=type(error).__name__, at=f"{frame.name}:{frame.lineno}")


def _probe(holds: Callable[[], bool]) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if holds() else web.Response(status=503, text="not yet\n")

    return handle


@web.middleware
async def _orderly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what cannot be served in the form that the API server answers in."""
    try:
        response = await handler(request)
    except web.HTTPRequestEntityTooLarge:
        response = _json(413, envelope.status(413, f"a review has {MAX_BODY} bytes at most"))
    except web.HTTPMethodNotAllowed as error:
        allow = ", ".join(sorted(error.allowed_methods))
        response = _json(405, envelope.status(405, f"only {allow} here"))
        response.headers["Allow"] = allow
    except web.HTTPNotFound:
        response = _json(404, envelope.status(404, f"reviews are answered at {PATH}"))
    if 400 <= response.status < 500:
        log.warning("request.malformed", code=response.status, bytes=request.content_length)
    return response


def _json(code: int, content: envelope.Answered) -> web.Response:
    return web.Response(
        status=code, body=json.dumps(content).encode(), content_type="application/json"
    )
