"""The controller's life: kopf is the process shell and watches the declarations."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import kopf
import structlog

from phiwarden import __version__
from phiwarden.api import names
from phiwarden.cluster.client import Api
from phiwarden.cluster.events import Recorder
from phiwarden.cluster.login import login
from phiwarden.cluster.optional import Optional
from phiwarden.cluster.reflector import Reflector
from phiwarden.controller.alarms import Alarms
from phiwarden.controller.apply import Applier
from phiwarden.controller.audit import Auditor
from phiwarden.controller.backups import Backups
from phiwarden.controller.budgets import BudgetObserver
from phiwarden.controller.calendar import Clock, follow_calendar
from phiwarden.controller.enforcement import Enforcement
from phiwarden.controller.exceptions import ExceptionObserver, Exceptions
from phiwarden.controller.histories import WRITERS, Histories
from phiwarden.controller.isolation import Isolation
from phiwarden.controller.memoryless import NoDiffBase, NoProgress
from phiwarden.controller.observe import Observer
from phiwarden.controller.pace import Pace
from phiwarden.controller.pods import PodObserver
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.reconcile import Reconciler
from phiwarden.controller.releases import ReleaseObserver, Releases
from phiwarden.controller.reliance import Reliance
from phiwarden.controller.remedy import Remedy
from phiwarden.controller.restarts import Restarts
from phiwarden.controller.rollouts import Rollouts
from phiwarden.controller.secrets import SecretObserver
from phiwarden.controller.settings import Settings
from phiwarden.controller.state import State
from phiwarden.controller.stores import StorageObserver
from phiwarden.controller.teardown import Teardown
from phiwarden.controller.telling import Teller
from phiwarden.controller.ways_back import SCOUTS, WaysBack
from phiwarden.controller.workqueue import WorkQueue
from phiwarden.rulebook.chart import installed
from phiwarden.rulebook.evaluate import Judge, judge_with
from phiwarden.rulebook.exceptions import exceptable
from phiwarden.rulebook.model import Rule
from phiwarden.rulebook.own import read, rules_of

log = structlog.get_logger(__name__)

RECONCILERS: Final = 16
AUDITORS: Final = 8
TURNS: Final = 4

FIRST_AUDIT: Final = 30.0
"""Seconds that the first look at what runs may take before declarations are reconciled."""


def utc_now() -> dt.datetime:
    """Return the time. Nothing else in the controller asks the machine for it."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class _Work:
    """What has to be run."""

    queues: Queues
    pods: PodObserver
    histories: Histories
    alarms: Alarms[AuditKey]


