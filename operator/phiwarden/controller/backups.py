"""Backups of a workload: its plan from what is known, and what the plan asks for done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from phiwarden.api import names
from phiwarden.api.storage import DeclaredVolume
from phiwarden.api.workload import WorkloadSpec, Zone
from phiwarden.backups.model import Make, Remembered, Remove, Subject
from phiwarden.backups.objects import CLAIM, SELECTED_NODE, SNAPSHOT, is_trial
from phiwarden.backups.plan import Outlook, outlook, refused_of
from phiwarden.boundary.manifest import Place
from phiwarden.boundary.model import Facts
from phiwarden.boundary.storage import class_of, volumes_of, withheld
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.controller.alarms import Alarms
from phiwarden.controller.calendar import Clock
from phiwarden.controller.state import Declared, State
from phiwarden.controller.volumes import shortfall
from phiwarden.rotation.model import SKEW
from phiwarden.rotation.times import moment
from phiwarden.rulebook import shapes
from phiwarden.storage.claims import Claim, Snapshot
from phiwarden.storage.read import claim_of, snapshot_of

log = structlog.get_logger(__name__)

_KINDS: Final = {SNAPSHOT: resources.VOLUME_SNAPSHOT, CLAIM: shapes.CLAIM}


@dataclass
class Backups:
    """Takes snapshots, tests that they can be restored, and removes what is no longer kept."""

    api: Api
    state: State
    alarms: Alarms[str]
    clock: Clock

    async def make(
        self, declared: Declared, spec: WorkloadSpec, facts: Facts
    ) -> tuple[Outlook, dict[str, str]]:
        """Make what is due; return what is true then, and what was refused, by volume.

        What is to be removed waits until the status tells what it proved.
        """
        planned = self._outlook(declared, spec, facts, self.state.snapshots)
        refusals: dict[str, str] = {}
        for make in planned.makes:
            try:
                await self._make(make)
            except Refused as refused:
                refusals[make.volume] = str(refused)
        if planned.makes:
            planned = self._outlook(declared, spec, facts, self.state.snapshots)
        self.alarms.set(declared.name, "backups", planned.wake)
        return refused_of(planned, refusals), refusals

    async def remove(
        self, declared: Declared, spec: WorkloadSpec, facts: Facts, planned: Outlook
    ) -> None:
        """Remove what a plan has no more use for, as far as a look at what is there confirms it."""
        removes = planned.removes
        if any(remove.kind == SNAPSHOT for remove in removes):
            # Counted anew from what is there at this moment: what somebody else just
            # deleted must not make the last ones look like too many.
            live = await self._live({remove.namespace for remove in removes})
            confirmed = self._outlook(declared, spec, facts, {**self.state.snapshots, **live})
            removes = tuple(remove for remove in removes if remove in confirmed.removes)
        for remove in removes:
            await self._remove(remove)

    async def _live(self, namespaces: Iterable[str]) -> dict[str, dict[str, Snapshot]]:
        found: dict[str, dict[str, Snapshot]] = {}
        for namespace in namespaces:
            path = resources.collection(resources.VOLUME_SNAPSHOT, namespace)
            bodies = await self.api.list(path)
            found[namespace] = {body["metadata"]["name"]: snapshot_of(body) for body in bodies}
        return found

    async def _make(self, make: Make) -> None:
        """Make an object. One of its name that is there is left as it is, whoever made it."""
        try:
            stored = await self.api.create(_KINDS[make.kind], make.namespace, make.body)
        except Refused as refused:
            if refused.code == 409:
                return
            raise
        log.info("backup.made", kind=make.kind, namespace=make.namespace, name=make.name)
        # At once, and not when the watch tells: the next look must know of it.
        if make.kind == SNAPSHOT:
            self.state.snapshots.setdefault(make.namespace, {})[make.name] = snapshot_of(stored)
        else:
            self.state.claims.setdefault(make.namespace, {})[make.name] = claim_of(stored)

    async def _remove(self, remove: Remove) -> None:
        try:
            await self.api.delete(
                _KINDS[remove.kind], remove.namespace, remove.name, uid=remove.uid
            )
        except Refused as refused:
            if refused.code != 409:  # it is another one by now
                raise
            return
        log.info("backup.removed", kind=remove.kind, namespace=remove.namespace, name=remove.name)

    def _outlook(
        self,
        declared: Declared,
        spec: WorkloadSpec,
        facts: Facts,
        snapshots: Mapping[str, Mapping[str, Snapshot]],
    ) -> Outlook:
        subjects: list[Subject] = []
        strays: list[Claim] = []
        seen: list[Snapshot] = []
        for zone in spec.zones:
            if zone.name in facts.unavailable:
                continue
            place = Place(declared.name, zone.name, zone.namespace_in(declared.name))
            here = tuple(snapshots.get(place.namespace, {}).values())
            trials = tuple(self._trials(place))
            volumes = [v for v in volumes_of(zone, spec) if v.backup is not None]
            subjects += [
                self._subject(place, zone, spec, facts, volume, here, trials) for volume in volumes
            ]
            named = {volume.name for volume in volumes}
            strays += [t for t in trials if t.labels[names.RESTORE_TEST] not in named]
            seen += here
        supported = resources.VOLUME_SNAPSHOT.kind in self.state.kinds
        return outlook(subjects, strays, seen, self.clock(), supported=supported)

    def _trials(self, place: Place) -> Iterator[Claim]:
        for claim in self.state.claims.get(place.namespace, {}).values():
            if is_trial(claim, place):
                yield claim

    def _subject(
        self,
        place: Place,
        zone: Zone,
        spec: WorkloadSpec,
        facts: Facts,
        volume: DeclaredVolume,
        snapshots: tuple[Snapshot, ...],
        trials: tuple[Claim, ...],
    ) -> Subject:
        claim = self.state.claims.get(place.namespace, {}).get(volume.name)
        stored = self.state.statuses.get(place.workload, {})
        known = remembered(stored, zone.name, volume.name, self.clock())
        if claim is not None and known.uid != claim.uid:
            known = Remembered(claim.uid)
        judged = {
            trial.name: shortfall(zone, spec, facts.today, self.state.storage, trial, volume)
            for trial in trials
            if trial.volume_name in self.state.volumes
        }
        untestable = self._untestable(zone, spec, facts, volume, claim)
        return Subject(place, volume, claim, snapshots, trials, judged, untestable, known)

    def _untestable(
        self,
        zone: Zone,
        spec: WorkloadSpec,
        facts: Facts,
        volume: DeclaredVolume,
        claim: Claim | None,
    ) -> str:
        name = class_of(volume)
        storage_class = self.state.storage_classes.get(name)
        if storage_class is None:
            return f"there is no StorageClass {name}"
        placed = claim is not None and SELECTED_NODE in claim.annotations
        if storage_class.waits and not placed:
            return (
                f"not testable: StorageClass {name} binds only for a pod, and no node was chosen"
                " for the volume"
            )
        if volume in withheld(zone, spec, facts):
            return f"not testable: StorageClass {name} does not prove what is asked of it"
        return ""


def remembered(status: Mapping[str, Any], zone: str, volume: str, now: dt.datetime) -> Remembered:
    """Return what a stored status says of a declared volume's restore tests."""
    for entry in status.get("volumes") or ():
        if (entry.get("zone"), entry.get("name")) == (zone, volume) and entry.get("declared"):
            backup = entry.get("backup") or {}
            return Remembered(
                uid=entry.get("uid") or "",
                last_test=_time(backup.get("lastRestoreTest"), now),
                last_proof=_time(backup.get("lastProof"), now),
                message=_said(backup),
            )
    return Remembered()


def _said(backup: Mapping[str, Any]) -> str:
    # Of a test that runs there is nothing to remember yet.
    if backup.get("restoreTest") not in ("Passed", "Failed"):
        return ""
    return backup.get("restoreTestMessage") or ""


def _time(text: str | None, now: dt.datetime) -> dt.datetime | None:
    """Return a time that is remembered; none from the future, which nobody here wrote."""
    time = moment(text) if text else None
    return time if time is not None and time - now <= SKEW else None
