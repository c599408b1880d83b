"""What is known of declared secrets, and what the status says of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from phiwarden.api.secrets import DeclaredSecret
from phiwarden.api.standing import MAX_HOLDING, SecretStatus
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.project import spec_digest
from phiwarden.boundary.secrets import source_kind
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api
from phiwarden.cluster.reflector import Key, Seen
from phiwarden.controller.calendar import Clock
from phiwarden.controller.queues import Queues
from phiwarden.controller.state import Declared, State
from phiwarden.rotation.change import combined, first_seen, followed
from phiwarden.rotation.model import Delivery, LastChange, Secret
from phiwarden.rotation.read import READERS, secret_of
from phiwarden.rotation.times import moment
from phiwarden.rotation.verdict import HOLDS_BACK, Finding, Standing, finding
from phiwarden.rulebook.shapes import Kind

NEVER_DECLARED: Final = ("helm.sh/release.v1", "kubernetes.io/service-account-token")
"""Types that no declaration names, and that clusters are full of."""

SELECTED: Final = {"fieldSelector": ",".join(f"type!={kind}" for kind in NEVER_DECLARED)}

_REPORTING: Final = (
    resources.EXTERNAL_SECRET,
    resources.VAULT_STATIC_SECRET,
    resources.VAULT_DYNAMIC_SECRET,
    resources.SECRET_PROVIDER_STATUS,
    resources.CERTIFICATE,
)


@dataclass
class SecretObserver:
    """Keeps what is known of secrets in step with the cluster, and wakes who relies on them."""

    state: State
    queues: Queues
    clock: Clock
    keys_changed: Callable[[str], None]
    """Told the name of a Secret whose entries are others than before."""

    def optional(self) -> dict[Kind, Seen]:
        """Return the kinds that a cluster may have or not, and who is told of their objects."""
        reporting = {kind: self._delivered(kind) for kind in _REPORTING}
        return {**reporting, resources.SECRET_PROVIDER_CLASS: self._asked("SecretProviderClass")}

    def secret(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in the metadata of a Secret."""
        namespace, name = key
        known = self.state.secrets.setdefault(namespace, {})
        before = known.get(name)
        after = secret_of(body["metadata"]) if body is not None else None
        if after is None:
            known.pop(name, None)
            self.state.changes.pop(key, None)
        else:
            known[name] = after
            self._follow(key, before, after)
        if before != after:
            self._touch(namespace, {name})
        if (before.keys if before else None) != (after.keys if after else None):
            self.keys_changed(name)

    def _follow(self, key: Key, before: Secret | None, after: Secret) -> None:
        change = self.state.changes.get(key)
        if change is not None and before is not None:
            delivery = delivery_of(self.state, *key)
            self.state.changes[key] = followed(change, before, after, delivery, self.clock())

    def _delivered(self, kind: Kind) -> Seen:
        read = READERS[kind.kind]
        note = self._asked(kind.kind)

        def seen(key: Key, body: Mapping[str, Any] | None) -> None:
            note(key, body)
            namespace, name = key
            before = self.state.reports.pop((namespace, kind.kind, name), ())
            after = tuple(read(body)) if body is not None else ()
            if after:
                self.state.reports[namespace, kind.kind, name] = after
            if before == after:
                return
            for gone in before:
                self.state.deliveries[namespace, gone.secret].pop((kind.kind, name), None)
            for told in after:
                place = (namespace, told.secret)
                self.state.deliveries.setdefault(place, {})[kind.kind, name] = told
            names = {delivery.secret for delivery in (*before, *after)}
            for secret in names:
                there = self.state.secrets.get(namespace, {}).get(secret)
                if there is not None:
                    self._follow((namespace, secret), there, there)
            self._touch(namespace, names)

        return seen

    def _asked(self, kind: str) -> Seen:
        """Follow what we made to ask stores, so that a change by others is put back."""

        def seen(key: Key, body: Mapping[str, Any] | None) -> None:
            namespace, name = key
            place = (namespace, kind, name)
            asked = self.state.asked.get(place)
            if asked is None:
                return
            if body is None or spec_digest(body) != asked.stored:
                del self.state.asked[place]
                self._touch(namespace, {name})

        return seen

    def _touch(self, namespace: str, secrets: Iterable[str]) -> None:
        names = set(secrets)
        for workload in self.state.claiming(namespace):
            spec = self.state.workloads[workload].spec
            if spec is not None and any(secret.name in names for secret in spec.secrets):
                self.queues.workloads.add(workload)


def delivery_of(state: State, namespace: str, name: str) -> Delivery | None:
    """Return what is reported of a Secret, all in all."""
    return combined(state.deliveries.get((namespace, name), {}).values())


@dataclass(frozen=True, slots=True)
class Judged:
    """A declared secret, and what was found of it.

    Attributes:
        namespace: of its zone.
        declared: what is asked of it.
        secret: as it is; None where there is none.
        change: when it can have got its value; None without a secret.
        finding: the verdict.
    """

    namespace: str
    declared: DeclaredSecret
    secret: Secret | None
    change: LastChange | None
    finding: Finding

    @property
    def rotated(self) -> dt.datetime | None:
        """Return its last rotation that is known of."""
        return self.finding.rotated