class Forever:
    """Delays between attempts that never run out: an API server may be away for hours."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.25
        while True:
            yield delay
            delay = min(delay * 2, 10.0)


@dataclass
class Controller:
    """Everything that runs while the controller does."""

    settings: Settings
    judge: Judge
    own_rules: tuple[Rule, ...]
    clock: Clock = utc_now
    state: State = field(default_factory=State)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _look_again: Callable[[str], None] | None = None
    _api: Api | None = None
    _optional: Optional | None = None

    async def start(self) -> None:
        """Begin; one that fails leaves nothing behind, since kopf tries again."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            self.state = State()
            raise

    async def _start(self) -> None:
        """Connect, look at everything once, judge what runs, and begin to reconcile."""
        api = self._api = await Api.connect()
        alarms: Alarms[str] = Alarms(self.clock)
        reliance = Reliance(api, self.state)
        work = self._work(api, alarms, reliance)
        queues = work.queues
        pods = work.pods
        self.state.watches_secrets = self.settings.watch_secrets
        enforcement = Enforcement(
            installed(self.settings.username, self.settings.exempt_groups, self.own_rules)
        )
        self._look_again = queues.workloads.add
        stores = StorageObserver(self.state, queues)
        secrets = SecretObserver(self.state, queues, self.clock, stores.keys_of_secret)
        observer = Observer(
            self.state,
            queues,
            enforcement,
            self.clock,
            stores,
            secrets,
            BudgetObserver(self.state, queues),
            ExceptionObserver(self.state, queues),
            ReleaseObserver(self.state, queues),
            pods,
        )
        boundary, running = observer.reflectors(api)
        self._optional = observer.optional(api)
        await self._follow([self._optional.reflector()])
        await self._optional.synced()
        await self._follow(boundary)
        observer.check_enforcement()
        await work.histories.load()
        # As it is now: what changes during the first audit is looked at again.
        self.state.judged.update(
            {name: self.state.measure(name, zone) for name, zone in self.state.boundaries.items()}
        )
        await self._follow(running)
        for reflector in pods.reflectors():
            await self._follow([reflector])
        self._spawn(pods.run(), "pods")
        self._spawn(queues.audits.run(AUDITORS), "audits")
        self._spawn(work.histories.queue.run(WRITERS), "histories")
        self._spawn(work.histories.look_for_kind(), "kind of histories")
        if await self._first_audit(queues, pods):
            observer.drop_gone_quarantine()
        await reliance.release()
        self._spawn(pods.keep_quarantine(), "quarantine")
        self._spawn(queues.workloads.run(RECONCILERS), "reconcile")
        self._spawn(queues.turns.run(TURNS), "turns")
        self._spawn(queues.ways.run(SCOUTS), "ways back")
        self._spawn(work.alarms.run(queues.turns.add), "rollouts")
        self._spawn(follow_calendar(self.state, queues, self.clock), "calendar")
        self._spawn(alarms.run(queues.workloads.add), "alarms")
        log.info("controller.ready", version=__version__, workloads=len(self.state.workloads))

    async def stop(self) -> None:
        """End every task and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._optional is not None:
            await self._optional.stop()
            self._optional = None
        if self._api is not None:
            await self._api.close()
            self._api = None

    def seen(self, event: kopf.RawEvent) -> None:
        """Look at a PHIWorkload again that kopf tells of.

        What it says is taken from a watch of our own: kopf's does not tell of
        objects that went while it was interrupted.
        """
        assert self._look_again is not None  # kopf watches only after it was started
        self._look_again(event["object"]["metadata"]["name"])

    def check(self) -> None:
        """Raise if a task that must run for ever has ended.

        Raises:
            kopf.PermanentError: with the name of the task.
        """
        optional = () if self._optional is None else self._optional.tasks()
        for task in (*self._tasks, *optional):
            if task.done():
                raise kopf.PermanentError(f"{task.get_name()} has ended")

    def _work(self, api: Api, alarms: Alarms[str], reliance: Reliance) -> _Work:
        recorder = Recorder(api, self.clock)

        # The queues and those who work on them know each other.
        async def reconcile(name: str) -> None:
            await reconciler.reconcile(name)

        async def audit(key: AuditKey) -> None:
            await auditor.audit(key)

        async def take(key: AuditKey) -> None:
            await auditor.take(key)

        async def scout(key: AuditKey) -> None:
            await ways_back.scout(key)

        def ask(key: AuditKey) -> None:
            queues.turns.add(key)

        def order(key: AuditKey) -> tuple[int, ...]:
            return remedy.order(key)

        def standing(key: AuditKey) -> None:
            halted = tuple(sorted(map(str, pace.failed))) if pace.halted else ()
            if halted != self.state.halted:
                self.state.halted = halted
                touch_all()
            remedy.touch(key)

        def touch_all() -> None:
            for name in self.state.workloads:
                queues.workloads.add(name)

        def unremembered() -> None:
            self.state.unremembered = histories.missing
            touch_all()

        pace = Pace(self.settings.limits, self.clock, ask, standing)
        queues = Queues(
            WorkQueue("reconcile", reconcile),
            WorkQueue("audit", audit),
            WorkQueue("turn", take, order=order, gate=pace.turn),
            WorkQueue("way back", scout),
        )
        pods = PodObserver(api, self.state, queues)
        histories = Histories(api, unremembered)
        isolation = Isolation(api, self.state)
        teller = Teller(self.state, queues, recorder, self.clock)
        object_alarms: Alarms[AuditKey] = Alarms(self.clock)
        rollouts = Rollouts(
            api, self.state, histories, isolation, pace, teller, object_alarms, self.clock
        )
        remedy = Remedy(
            api,
            self.state,
            queues,
            self.judge,
            histories,
            isolation,
            rollouts,
            pace,
            teller,
            object_alarms,
            self.clock,
        )
        ways_back = WaysBack(api, self.state, queues, self.judge, histories, isolation)
        auditor = Auditor(api, self.state, queues, self.judge, remedy, pace, ways_back, pods)
        reconciler = Reconciler(
            api,
            self.state,
            queues,
            self.settings,
            auditor,
            Applier(api, self.state),
            Teardown(api, self.state, recorder),
            Backups(api, self.state, alarms, self.clock),
            Exceptions(api, self.state, recorder, exceptable(self.judge.rules), self.clock),
            Releases(api, self.state, recorder, self.clock),
            reliance,
            recorder,
            Restarts(api, self.state, recorder, self.clock),
            alarms,
            self.clock,
        )
        return _Work(queues, pods, histories, object_alarms)

    async def _follow(self, reflectors: list[Reflector]) -> None:
        for reflector in reflectors:
            self._spawn(reflector.run(), f"watch of {reflector.kind}")
        for reflector in reflectors:
            await reflector.synced.wait()

    async def _first_audit(self, queues: Queues, pods: PodObserver) -> bool:
        """Wait until what runs was judged once, so that the first status is a true one."""
        try:
            async with asyncio.timeout(FIRST_AUDIT):
                await pods.settled()
                await queues.audits.settled()
        except TimeoutError:
            log.warning("audit.slow", waiting=len(queues.pending))
            return False
        return True

    def _spawn(self, work: Any, name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))


def run(settings: Settings, *, liveness: str | None = None, clock: Clock = utc_now) -> None:
    """Run the controller until it is asked to end (SIGTERM, SIGINT).

    Args:
        settings: what the chart says.
        liveness: URL to answer liveness probes at, such as http://0.0.0.0:8080/healthz.
        clock: asked for the time.

    Raises:
        RulebookError: the platform team's own rules cannot be read, or do not compile.
    """
    own_rules = () if settings.rules is None else rules_of(read(settings.rules))
    registry = kopf.OperatorRegistry()
    _register(registry, Controller(settings, judge_with(own_rules), own_rules, clock))
    kopf.run(
        registry=registry,
        standalone=True,
        clusterwide=True,
        liveness_endpoint=liveness,
    )


def _register(registry: kopf.OperatorRegistry, controller: Controller) -> None:
    @kopf.on.startup(id="start", backoff=2, registry=registry)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.networking.error_backoffs = Forever()
        settings.watching.chunk_size = 500
        settings.persistence.diffbase_storage = NoDiffBase()
        settings.persistence.progress_storage = NoProgress()
        settings.persistence.finalizer = f"{names.GROUP}/kopf-unused"
        await controller.start()

    @kopf.on.cleanup(id="stop", registry=registry)
    async def stop(**_: Any) -> None:
        await controller.stop()

    kopf.on.login(id="login", registry=registry)(login)

    @kopf.on.event(names.GROUP, names.VERSION, "phiworkloads", id="seen", registry=registry)
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        controller.seen(event)

    @kopf.on.probe(id="tasks", registry=registry)
    def alive(**_: Any) -> str:
        controller.check()
        return "running"
