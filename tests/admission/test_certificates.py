"""What is done with certificates, and when."""

import datetime as dt
import socket
import ssl
import threading
from base64 import b64encode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from phiwarden.admission import tls
from phiwarden.admission.certificates import (
    SKEW,
    Certificates,
    Step,
    Terms,
    Unusable,
    advance,
    decode,
    due,
    encode,
    issue,
)

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOSTS = ("phiwarden-admission.phiwarden-system.svc",)
TERMS = Terms.of(90 * DAY)
IDENTITY = issue(HOSTS, NOW, TERMS.lifetime)
NEXT = issue(HOSTS, NOW + 60 * DAY, TERMS.lifetime)
STEADY = Certificates(IDENTITY, NOW)
ANNOUNCED = Certificates(IDENTITY, NOW + 60 * DAY, coming=NEXT)
SWITCHED = Certificates(NEXT, NOW + 60 * DAY, former=IDENTITY.ca)
MINUTE = dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("held", "after", "published", "step"),
    [
        pytest.param(None, 0 * DAY, False, Step.CREATE, id="empty"),
        pytest.param(STEADY, 59 * DAY, True, Step.WAIT, id="young"),
        pytest.param(STEADY, 60 * DAY, True, Step.ANNOUNCE, id="two thirds of its life are over"),
        pytest.param(STEADY, 60 * DAY, False, Step.ANNOUNCE, id="not published, and ends"),
        pytest.param(STEADY, 100 * DAY, True, Step.ANNOUNCE, id="ended"),
        pytest.param(ANNOUNCED, 60 * DAY, True, Step.WAIT, id="announced just now"),
        pytest.param(ANNOUNCED, 60 * DAY + 4 * MINUTE, True, Step.WAIT, id="not yet settled"),
        pytest.param(ANNOUNCED, 60 * DAY + 5 * MINUTE, True, Step.SWITCH, id="settled"),
        pytest.param(ANNOUNCED, 61 * DAY, False, Step.WAIT, id="settled, but nobody was told"),
        pytest.param(SWITCHED, 60 * DAY + 4 * MINUTE, True, Step.WAIT, id="replicas change over"),
        pytest.param(SWITCHED, 60 * DAY + 5 * MINUTE, True, Step.FORGET, id="all changed over"),
        pytest.param(SWITCHED, 130 * DAY, True, Step.FORGET, id="forgets before it begins anew"),
    ],
)
def test_the_next_step(
    held: Certificates | None, after: dt.timedelta, published: bool, step: Step
) -> None:
    assert due(held, NOW + after, TERMS, HOSTS, published=published) is step


def test_other_hosts_begin_a_rotation() -> None:
    assert due(STEADY, NOW, TERMS, (*HOSTS, "10.0.0.5"), published=True) is Step.ANNOUNCE


def test_a_whole_rotation_always_trusts_what_is_served() -> None:
    held, now = STEADY, NOW + 60 * DAY
    seen = []
    while True:
        step = due(held, now, TERMS, HOSTS, published=True)
        if step is Step.WAIT and held.coming is None and held.former is None and seen:
            break
        if step is Step.WAIT:
            now += TERMS.settle
            continue
        before = held.bundle
        held = advance(held, step, now, TERMS, HOSTS)
        seen.append(step)
        # Whoever still trusts the bundle of before, trusts what is served now.
        assert held.current.ca in before
        assert held.current.ca in held.bundle
    assert seen == [Step.ANNOUNCE, Step.SWITCH, Step.FORGET]
    assert held.current.not_after == now - 2 * TERMS.settle + TERMS.lifetime
    assert held.bundle.count(b"BEGIN CERTIFICATE") == 1


def test_a_step_that_does_not_fit_changes_nothing() -> None:
    assert advance(STEADY, Step.SWITCH, NOW, TERMS, HOSTS) == STEADY
    assert advance(STEADY, Step.WAIT, NOW, TERMS, HOSTS) == STEADY


def test_short_lives_settle_quickly() -> None:
    assert Terms.of(dt.timedelta(seconds=40)).settle == dt.timedelta(seconds=2)


@pytest.mark.parametrize("held", [STEADY, ANNOUNCED, SWITCHED])
def test_the_secret_carries_everything(held: Certificates) -> None:
    assert decode(encode(held)) == held


def test_the_secret_holds_no_key_of_a_ca() -> None:
    keys = {key for key in encode(ANNOUNCED) if key.endswith(".key")}
    assert keys == {"tls.key", "next-tls.key"}
    for identity in (IDENTITY, NEXT):
        ca = x509.load_pem_x509_certificate(identity.ca)
        key = load_pem_private_key(identity.key, password=None)
        assert ca.public_key() != key.public_key()


def test_an_empty_secret_holds_nothing() -> None:
    assert decode({}) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tls.key", b64encode(NEXT.key).decode()),
        ("tls.crt", "!"),
        ("ca.crt", b64encode(b"none").decode()),
        ("since", b64encode(b"yesterday").decode()),
        ("tls.crt", b64encode(IDENTITY.ca).decode()),
    ],
)
def test_what_cannot_be_served_is_unusable(key: str, value: str) -> None:
    with pytest.raises(Unusable):
        decode({**encode(STEADY), key: value})


@pytest.mark.parametrize("missing", ["tls.key", "ca.crt", "since"])
def test_what_is_incomplete_is_unusable(missing: str) -> None:
    data = encode(STEADY)
    del data[missing]
    with pytest.raises(Unusable):
        decode(data)


def test_no_key_is_printed() -> None:
    assert "KEY" not in repr(ANNOUNCED)


def test_a_certificate_is_for_names_and_addresses() -> None:
    hosts = ("127.0.0.1", "::1", "feedback.example")
    identity = issue(hosts, NOW, TERMS.lifetime)
    assert identity.hosts == frozenset(hosts)
    certificate = x509.load_pem_x509_certificate(identity.certificate)
    assert certificate.not_valid_before_utc == NOW - SKEW


def test_a_new_certificate_is_served_without_closing_anything() -> None:
    """A connection that is open goes on; a new one meets the new certificate."""
    now = dt.datetime.now(dt.UTC)
    first, second = (issue(("localhost",), now, DAY) for _ in range(2))
    server = tls.context()
    tls.load(server, first.certificate, first.key)
    before = meet(server, first.ca)
    tls.load(server, second.certificate, second.key)
    after = meet(server, second.ca)
    for client, service in (before, after):
        client.sendall(b"ping")
        assert service.recv(4) == b"ping"
        client.close()
        service.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(server, first.ca)


def test_a_key_of_another_certificate_is_refused() -> None:
    with pytest.raises(ssl.SSLError):
        tls.load(tls.context(), IDENTITY.certificate, NEXT.key)


def meet(server: ssl.SSLContext, ca: bytes) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Return the two ends of a connection whose client trusts a CA."""
    near, far = socket.socketpair()
    accepted: list[ssl.SSLSocket] = []

    def accept() -> None:
        try:
            accepted.append(server.wrap_socket(far, server_side=True))
        except (OSError, ssl.SSLError):
            far.close()

    thread = threading.Thread(target=accept)
    thread.start()
    client = ssl.create_default_context(cadata=ca.decode())
    try:
        return client.wrap_socket(near, server_hostname="localhost"), _last(thread, accepted)
    except ssl.SSLError:
        near.close()
        thread.join()
        raise


def _last(thread: threading.Thread, accepted: list[ssl.SSLSocket]) -> ssl.SSLSocket:
    thread.join()
    return accepted[0]
