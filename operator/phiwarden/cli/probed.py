"""A PHIWorkload of the cluster, measured: what is tried where, and what is noted of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from phiwarden.api.workload import Enforcement, WorkloadSpec
from phiwarden.boundary.labels import BoundaryUnreadable, ZoneBoundary, decode
from phiwarden.boundary.model import Facts
from phiwarden.cli.measuring import Measurement, NotMeasured
from phiwarden.cluster import resources
from phiwarden.cluster.client import MERGE_PATCH, Api
from phiwarden.probe import outcome, pods, proof
from phiwarden.probe.computed import computed
from phiwarden.probe.outcome import Measured
from phiwarden.probe.pods import Place
from phiwarden.probe.ways import OUTSIDER, Verdict, Way, ports_of, ways
from phiwarden.reach import read
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Severity
from phiwarden.rulebook.shapes import NAMESPACE, NETWORK_POLICY


@dataclass(frozen=True, slots=True)
class Probed:
    """What was measured of a PHIWorkload.

    Attributes:
        workload: its name.
        generation: of its declaration.
        time: when, in UTC.
        measured: every way.
        recorded: whether it was noted on the PHIWorkload.
    """

    workload: str
    generation: int
    time: dt.datetime
    measured: tuple[Measured, ...]
    recorded: bool

    @property
    def as_declared(self) -> bool:
        """Return whether all ways are as declared."""
        return all(entry.verdict is Verdict.AS_DECLARED for entry in self.measured)

    @property
    def as_computed(self) -> bool:
        """Return whether packets do what the policies that stand say."""
        return all(entry.opened == entry.computed for entry in self.measured)

    @property
    def enforced(self) -> bool:
        """Return whether the network plug-in enforces anything."""
        return outcome.enforced(self.measured)


async def probed(
    api: Api, name: str, image: str, outsider: str | None, now: dt.datetime, *, record: bool
) -> Probed:
    """Measure a PHIWorkload.

    Args:
        api: the user's connection.
        name: of the PHIWorkload.
        image: phiwarden's image, as every zone approves it.
        outsider: a namespace that is no zone, to be tried from; None for none.
        now: the time.
        record: whether the result is noted on the PHIWorkload.

    Raises:
        NotMeasured: there is no such PHIWorkload, it does not enforce yet, or a pod could not run.
        ClusterError: the API server cannot be reached, or refuses.
    """
    body = await api.get(resources.PHIWORKLOAD, None, name)
    if body is None:
        raise NotMeasured(f"there is no PHIWorkload {name}")
    spec = _spec(name, body)
    if spec.enforcement is not Enforcement.ENFORCE:
        raise NotMeasured(
            f"PHIWorkload {name} is in {spec.enforcement}: no network policy stands below enforce"
        )
    facts = Facts(today=now.date())
    places = {zone.name: await _zone(api, zone.namespace_in(name)) for zone in spec.zones}
    if outsider is not None:
        places[OUTSIDER] = await _outside(api, outsider)
    tried = ways(spec, facts, outsider=outsider is not None)
    _keep_the_rules(places, image)
    outcomes = await Measurement(api, image, places).take(tried, ports_of(spec, facts))
    allowed = await _computed(api, places, tried)
    found = tuple(Measured(way, outcomes[way], allowed[way]) for way in tried)
    generation = body["metadata"].get("generation", 0)
    if record:
        note = outcome.proof(found, generation, now).written()
        patch = {"metadata": {"annotations": {proof.ANNOTATION: note}}}
        await api.patch(resources.PHIWORKLOAD, None, name, patch, content=MERGE_PATCH)
    return Probed(name, generation, now, found, record)


async def _computed(
    api: Api, places: Mapping[str, Place], tried: Sequence[Way]
) -> Mapping[Way, bool]:
    namespaces = {zone: place.namespace for zone, place in places.items()}
    labels = {place.namespace: place.labels for place in places.values()}
    policies = [
        read.policy_of(body)
        for name in namespaces.values()
        for body in await api.list(resources.collection(NETWORK_POLICY, name))
    ]
    return computed(tried, namespaces, labels, policies)


def _spec(name: str, body: Mapping[str, Any]) -> WorkloadSpec:
    try:
        return WorkloadSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        raise NotMeasured(
            f"PHIWorkload {name} cannot be read by this version of phiwarden"
        ) from error


async def _zone(api: Api, namespace: str) -> Place:
    place = await _place(api, namespace, f"namespace {namespace} is not there yet")
    if place.boundary is None:
        raise NotMeasured(f"the boundary of namespace {namespace} cannot be read")
    return place


async def _outside(api: Api, namespace: str) -> Place:
    place = await _place(api, namespace, f"there is no namespace {namespace} to try from")
    if place.boundary is not None:
        raise NotMeasured(f"--outsider: namespace {namespace} is a zone itself; name another")
    return place


async def _place(api: Api, namespace: str, absent: str) -> Place:
    body = await api.get(NAMESPACE, None, namespace)
    if body is None:
        raise NotMeasured(absent)
    labels = body["metadata"].get("labels") or {}
    try:
        boundary = decode(labels, body["metadata"].get("annotations") or {})
    except BoundaryUnreadable:
        boundary = None
    return Place(namespace, boundary, labels)


def _keep_the_rules(places: Mapping[str, Place], image: str) -> None:
    """Say at once what the zones would refuse the pods for: most often it is the image."""
    for zone, place in places.items():
        if place.boundary is None:
            continue
        pod = pods.dialer(place, "phiwarden-probe", image, [])
        _judge(zone, place.boundary, pod)


def _judge(zone: str, boundary: ZoneBoundary, pod: dict[str, Any]) -> None:
    failures = standard_judge().failures(pod, replace(boundary, held=()))
    for failure in failures:
        if failure.severity is Severity.DENY:
            raise NotMeasured(
                f"zone {zone} would refuse the pods of the probe: {failure.rule} {failure.problem}"
                f" (found {failure.found}); {failure.fix}"
            )