UNSEEN: Final = Finding(Standing.UNPROVEN, "nobody looks at Secrets here: secrets.watch is false")


def judge(workload: str, spec: WorkloadSpec, state: State, now: dt.datetime) -> tuple[Judged, ...]:
    """Return the verdicts on all declared secrets, and note what each rests on."""
    namespaces = {zone.name: zone.namespace_in(workload) for zone in spec.zones}
    stored = {
        (entry.get("zone"), entry.get("name")): entry
        for entry in state.statuses.get(workload, {}).get("secrets") or ()
    }
    found = []
    for declared in spec.secrets:
        namespace = namespaces[declared.zone]
        key = (namespace, declared.name)
        secret = state.secrets.get(namespace, {}).get(declared.name)
        delivery = delivery_of(state, *key)
        change = state.changes.get(key)
        if secret is not None and (change is None or change.uid != secret.uid):
            remembered = _remembered(stored.get((declared.zone, declared.name)))
            change = state.changes[key] = first_seen(secret, delivery, remembered)
        right = None
        if secret is not None and declared.type is not None:
            right = state.types.get((secret.uid, declared.type))
        verdict = finding(declared, secret, delivery, change, now, right_type=right)
        if not state.watches_secrets:
            verdict = UNSEEN
        elif secret is None:
            verdict = _explained(verdict, declared, delivery, state)
        found.append(Judged(namespace, declared, secret, change, verdict))
    return tuple(found)


def _explained(
    verdict: Finding, declared: DeclaredSecret, delivery: Delivery | None, state: State
) -> Finding:
    kind = source_kind(declared)
    if kind is None or delivery is not None:
        return verdict
    missing = kind not in state.kinds
    why = f"the cluster has no {kind}: install its operator" if missing else f"{kind} was just made"
    return replace(verdict, evidence=f"{verdict.evidence}; {why}")


def _remembered(entry: Mapping[str, Any] | None) -> LastChange | None:
    """Return what an earlier run noted in the status; None where somebody else wrote what it cannot."""
    last = moment(entry.get("lastChange")) if entry else None
    if not entry or last is None or not entry.get("uid"):
        return None
    return LastChange(
        uid=entry["uid"],
        time=last,
        proven=bool(entry.get("changeProven")),
        written=moment(entry.get("written")),
        version=entry.get("version") or "",
    )


def overdue(judged: Iterable[Judged]) -> dict[str, tuple[str, ...]]:
    """Return the secrets with which nothing new is rolled out, by zone."""
    found: dict[str, list[str]] = {}
    for each in judged:
        if each.finding.standing in HOLDS_BACK:
            found.setdefault(each.declared.zone, []).append(each.declared.name)
    return {zone: tuple(names) for zone, names in found.items()}


def next_change(judged: Iterable[Judged]) -> dt.datetime | None:
    """Return when time alone makes another verdict of one of them; None for never."""
    return min((each.finding.until for each in judged if each.finding.until), default=None)


def statuses(
    judged: Iterable[Judged], holding: Mapping[tuple[str, str], tuple[str, ...]]
) -> tuple[SecretStatus, ...]:
    """Return what the status says of declared secrets.

    Args:
        judged: the verdicts.
        holding: `Kind/name` of what still runs with an older value, by (namespace, secret).
    """
    return tuple(
        SecretStatus(
            zone=each.declared.zone,
            name=each.declared.name,
            uid=each.secret.uid if each.secret is not None else None,
            standing=each.finding.standing.value,
            written=each.change.written if each.change is not None else None,
            last_change=each.change.time if each.change is not None else None,
            change_proven=each.change.proven if each.change is not None else None,
            version=(each.change.version or None) if each.change is not None else None,
            not_after=each.finding.not_after,
            evidence=each.finding.evidence,
            traps=each.finding.traps,
            holding=holding.get((each.namespace, each.declared.name), ())[:MAX_HOLDING],
        )
        for each in judged
    )


async def look_at_types(api: Api, declared: Declared, spec: WorkloadSpec, state: State) -> None:
    """Ask whether Secrets have the types that are declared.

    Metadata do not tell a type, but a selector does: the answer is whether the
    Secret is in the list, and no value is sent. A type can never change.
    """
    namespaces = {zone.name: zone.namespace_in(declared.name) for zone in spec.zones}
    for wanted in spec.secrets:
        namespace = namespaces[wanted.zone]
        secret = state.secrets.get(namespace, {}).get(wanted.name)
        if secret is None or wanted.type is None or (secret.uid, wanted.type) in state.types:
            continue
        query = {"fieldSelector": f"metadata.name={wanted.name},type={wanted.type}"}
        path = resources.collection(resources.SECRET, namespace)
        found = await api.list(path, query, metadata_only=True)
        uids = {entry["metadata"]["uid"] for entry in found}
        state.types[secret.uid, wanted.type] = secret.uid in uids


def shortcomings(secrets: tuple[SecretStatus, ...]) -> Iterator[tuple[str, list[SecretStatus]]]:
    """Yield the reasons for which not all secrets are current, the worst first."""
    for standing in Standing:
        found = [entry for entry in secrets if entry.standing == standing.value]
        if found and standing not in GOOD:
            yield standing.value, found


GOOD: Final = frozenset({Standing.ATTESTED, Standing.PROVEN, Standing.PRESENT})
