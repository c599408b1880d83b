"""Metadata of Secrets as the API server keeps them, and what stores' operators report."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.rotation.model import Delivery, Secret
from phiwarden.rotation.read import READERS, secret_of
from phiwarden.rotation.times import moment, moment_of_unix

MADE = "2026-08-01T10:00:00Z"
FIRST, SECOND, THIRD = (f"2026-11-{day}T10:00:00Z" for day in ("01", "11", "21"))
CREATED = dt.datetime(2026, 8, 1, 10, tzinfo=dt.UTC)
FINGERPRINT = "reconcile.external-secrets.io/data-hash"


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def entry(time: str | None = FIRST, manager: str = "kubectl-create", **fields: Any) -> Any:
    """Return what a manager wrote, as `data={...}` or `metadata={...}`; types are of the first."""
    wrote = {f"f:{name}": value for name, value in fields.items()}
    head = {"manager": manager, "operation": "Update", "apiVersion": "v1"}
    timed = {} if time is None else {"time": time}
    return {**head, **timed, "fieldsType": "FieldsV1", "fieldsV1": wrote}


def keys(*names: str) -> dict[str, Any]:
    return {".": {}, **{f"f:{name}": {} for name in names}}


LABELS = {"f:labels": {".": {}, "f:team": {}}}
CREATE = entry(data=keys("password", "user"), type={})


def read(*managed: Any, **metadata: Any) -> Secret:
    head = {"name": "db", "uid": "u", "creationTimestamp": MADE}
    return secret_of({**head, "managedFields": list(managed), **metadata})


@pytest.mark.parametrize(
    ("managed", "names", "written"),
    [
        pytest.param([CREATE], {"password", "user"}, FIRST, id="create"),
        pytest.param(
            [CREATE, entry(SECOND, "label", metadata=LABELS)],
            {"password", "user"},
            FIRST,
            id="another one's label is no write of its entries",
        ),
        pytest.param(
            [CREATE, entry(SECOND, "vault", data={"f:password": {}})],
            {"password", "user"},
            SECOND,
            id="two that write entries",
        ),
        pytest.param(
            [entry(THIRD, "vault", data={"f:password": {}}), CREATE],
            {"password", "user"},
            THIRD,
            id="in another order",
        ),
        pytest.param(
            [{**entry(data={"f:password": {}}), "operation": "Apply"}],
            {"password"},
            FIRST,
            id="server-side apply",
        ),
        pytest.param(
            [{**entry(stringData={"f:password": {}}), "operation": "Apply"}],
            {"password"},
            FIRST,
            id="server-side apply of stringData",
        ),
        pytest.param(
            [{**entry(metadata=LABELS), "operation": "Apply"}],
            None,
            None,
            id="cleared, and a label applied then",
        ),
        pytest.param(
            [
                entry(FIRST, "ancient-changes", data=keys("password"), type={}),
                *(entry(SECOND, f"m{i}", metadata=LABELS) for i in range(10)),
            ],
            {"password"},
            FIRST,
            id="ancient-changes",
        ),
        pytest.param([entry(type={}, metadata=LABELS)], set(), None, id="without entries"),
        pytest.param(
            [entry(None, data=keys("password"), type={})], {"password"}, None, id="no time"
        ),
        pytest.param(
            [entry(None, data=keys("a"), type={}), entry(SECOND, data=keys("b"))],
            {"a", "b"},
            SECOND,
            id="one with a time",
        ),
        pytest.param([], None, None, id="cleared"),
        pytest.param([{}], None, None, id="an empty entry"),
        pytest.param(
            [entry(SECOND, "label", metadata=LABELS)], None, None, id="cleared, and labelled then"
        ),
        pytest.param(
            [entry(SECOND, "vault", data={"f:password": {}})],
            None,
            SECOND,
            id="cleared, and one entry written then",
        ),
    ],
)
def test_entries_and_when_they_were_written(
    managed: list[Any], names: set[str] | None, written: str | None
) -> None:
    found = read(*managed)
    assert found.keys == names
    assert found.written == (at(written) if written is not None else None)
    assert (found.uid, found.created) == ("u", CREATED)


def test_a_secret_that_nothing_is_noted_of() -> None:
    head = {"name": "db", "uid": "u", "creationTimestamp": MADE}
    assert secret_of(head) == Secret("u", CREATED)
    assert secret_of({**head, "annotations": None, "managedFields": None}) == Secret("u", CREATED)


def test_what_is_noted_of_it() -> None:
    notes = {
        FINGERPRINT: "abc",
        "phiwarden.dev/rotated-at": "2026-11-11T12:00:00+02:00",
        "phiwarden.dev/not-after": THIRD,
    }
    found = read(CREATE, annotations=notes)
    assert found.fingerprint == "abc"
    assert (found.rotated_at, found.not_after, found.odd) == (at(SECOND), at(THIRD), ())


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-11", "2026-11-11T10:00:00", "1762855200", "2026-13-01T00:00:00Z"]
)  # fmt: skip
@pytest.mark.parametrize("note", ["phiwarden.dev/rotated-at", "phiwarden.dev/not-after"])
def test_a_note_that_is_no_time_is_told(note: str, text: str) -> None:
    found = read(CREATE, annotations={note: text})
    assert (found.rotated_at, found.not_after) == (None, None)
    assert len(found.odd) == 1
    assert note in found.odd[0]
    # The text is somebody else's: it may be anything, a value among it.
    assert not text or text not in found.odd[0]


READY = {"type": "Ready", "status": "True", "reason": "SecretSynced"}


def body(kind: str, spec: Any = None, status: Any = None) -> dict[str, Any]:
    found = {"kind": kind, "metadata": {"name": "ehr"}, "spec": spec, "status": status}
    return {key: value for key, value in found.items() if value is not None}


def told(kind: str, spec: Any = None, status: Any = None) -> list[Delivery]:
    return list(READERS[kind](body(kind, spec, status)))


ASKED = "refreshTime tells when the store was asked, not when the value changed"
LEASED = "lastRenewalTime is that of the lease, not of the value"
KEPT = "a renewed certificate keeps its key unless privateKey.rotationPolicy is Always"
TO_DB = {"destination": {"name": "db", "create": True}}
STATIC = {"lastVaultRotation": 1793527200, "rotationPeriod": 86400}
DATES = {"notBefore": FIRST, "notAfter": THIRD}
TLS = {"secretName": "tls"}


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        ("ExternalSecret", {}, None, {"secret": "ehr"}),
        ("ExternalSecret", {"target": {}}, {}, {"secret": "ehr"}),
        (
            "ExternalSecret",
            {"target": {"name": "db"}},
            {"conditions": [READY], "refreshTime": FIRST},
            {"ready": True, "reason": "SecretSynced", "synced": at(FIRST), "traps": (ASKED,)},
        ),
        (
            "ExternalSecret",
            {"target": {"name": "db"}},
            {"conditions": [{"type": "Ready", "status": "False", "reason": "SecretSyncedError"}]},
            {"ready": False, "reason": "SecretSyncedError"},
        ),
        (
            "ExternalSecret",
            {"target": {"name": "db"}},
            {"conditions": [{"type": "Deleted", "status": "True"}]},
            {},
        ),
        ("VaultStaticSecret", TO_DB, None, {}),
        (
            "VaultStaticSecret",
            TO_DB,
            {"conditions": [{**READY, "type": "SecretSynced"}]},
            {"ready": True, "reason": "SecretSynced"},
        ),
        ("VaultDynamicSecret", TO_DB, {"lastRenewalTime": 1793527200}, {"traps": (LEASED,)}),
        (
            "VaultDynamicSecret",
            TO_DB,
            {"lastRenewalTime": 1793527200, "staticCredsMetaData": STATIC},
            {"rotated": at(FIRST)},
        ),
        ("Certificate", TLS, None, {"secret": "tls", "traps": (KEPT,)}),
        ("Certificate", TLS, DATES, {"secret": "tls", "not_after": at(THIRD), "traps": (KEPT,)}),
        (
            "Certificate",
            {**TLS, "privateKey": {"rotationPolicy": "Always"}},
            {**DATES, "conditions": [READY]},
            {
                "secret": "tls",
                "ready": True,
                "reason": "SecretSynced",
                "rotated": at(FIRST),
                "not_after": at(THIRD),
            },
        ),
    ],
)
def test_what_a_store_reports(kind: str, spec: Any, status: Any, expected: dict[str, Any]) -> None:
    usual = {"kind": kind, "name": "ehr", "secret": "db"}
    assert told(kind, spec, status) == [Delivery(**{**usual, **expected})]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("VaultStaticSecret", {}),
        ("VaultStaticSecret", {"destination": {"create": True}}),
        ("VaultDynamicSecret", {"destination": {"name": ""}}),
        ("Certificate", {}),
        ("SecretProviderClassPodStatus", None),
    ],
)
def test_what_delivers_nothing(kind: str, spec: Any) -> None:
    assert told(kind, spec) == []


@pytest.mark.parametrize("kind", ["VaultStaticSecret", "VaultDynamicSecret"])
def test_versions_of_vault_differ_with_the_value_and_tell_nothing_of_it(kind: str) -> None:
    versions = [told(kind, TO_DB, {"secretMAC": mac})[0].version for mac in ("one", "two", "one")]
    assert versions[0] == versions[2] != versions[1]
    assert "one" not in versions[0]
    assert told(kind, TO_DB, {})[0].version == ""


def mounted(**status: Any) -> list[Delivery]:
    usual = {"secretProviderClassName": "db", "mounted": True, "podName": "api-1"}
    return told("SecretProviderClassPodStatus", None, {**usual, **status})


def test_what_a_pod_mounted_is_named_as_its_class() -> None:
    (found,) = mounted(objects=[{"id": "a", "version": "1"}, {"id": "b", "version": "1"}])
    assert (found.kind, found.name, found.secret) == ("SecretProviderClass", "ehr", "db")
    assert (found.ready, found.rotated) == (True, None)
    (same,) = mounted(objects=[{"id": "b", "version": "1"}, {"id": "a", "version": "1"}])
    assert same.version == found.version
    (newer,) = mounted(objects=[{"id": "a", "version": "2"}, {"id": "b", "version": "1"}])
    assert newer.version != found.version
    (without,) = mounted()
    assert without.version == ""
    (waits,) = mounted(mounted=False)
    assert waits.ready is False


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
FIELDS = ("target", "destination", "name", "conditions", "type", "status", "reason", "refreshTime",
          "secretMAC", "staticCredsMetaData", "lastVaultRotation", "lastRenewalTime", "secretName",
          "privateKey", "rotationPolicy", "notBefore", "notAfter", "secretProviderClassName",
          "mounted", "objects", "id", "version")  # fmt: skip
ODD = st.recursive(
    JUNK,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("kind", READERS)
@given(spec=ODD, status=ODD)
def test_nothing_that_others_store_keeps_it_from_being_read(
    kind: str, spec: Any, status: Any
) -> None:
    for found in READERS[kind](
        {"kind": kind, "metadata": {"name": "x"}, "spec": spec, "status": status}
    ):
        assert isinstance(found.secret, str)
        assert found.secret
        assert isinstance(hash(found), int)


@given(
    managed=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "time": JUNK,
                "fieldsV1": JUNK
                | st.dictionaries(st.sampled_from(["f:data", "f:stringData", "f:type"]), JUNK),
            },
        )
        | JUNK,
        max_size=3,
    ),
    annotations=JUNK
    | st.dictionaries(
        st.sampled_from([FINGERPRINT, "phiwarden.dev/rotated-at", "phiwarden.dev/not-after"]), JUNK
    ),
)
def test_no_metadata_keep_a_secret_from_being_read(managed: Any, annotations: Any) -> None:
    found = read(annotations=annotations, managedFields=managed)
    assert found.created == CREATED
    assert isinstance(hash(found), int)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FIRST, at(FIRST)),
        ("2026-11-01T12:00:00+02:00", at(FIRST)),
        # With its own zone it could not be counted with; the API server takes no such zone.
        ("0001-01-01T00:00:00+05:00", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("2026-11-01T10:00:30+00:00:30", at(FIRST)),
        ("0000-01-01T00:00:00Z", None),
        ("2026-11-01T10:00:00", None),
        (None, None),
        (True, None),
        (20261101, None),
        ([], None),
    ],
)
def test_a_time(text: Any, expected: dt.datetime | None) -> None:
    found = moment(text)
    assert found == expected
    assert found is None or found.utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize("seconds", [0, -1, True, "1793527200", 1793527200.0, None, 10**30, 10**14])
def test_what_is_no_number_of_seconds(seconds: Any) -> None:
    assert moment_of_unix(seconds) is None


@given(st.datetimes(timezones=st.timezones()) | st.text())
def test_whatever_is_read_can_be_counted_with(found: Any) -> None:
    text = found.isoformat() if isinstance(found, dt.datetime) else found
    read_back = moment(text)
    if read_back is not None:
        assert abs(read_back - CREATED) < dt.timedelta(days=4_000_000)
        assert moment(read_back.isoformat()) == read_back
