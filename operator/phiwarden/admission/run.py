"""The webhook's life: kopf is the process shell and leads reviews to their handler."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kopf

from phiwarden.admission.answer import SILENCE, Answer, attempt_of
from phiwarden.admission.envelope import Request
from phiwarden.admission.keeping import FolderKeeper, Keeper, OwnKeeper
from phiwarden.admission.review import Reviewer
from phiwarden.admission.server import SPOKEN_OF, Server, failed, under_review
from phiwarden.admission.settings import Settings
from phiwarden.admission.zones import Zones
from phiwarden.cluster.client import Api
from phiwarden.cluster.login import login
from phiwarden.rulebook.evaluate import Judge, judge_with
from phiwarden.rulebook.own import read, rules_of

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    """Return the time. Nothing else in the webhook asks the machine for it."""
    return dt.datetime.now(dt.UTC)


@dataclass
class Feedback:
    """Everything that runs while the webhook does."""

    settings: Settings
    judge: Judge
    clock: Clock = utc_now
    _api: Api | None = None
    _zones: Zones | None = None
    _reviewer: Reviewer | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> Keeper:
        """Begin to follow the zones and to keep the certificate, which is returned."""
        api = self._api = await Api.connect()
        zones = self._zones = Zones(api)
        self._reviewer = Reviewer(zones, self.judge, self._trusted, self.clock)
        own = self.settings.certificates
        keeper = FolderKeeper(own) if isinstance(own, Path) else OwnKeeper(api, own, self.clock)
        # What is here by now stays. Looking through it again and again would delay reviews.
        gc.collect()
        gc.freeze()
        self._spawn(zones.reflector.run(), "watch of zones")
        self._spawn(keeper.run(), "certificates")
        return keeper

    async def stop(self) -> None:
        """End every task and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._api is not None:
            await self._api.close()
            self._api = None

    def ready(self) -> bool:
        """Return whether every zone is known."""
        return self.alive() and self._zones is not None and self._zones.synced

    def alive(self) -> bool:
        """Return whether everything still runs that must run for ever."""
        return not any(task.done() for task in self._tasks)

    async def review(self, request: Request) -> Answer:
        """Return the answer to a request; a fault here refuses nobody."""
        assert self._reviewer is not None  # kopf serves only after it was started
        try:
            return await self._reviewer.review(attempt_of(request))
        except Exception as error:  # noqa: BLE001 - kopf would refuse, where a policy must decide
            failed(error)
            return SILENCE

    def _trusted(self, username: str, groups: frozenset[str]) -> bool:
        return username == self.settings.operator or bool(groups & self.settings.exempt_groups)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))


def run(settings: Settings, *, address: str, port: int, clock: Clock = utc_now) -> None:
    """Run the webhook until it is asked to end (SIGTERM, SIGINT).

    Args:
        settings: what the chart says.
        address: to listen at.
        port: to listen at.
        clock: asked for the time.

    Raises:
        RulebookError: the platform team's own rules cannot be read, or do not compile.
    """
    own_rules = () if settings.rules is None else rules_of(read(settings.rules))
    # kopf logs every refusal as an error of the handler, with the whole message.
    logging.getLogger("kopf.objects").setLevel(logging.CRITICAL)
    registry = kopf.OperatorRegistry()
    _register(registry, Feedback(settings, judge_with(own_rules), clock), address, port)
    kopf.run(registry=registry, standalone=True, clusterwide=True)


def _register(registry: kopf.OperatorRegistry, feedback: Feedback, address: str, port: int) -> None:
    @kopf.on.startup(id="start", backoff=2, registry=registry)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True
        keeper = await feedback.start()
        settings.admission.server = Server(
            address, port, keeper, ready=feedback.ready, alive=feedback.alive
        )

    @kopf.on.cleanup(id="stop", registry=registry)
    async def stop(**_: Any) -> None:
        await feedback.stop()

    kopf.on.login(id="login", registry=registry)(login)

    async def review(warnings: list[str], **_: Any) -> None:
        answer = await feedback.review(under_review.get())
        warnings.extend(answer.warnings)
        if not answer.allowed:
            raise kopf.AdmissionError(answer.message, code=403)

    # In the mutating phase, which runs before the policies; nothing is ever changed.
    kopf.on.mutate(*SPOKEN_OF, id="review", subresource="*", registry=registry)(review)
