"""The verdict on a release: every way to be refused, and the only one not to be."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phiwarden.api.release import Envelope, ReleaseSpec
from phiwarden.releases.canonical import digest, encoded, statement_bytes
from phiwarden.releases.dsse import PAYLOAD_TYPE, Opened, Signed, closed, opened, pae
from phiwarden.releases.policy import Doubt, Limits, Policy
from phiwarden.releases.verify import Reason
from tests.api import releases
from tests.api.declarations import DROP

from .made import NOW, STRICT, altered, judged, key, policy, reasons, released, signer, statement

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
ALL = {"workload": "portal", "promoted_from": "staging", "limits": STRICT}


@pytest.mark.parametrize("by", ["ci", "ci-p256"])
def test_a_release_is_verified_by_the_key_that_signed_it(by: str) -> None:
    found = judged(released(by=by), policy(key("another"), key(by), **ALL))
    assert (found.verified, found.key, found.refusals) == (True, key(by), ())


def test_its_statement_has_one_digest_whoever_signed_it() -> None:
    ours, theirs = judged(released()), judged(released(by="ci-p256"), policy(key("ci-p256")))
    assert ours.statement == theirs.statement == digest(statement_bytes(statement()))


def test_the_keyid_is_a_hint_and_no_more() -> None:
    for keyid in ("", "0" * 64, key("another").id):
        assert judged(altered(released(), {"envelope.signatures[0].keyid": keyid})).verified
    assert judged(altered(released(), {"envelope.signatures[0].keyid": DROP})).verified


def test_one_good_signature_among_others_is_enough() -> None:
    mine, others = released(), released(by="stranger")
    both = [s.model_dump() for s in (*others.envelope.signatures, *mine.envelope.signatures)]
    assert judged(altered(mine, {"envelope.signatures": both})).verified


def test_a_signature_by_a_key_that_is_not_declared_is_refused() -> None:
    found = judged(released(by="stranger"), policy(**ALL))
    assert (found.verified, found.key) == (False, None)
    ((reason, field),) = reasons(found)
    assert (reason, field) == (Reason.UNKNOWN_KEY, "spec.envelope.signatures[0]")
    assert key("stranger").id in found.refusals[0].problem
    assert f"ci ({key('ci').id[:12]})" in found.refusals[0].problem


def test_a_signature_that_claims_a_declared_key_and_is_not_by_it_is_refused() -> None:
    forged = altered(released(by="stranger"), {"envelope.signatures[0].keyid": key("ci").id})
    assert reasons(judged(forged)) == [(Reason.WRONG_SIGNATURE, "spec.envelope.signatures[0]")]


def test_a_signature_over_the_payload_alone_is_none() -> None:
    payload = statement_bytes(statement())
    bare = closed(
        Opened(payload, PAYLOAD_TYPE, (Signed(key("ci").id, signer("ci").sign(payload)),))
    )
    found = judged(released_with(bare))
    assert reasons(found) == [(Reason.WRONG_SIGNATURE, "spec.envelope.signatures[0]")]


def released_with(envelope: Envelope) -> ReleaseSpec:
    return ReleaseSpec(**dict(statement()), envelope=envelope)


def signed_payload(payload: bytes, kind: str = PAYLOAD_TYPE) -> ReleaseSpec:
    """Return the example with other bytes in its envelope, signed as they should be."""
    signature = Signed(key("ci").id, signer("ci").sign(pae(kind, payload)))
    return released_with(closed(Opened(payload, kind, (signature,))))


def test_an_envelope_of_another_type_is_refused_though_a_key_signed_it() -> None:
    other = signed_payload(statement_bytes(statement()), "application/json")
    found = judged(other)
    assert reasons(found) == [(Reason.OTHER_TYPE, "spec.envelope.payloadType")]
    assert found.key is None


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        (
            {"scan.counts.critical": 3},
            "spec.scan.counts.critical",
            "0 was signed, and it says 3 now",
        ),
        (
            {"promotedFrom": DROP},
            "spec.promotedFrom",
            '"staging" was signed, and it says nothing now',
        ),
        ({"tests[0].passed": False}, "spec.tests[0].passed", "true was signed, and it says false"),
        (
            {"images[2]": releases.IMAGE},
            "spec.images[2]",
            "nothing was signed, and it says something",
        ),
        (
            {"images[1].digest": releases.IMAGE["digest"]},
            "spec.images[1].digest",
            f'and it says "{releases.IMAGE["digest"]}" now',
        ),
    ],
)
def test_other_fields_than_were_signed_are_refused_by_the_first_that_differs(
    changes: dict[str, Any], field: str, problem: str
) -> None:
    found = judged(altered(released(), changes))
    assert (Reason.OTHER_BYTES, field) in reasons(found)
    assert problem in found.refusals[0].problem
    assert found.key is None


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"hello world", "is no JSON"),
        (b"[1]", "is no release"),
        (b"{}", "nothing was signed"),
        (b'{"a\\ud800\\n": "\\u202e"}', "was signed, and it says nothing now"),
        (b"[" * 9000, "is no JSON"),
        (b'{"change": ' + b"[" * 500 + b"]" * 500 + b"}", "something else was signed"),
        (b'{"change": ' + b"9" * 5000 + b"}", "is no JSON"),
        (b'{"change": NaN}', "NaN was signed"),
    ],
)
def test_whatever_was_signed_the_answer_is_one_line_of_plain_text(
    payload: bytes, problem: str
) -> None:
    found = judged(signed_payload(payload))
    ((reason, field),) = reasons(found)
    assert reason is Reason.OTHER_BYTES
    assert field.startswith("spec")
    assert problem in found.refusals[0].problem
    assert str(found.refusals[0]).isascii()
    assert str(found.refusals[0]).isprintable()


def test_the_same_values_in_another_form_are_refused() -> None:
    spread = json.dumps(json.loads(statement_bytes(statement())), indent=1).encode()
    found = judged(signed_payload(spread))
    assert reasons(found) == [(Reason.OTHER_BYTES, "spec.envelope.payload")]
    assert "not in canonical form" in found.refusals[0].problem


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("payload", "e30"),
        ("payload", "!"),
        ("signatures[0].sig", "c2ln\n"),
        ("signatures[0].sig", "="),
    ],
)
def test_a_malformed_envelope_is_refused_by_its_field(field: str, text: str) -> None:
    found = judged(altered(released(), {f"envelope.{field}": text}))
    assert reasons(found) == [(Reason.MALFORMED, f"spec.envelope.{field}")]


LAST = dt.date(2026, 6, 1)


@pytest.mark.parametrize(
    ("created", "now", "verified"),
    [
        (None, NOW, True),
        (None, NOW + DAY, False),
        (NOW, NOW + 300 * DAY, True),  # what came in before goes on counting
        (NOW + 11 * HOUR, NOW, True),
        (NOW + 12 * HOUR, NOW, False),
        # The day is told in UTC, whatever the zone of the clock.
        (dt.datetime(2026, 6, 2, 1, tzinfo=dt.timezone(2 * HOUR)), NOW, True),
        (dt.datetime(2026, 6, 1, 23, tzinfo=dt.timezone(-2 * HOUR)), NOW, False),
    ],
)
def test_a_key_counts_for_what_was_created_by_its_last_day(
    created: dt.datetime | None, now: dt.datetime, verified: bool
) -> None:
    found = judged(released(), policy(key("ci", LAST)), now=now, created=created)
    assert found.verified is verified
    if not verified:
        assert reasons(found) == [(Reason.EXPIRED_KEY, "spec.envelope.signatures[0]")]
        assert "2026-06-01" in found.refusals[0].problem


def test_a_key_is_rotated_while_releases_are_open() -> None:
    old, new = released(), released(by="ci-2027")
    asked = policy(key("ci", LAST), key("ci-2027"))
    later = {"now": NOW + 30 * DAY, "created": NOW + 30 * DAY}
    assert judged(old, asked, now=NOW + 30 * DAY, created=NOW).verified
    assert judged(new, asked, **later).verified
    assert reasons(judged(old, asked, **later))[0][0] is Reason.EXPIRED_KEY
    # Taken out, it counts for nothing any more: that is what happens to a key that was stolen.
    assert (
        reasons(judged(old, policy(key("ci-2027")), now=NOW, created=NOW))[0][0]
        is Reason.UNKNOWN_KEY
    )


def test_a_key_that_is_declared_twice_counts_by_the_better_end() -> None:
    asked = policy(key("ci", LAST), key("ci"))
    assert judged(released(), asked, now=NOW + 2 * DAY).verified


def test_without_a_key_nothing_is_verified() -> None:
    assert reasons(judged(released(), Policy(()))) == [(Reason.NO_KEYS, "spec.envelope.signatures")]


def test_a_key_that_cannot_be_read_is_named_where_it_could_be_the_one() -> None:
    doubt = Doubt("spec.zones[1].images.releaseKeys[0].publicKey", "new", "cannot be read")
    bad = Policy((), (doubt,))
    assert reasons(judged(released(), bad)) == [
        (Reason.UNKNOWN_KEY, "spec.envelope.signatures[0]"),
        (Reason.UNREADABLE_KEY, doubt.field),
    ]
    assert judged(released(), Policy((key("ci"),), (doubt,))).verified


@pytest.mark.parametrize(
    ("changes", "asked", "refused"),
    [
        ({}, ALL, []),
        ({"scan.counts.critical": 1}, ALL, [(Reason.OVER_LIMIT, "spec.scan.counts.critical")]),
        ({"scan.counts.high": 1}, ALL, [(Reason.OVER_LIMIT, "spec.scan.counts.high")]),
        ({"scan.counts.high": 5}, {"limits": Limits(0, 5, 14 * DAY)}, []),
        (
            {"scan.counts.high": 6},
            {"limits": Limits(0, 5, 14 * DAY)},
            [(Reason.OVER_LIMIT, "spec.scan.counts.high")],
        ),
        ({"scan.counts.medium": 999, "scan.counts.unknown": 999}, ALL, []),
        ({"scan.counts.critical": 999}, {}, []),
        (
            {"tests[1].passed": False},
            {},
            [(Reason.FAILED_TEST, "spec.tests[1].passed")],
        ),
        ({"promotedFrom": "test"}, ALL, [(Reason.NOT_PROMOTED, "spec.promotedFrom")]),
        ({"promotedFrom": DROP}, ALL, [(Reason.NOT_PROMOTED, "spec.promotedFrom")]),
        ({"promotedFrom": DROP}, {}, []),
        ({"workload": "billing"}, ALL, [(Reason.OTHER_WORKLOAD, "spec.workload")]),
        ({"workload": "billing"}, {}, []),
        (
            {"scan.counts.critical": 2, "scan.counts.high": 2, "tests[0].passed": False},
            ALL,
            [
                (Reason.OVER_LIMIT, "spec.scan.counts.critical"),
                (Reason.OVER_LIMIT, "spec.scan.counts.high"),
                (Reason.FAILED_TEST, "spec.tests[0].passed"),
            ],
        ),
    ],
)
def test_a_release_must_be_what_is_asked_for(
    changes: dict[str, Any], asked: dict[str, Any], refused: list[tuple[Reason, str]]
) -> None:
    found = judged(released(changes), policy(**asked))
    assert reasons(found) == refused
    assert found.verified is not bool(refused)
    assert found.key == key("ci")  # signed it is, all the same


def test_numbers_are_told() -> None:
    found = judged(released({"scan.counts.high": 7}), policy(limits=Limits(0, 5, DAY * 14)))
    assert found.refusals[0].problem == (
        "7 vulnerabilities of high severity, and at most 5 may be there"
    )


DATABASE = dt.datetime(2026, 5, 31, 6, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (DATABASE, None),
        (DATABASE + 7 * DAY, None),
        (DATABASE + 7 * DAY + SECOND, Reason.DATABASE_TOO_OLD),
        (DATABASE + 400 * DAY, Reason.DATABASE_TOO_OLD),
        # Clocks that are off by hours: a local time that was taken for UTC.
        (DATABASE - 14 * HOUR, None),
        (DATABASE - 24 * HOUR, None),
        (DATABASE - 24 * HOUR - SECOND, Reason.IN_THE_FUTURE),
    ],
)
def test_the_age_of_the_scanners_database_is_told_by_the_time_given(
    now: dt.datetime, reason: Reason | None
) -> None:
    early = "2026-05-29T00:00:00Z"
    spec = released({"tests[0].date": early, "tests[1].date": early})
    found = judged(spec, policy(limits=STRICT), now=now)
    expected = [] if reason is None else [(reason, "spec.scan.databaseDate")]
    assert reasons(found) == expected


def test_a_test_that_is_yet_to_end_proves_nothing() -> None:
    found = judged(released({"tests[0].date": "2026-06-02T12:00:01Z"}))
    assert reasons(found) == [(Reason.IN_THE_FUTURE, "spec.tests[0].date")]


GOOD = released()
PAYLOAD = opened(GOOD.envelope).payload
SIGNATURE = opened(GOOD.envelope).signatures[0].signature


@given(st.integers(0, len(PAYLOAD) - 1), st.integers(1, 255))
def test_a_payload_with_any_byte_changed_is_refused(index: int, mask: int) -> None:
    changed = bytearray(PAYLOAD)
    changed[index] ^= mask
    assert_refused({"envelope.payload": base64.b64encode(changed).decode()})


@given(st.binary(min_size=1, max_size=100).filter(lambda found: found != SIGNATURE))
def test_any_other_signature_is_refused(signature: bytes) -> None:
    assert_refused({"envelope.signatures[0].sig": base64.b64encode(signature).decode()})


@given(st.integers(0, 63), st.integers(1, 255))
def test_a_signature_with_any_byte_changed_is_refused(index: int, mask: int) -> None:
    changed = bytearray(SIGNATURE)
    changed[index] ^= mask
    assert_refused({"envelope.signatures[0].sig": base64.b64encode(changed).decode()})


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
def test_any_other_payload_type_is_refused(kind: str) -> None:
    assert_refused({"envelope.payloadType": kind})


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    match value:
        case dict():
            return [
                leaf for k, v in value.items() for leaf in leaves(v, f"{path}.{k}" if path else k)
            ]
        case list():
            return [leaf for i, v in enumerate(value) for leaf in leaves(v, f"{path}[{i}]")]
    return [(path, value)]


LEAVES = leaves(releases.unsigned()["spec"])


@settings(max_examples=300)
@given(st.sampled_from(LEAVES), st.data())
def test_any_other_value_of_any_field_is_refused(
    leaf: tuple[str, Any], data: st.DataObject
) -> None:
    path, value = leaf
    match value:
        case bool():
            other: Any = not value
        case int():
            other = data.draw(st.integers(0, 10**6).filter(lambda n: n != value))
        case _:
            index = data.draw(st.integers(0, len(value) - 1))
            letters = st.characters(min_codepoint=32, max_codepoint=126)
            other = value[:index] + data.draw(letters) + value[index + 1 :]
            if other == value:
                return
    try:
        spec = altered(GOOD, {path: other})
    except ValidationError:
        return  # the API server would not even store it
    found = judged(spec)
    assert not found.verified
    assert found.key is None
    assert found.refusals[0].field == f"spec.{path}"


@pytest.mark.parametrize("path", [path for path, _ in LEAVES])
def test_a_field_that_is_left_out_is_refused(path: str) -> None:
    try:
        spec = altered(GOOD, {path: DROP})
    except ValidationError:
        return
    assert_refused_spec(spec)


def assert_refused(changes: dict[str, Any]) -> None:
    assert_refused_spec(altered(GOOD, changes))


def assert_refused_spec(spec: ReleaseSpec) -> None:
    found = judged(spec)
    assert not found.verified
    assert found.key is None
    assert found.refusals


def test_and_unchanged_it_is_verified() -> None:
    # What the tests above change is good, or they would prove nothing.
    assert judged(altered(GOOD, {})).verified
    assert encoded(json.loads(PAYLOAD)) == PAYLOAD
