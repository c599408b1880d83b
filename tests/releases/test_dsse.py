"""DSSE envelopes: what the protocol says, and what is no envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.release import Envelope
from phiwarden.releases.dsse import Malformed, Opened, Signed, closed, from_json, opened, pae
from phiwarden.releases.keys import public_key

from .made import public_pem

# https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test Vectors".
X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
VECTOR = """
{"payload": "aGVsbG8gd29ybGQ=",
 "payloadType": "http://example.com/HelloWorld",
 "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}
"""


class _OfTheVector:
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return ec.EllipticCurvePublicNumbers(X, Y, ec.SECP256R1()).public_key()


def test_the_encoding_is_that_of_the_protocols_example() -> None:
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_are_of_bytes_and_an_empty_payload_has_none() -> None:
    assert pae("\u00e9", b"") == b"DSSEv1 2 \xc3\xa9 0 "


def test_the_protocols_example_is_verified_by_its_key_and_no_other_bytes_are() -> None:
    key = public_key("example", public_pem(_OfTheVector()))
    content = opened(from_json(VECTOR))
    (signature,) = content.signatures
    assert (content.payload, signature.key_id) == (b"hello world", "")
    assert key.verifies(content.message, signature.signature)
    assert not key.verifies(content.payload, signature.signature)
    assert not key.verifies(pae(content.payload_type, b"hello World"), signature.signature)


@given(st.binary(min_size=1), st.text(min_size=1, max_size=80), st.binary(min_size=1, max_size=90))
def test_what_is_closed_is_opened_as_the_same(payload: bytes, kind: str, signature: bytes) -> None:
    content = Opened(payload, kind, (Signed("", signature), Signed("k", signature)))
    assert opened(closed(content)) == content
    assert opened(from_json(closed(content).model_dump_json(by_alias=True))) == content


@given(
    st.tuples(st.text(max_size=20), st.binary(max_size=20)),
    st.tuples(st.text(max_size=20), st.binary(max_size=20)),
)
def test_no_two_contents_have_one_encoding(
    one: tuple[str, bytes], other: tuple[str, bytes]
) -> None:
    assert (pae(*one) == pae(*other)) == (one == other)


def envelope(**changes: Any) -> Envelope:
    return Envelope.model_validate(
        {"payload": "e30=", "payloadType": "t", "signatures": [{"sig": "c2ln"}], **changes}
    )


@pytest.mark.parametrize("text", ["+/+/", "-_-_"])
def test_both_alphabets_of_base64_are_read(text: str) -> None:
    assert opened(envelope(payload=text)).payload == b"\xfb\xff\xbf"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("e30", "cut off, or has not its padding"),
        ("e30==", "cut off"),
        ("e", "cut off"),
        ("e31=", "bits that stand for nothing"),
        ("e3 0=", "without white space"),
        ("e30=\n", "without white space"),
        ("+_==", "one alphabet"),
        ("e30=e30=", "must be base64"),
        ("{}", "must be base64"),
        ("\u0435\u0437\u043e=", "must be base64"),
        ("=", "cut off"),
        ("==", "cut off"),
    ],
)
@pytest.mark.parametrize("field", ["payload", "signatures[1].sig"])
def test_what_is_no_strict_base64_is_refused_by_its_field(
    field: str, text: str, words: str
) -> None:
    signatures = [{"sig": "c2ln"}, {"sig": "c2ln"}]
    bad = (
        envelope(payload=text)
        if field == "payload"
        else envelope(signatures=[signatures[0], {"sig": text}])
    )
    with pytest.raises(Malformed, match=words) as caught:
        opened(bad)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is no JSON"),
        (b"{", "line 1, column 2"),
        (b"\xff", "not UTF-8"),
        (b"[]", "valid dictionary"),
        (b"null", "valid dictionary"),
        (b"{}", "^payload: Field required"),
        (b'{"payload": 1, "payloadType": "t", "signatures": [{"sig": "c2ln"}]}', "^payload: "),
        (
            b'{"payload": "e30=", "payload_type": "t", "signatures": [{"sig": "c2ln"}]}',
            "payloadType",
        ),
        (b'{"payload": "e30=", "payloadType": "t", "signatures": []}', "^signatures: "),
        (b'{"payload": "e30=", "payloadType": "t", "signatures": [{}]}', r"^signatures\[0\].sig: "),
        (
            b'{"payload": "e30=", "payload": "e30=", "payloadType": "t"}',
            "^payload: stands there twice",
        ),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_envelope_is_refused_with_what_is_wrong(text: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        from_json(text)


def test_fields_beyond_the_protocol_are_passed_over() -> None:
    more = {**json.loads(VECTOR), "later": {"a": [1]}}
    assert from_json(json.dumps(more)) == from_json(VECTOR)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_get_past_the_typed_error(content: bytes) -> None:
    try:
        opened(from_json(content))
    except Malformed:
        return
    raise AssertionError("random bytes were an envelope")
