"""What is known of declared secrets, what the status says and remembers, and who is woken."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.secrets import MAX_SECRETS
from phiwarden.api.standing import MAX_HOLDING, SecretStatus
from phiwarden.api.workload import WorkloadSpec
from phiwarden.controller.conditions import current
from phiwarden.controller.secrets import (
    GOOD,
    Judged,
    SecretObserver,
    delivery_of,
    judge,
    next_change,
    overdue,
    shortcomings,
    statuses,
)
from phiwarden.controller.state import Declared, State
from phiwarden.rotation.verdict import Finding, Standing
from tests.boundary.declarations import clinic
from tests.controller.made import idle_queues
from tests.rotation.made import DAY, NOW, OLD, SECOND, YOUNG, change, declared, delivery, secret

PLACE = ("records", "db")
AGED = {"maxAge": "90d"}
HASH = "reconcile.external-secrets.io/data-hash"


def spec(*secrets: dict[str, Any]) -> WorkloadSpec:
    return clinic(secrets=[{"name": "db", "zone": "clinical", **fields} for fields in secrets])


def state(found: Any = None, *, stored: Any = None) -> State:
    made = State()
    if found is not None:
        made.secrets["records"] = {"db": found}
    if stored is not None:
        made.statuses["portal"] = {"secrets": stored}
    return made


def judged_in(known: State, now: dt.datetime = NOW, **fields: Any) -> Judged:
    (found,) = judge("portal", spec({**AGED, **fields}), known, now)
    return found


def status(of: Judged, holding: tuple[str, ...] = ()) -> SecretStatus:
    (found,) = statuses([of], {PLACE: holding})
    return found


def stored(of: Judged) -> dict[str, Any]:
    """Return what the API server keeps of a status."""
    found: dict[str, Any] = status(of).model_dump(mode="json", by_alias=True, exclude_none=True)
    return found


def test_a_secret_is_judged_in_the_namespace_of_its_zone() -> None:
    known = state(secret())
    known.secrets["edge"] = {"db": secret(written=OLD)}
    both = spec(AGED, {**AGED, "zone": "edge", "name": "db"}, {"name": "none"})
    clinical, edge, none = judge("portal", both, known, NOW)
    assert (clinical.namespace, clinical.finding.standing) == ("records", Standing.UNPROVEN)
    assert (edge.namespace, edge.finding.standing) == ("portal-edge", Standing.MISSING)
    assert (none.secret, none.change, none.rotated) == (None, None, None)


def test_why_a_secret_is_missing() -> None:
    source = {"externalSecret": {"store": "vault", "key": "k"}}
    known = state()
    assert "the cluster has no ExternalSecret" in judged_in(known, source=source).finding.evidence
    known.kinds = frozenset({"ExternalSecret"})
    assert "was just made" in judged_in(known, source=source).finding.evidence
    known.deliveries[PLACE] = {("ExternalSecret", "db"): delivery(ready=False, reason="Sealed")}
    assert "Sealed" in judged_in(known, source=source).finding.evidence
    assert judged_in(state()).finding.evidence == "there is no such Secret"


def test_what_is_remembered_survives_a_restart() -> None:
    first = state(secret(fingerprint="a"))
    first.changes[PLACE] = change(time=YOUNG, proven=True)
    said = stored(judged_in(first))
    again = judged_in(state(secret(fingerprint="a"), stored=[said]))
    assert again.finding.standing is Standing.PROVEN
    assert stored(again) == said


@pytest.mark.parametrize(
    ("fields", "standing"),
    [
        ({}, Standing.PROVEN),
        ({"uid": "another"}, Standing.UNPROVEN),
        ({"written": YOUNG + SECOND}, Standing.UNPROVEN),
        ({"written": None}, Standing.OVERDUE),
    ],
)
def test_what_is_remembered_is_that_of_the_same_secret_as_it_was(
    fields: dict[str, Any], standing: Standing
) -> None:
    first = state(secret())
    first.changes[PLACE] = change(proven=True)
    said = stored(judged_in(first))
    assert judged_in(state(secret(**fields), stored=[said])).finding.standing is standing


REMEMBERED = {
    "zone": "clinical",
    "name": "db",
    "uid": "u",
    "lastChange": f"{YOUNG:%Y-%m-%dT%H:%M:%SZ}",
    "written": f"{YOUNG:%Y-%m-%dT%H:%M:%SZ}",
    "changeProven": True,
}


@pytest.mark.parametrize(
    ("junk", "standing"),
    [
        ({}, Standing.PROVEN),
        # A year that the API server's schema takes, and Python has not.
        ({"lastChange": "0000-01-01T00:00:00Z"}, Standing.UNPROVEN),
        ({"written": "0000-01-01T00:00:00Z"}, Standing.UNPROVEN),
        ({"lastChange": "9999-12-31T23:59:59-05:00"}, Standing.UNPROVEN),
        # Dated in the future it would keep the secret young for ever.
        ({"lastChange": "9999-12-31T23:59:59Z"}, Standing.OVERDUE),
        ({"lastChange": None}, Standing.UNPROVEN),
        ({"uid": None}, Standing.UNPROVEN),
        ({"uid": ""}, Standing.UNPROVEN),
        ({"version": None, "changeProven": None}, Standing.UNPROVEN),
        ({"zone": "edge"}, Standing.UNPROVEN),
    ],
)
def test_a_status_that_somebody_else_wrote_stops_nothing(
    junk: dict[str, Any], standing: Standing
) -> None:
    entry = {key: value for key, value in {**REMEMBERED, **junk}.items() if value is not None}
    found = judged_in(state(secret(), stored=[entry]))
    assert found.finding.standing is standing
    json.dumps(stored(found))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "zone": st.just("clinical"),
            "name": st.just("db"),
            "uid": st.sampled_from(["u", "v", ""]),
            "lastChange": st.text(max_size=30) | st.datetimes().map(lambda t: f"{t.isoformat()}Z"),
            "written": st.text(max_size=30) | st.datetimes().map(lambda t: f"{t.isoformat()}Z"),
            "changeProven": st.booleans(),
            "version": st.text(max_size=9),
        },
    )
)
def test_no_status_stops_a_look(entry: dict[str, Any]) -> None:
    known = state(secret(), stored=[entry])
    known.deliveries[PLACE] = {("VaultStaticSecret", "db"): delivery(version="1")}
    stored(judged_in(known))


def test_a_type_is_asked_for_once_and_counts_for_its_secret() -> None:
    known = state(secret())
    known.types = {("u", "Opaque"): True, ("u", "kubernetes.io/tls"): False}
    assert judged_in(known, type="Opaque").finding.standing is Standing.UNPROVEN
    assert judged_in(known, type="kubernetes.io/tls").finding.standing is Standing.WRONG_TYPE
    assert judged_in(known, type="example.com/unasked").finding.standing is Standing.UNPROVEN


def test_what_is_known_of_a_rotation() -> None:
    known = state(secret())
    assert judged_in(known).rotated is None
    known.changes[PLACE] = change(proven=True)
    assert judged_in(known).rotated == YOUNG
    assert judged_in(state(secret(rotated_at=YOUNG))).rotated == YOUNG


def of(standing: Standing, zone: str = "clinical", name: str = "db", **fields: Any) -> Judged:
    asked = declared(zone=zone, name=name)
    return Judged("records", asked, secret(), change(), Finding(standing, "why", **fields))


def test_what_holds_back_is_listed_by_zone() -> None:
    found = [
        of(Standing.OVERDUE),
        of(Standing.EXPIRING, name="tls"),
        of(Standing.EXPIRED, "edge"),
        *(of(each, name="fine") for each in Standing if each not in
          (Standing.OVERDUE, Standing.EXPIRING, Standing.EXPIRED)),
    ]  # fmt: skip
    assert overdue(found) == {"clinical": ("db", "tls"), "edge": ("db",)}
    assert overdue([]) == {}


def test_the_next_time_at_which_something_changes_by_itself() -> None:
    assert next_change([]) is None
    assert next_change([of(Standing.PRESENT)]) is None
    found = [
        of(Standing.PROVEN, until=NOW + DAY),
        of(Standing.PRESENT),
        of(Standing.EXPIRING, until=NOW + SECOND),
    ]
    assert next_change(found) == NOW + SECOND


def test_shortcomings_begin_with_the_worst_and_leave_out_what_is_good() -> None:
    found = statuses([of(each, name=f"s-{each.lower()}") for each in reversed(Standing)], {})
    told = [(reason, [entry.name for entry in entries]) for reason, entries in shortcomings(found)]
    assert told == [(each.value, [f"s-{each.lower()}"]) for each in Standing if each not in GOOD]


@pytest.mark.parametrize("standing", Standing)
def test_every_standing_makes_a_condition(standing: Standing) -> None:
    said = current(statuses([of(standing)], {}))
    if standing in GOOD:
        assert said.good is True
        return
    assert said.good is (None if standing is Standing.UNPROVEN else False)
    assert said.reason == standing.value
    assert "clinical/db (why)" in said.message


def test_a_status_says_what_a_verdict_rests_on() -> None:
    found = of(Standing.PROVEN, traps=("trap",), not_after=NOW + DAY)
    seen = replace(found, change=change(proven=True, version="1"))
    assert status(seen, ("Deployment/api",)) == SecretStatus(
        zone="clinical",
        name="db",
        uid="u",
        standing="Proven",
        written=YOUNG,
        last_change=YOUNG,
        change_proven=True,
        version="1",
        not_after=NOW + DAY,
        evidence="why",
        traps=("trap",),
        holding=("Deployment/api",),
    )
    gone = replace(of(Standing.MISSING), secret=None, change=None)
    missing = SecretStatus(zone="clinical", name="db", standing="Missing", evidence="why")
    assert status(gone) == missing


def test_a_status_holds_no_more_than_its_schema_takes() -> None:
    schema = SecretStatus.model_json_schema(by_alias=True)["properties"]["holding"]
    assert schema["maxItems"] >= MAX_HOLDING
    many = tuple(f"Deployment/d{i}" for i in range(200))
    assert status(of(Standing.PRESENT), many).holding == many[:MAX_HOLDING]
    assert MAX_SECRETS <= 160


def observer() -> SecretObserver:
    """Return an observer of a declaration with one secret."""
    known = State()
    known.declare(Declared("portal", "uid", 1, "", spec(AGED), None, False, ()))
    return SecretObserver(known, idle_queues(), lambda: NOW, lambda _: None)


def body(written: dt.datetime, fingerprint: str = "a", uid: str = "u", **labels: str) -> Any:
    fields = {"f:data": {".": {}, "f:password": {}}, "f:type": {}}
    return {
        "metadata": {
            "name": "db",
            "uid": uid,
            "creationTimestamp": "2026-05-01T00:00:00Z",
            "labels": labels,
            "annotations": {HASH: fingerprint},
            "managedFields": [{"time": f"{written:%Y-%m-%dT%H:%M:%SZ}", "fieldsV1": fields}],
        }
    }


def test_a_rotation_that_is_watched_is_proven() -> None:
    seen = observer()
    known = seen.state
    seen.secret(PLACE, body(OLD))
    assert judged_in(known).finding.standing is Standing.OVERDUE
    seen.secret(PLACE, body(YOUNG))
    assert judged_in(known).finding.standing is Standing.OVERDUE
    seen.secret(PLACE, body(YOUNG, "b"))
    found = judged_in(known)
    assert (found.finding.standing, found.rotated) == (Standing.PROVEN, NOW)
    # Made again under its name, it is another one.
    seen.secret(PLACE, None)
    assert judged_in(known).finding.standing is Standing.MISSING
    seen.secret(PLACE, body(YOUNG, "c", uid="v"))
    assert judged_in(known).finding.standing is Standing.UNPROVEN


def test_what_reports_come_to_follows_them() -> None:
    seen = observer()
    seen.secret(PLACE, body(YOUNG))
    judged_in(seen.state)
    (vault,) = (tell for kind, tell in seen.optional().items() if kind.kind == "VaultStaticSecret")
    report = {
        "kind": "VaultStaticSecret",
        "metadata": {"name": "x", "labels": {}},
        "spec": {"destination": {"name": "db"}},
        "status": {"secretMAC": "one"},
    }
    vault(("records", "x"), report)
    assert judged_in(seen.state).finding.standing is Standing.UNPROVEN
    vault(("records", "x"), {**report, "status": {"secretMAC": "two"}})
    assert judged_in(seen.state).finding.standing is Standing.PROVEN
    told = delivery_of(seen.state, *PLACE)
    assert told is not None
    assert told.name == "x"
    # It delivers another Secret from now on, and then is gone.
    vault(("records", "x"), {**report, "spec": {"destination": {"name": "other"}}})
    assert delivery_of(seen.state, *PLACE) is None
    assert delivery_of(seen.state, "records", "other") is not None
    vault(("records", "x"), None)
    assert delivery_of(seen.state, "records", "other") is None
    assert judged_in(seen.state).finding.standing is Standing.PROVEN
