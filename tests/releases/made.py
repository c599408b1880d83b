"""Keys, releases and what is asked of them, made for tests."""

from __future__ import annotations

import base64
import datetime as dt
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from phiwarden.api.release import ReleaseSpec, Statement
from phiwarden.releases.keys import Key, PrivateKey, SigningKey, public_key, signing_key
from phiwarden.releases.policy import Limits, Policy
from phiwarden.releases.sign import signed
from phiwarden.releases.verify import Reason, Verdict, verdict
from tests.api.declarations import Changes, changed
from tests.api.releases import unsigned

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
STRICT = Limits(0, 0, dt.timedelta(days=7))


@cache
def private(name: str) -> PrivateKey:
    """Return a private key by its name, a new one in each run; a name with `p256` is of ECDSA."""
    if "p256" in name:
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def private_pem(key: Any, passphrase: str = "") -> bytes:
    how = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    found: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
    return found


def public_pem(key: Any) -> str:
    return str(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )


def signer(name: str) -> SigningKey:
    return signing_key(private_pem(private(name)))


def off_curve() -> str:
    """Return a key of the right form whose point is not on the curve."""
    der = bytearray(base64.b64decode("".join(public_pem(private("ci-p256")).splitlines()[1:-1])))
    der[-1] ^= 1
    text = base64.b64encode(der).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text[:64]}\n{text[64:]}\n-----END PUBLIC KEY-----\n"


def key(name: str, not_after: dt.date | None = None) -> Key:
    return public_key(name, public_pem(private(name)), not_after)


def statement(changes: Changes | None = None) -> Statement:
    return Statement.model_validate(changed(unsigned(), changes or {})["spec"])


def released(changes: Changes | None = None, by: str = "ci") -> ReleaseSpec:
    """Return a release that was signed after some changes."""
    stated = statement(changes)
    return ReleaseSpec(**dict(stated), envelope=signed(stated, signer(by)))


def altered(release: ReleaseSpec, changes: Changes) -> ReleaseSpec:
    """Return a release with changes after it was signed."""
    spec = release.model_dump(mode="json", by_alias=True, exclude_none=True)
    return ReleaseSpec.model_validate(changed({"spec": spec}, changes)["spec"])


def policy(*keys: Key, **asked: Any) -> Policy:
    return Policy(keys or (key("ci"),), **asked)


def judged(release: ReleaseSpec, asked: Policy | None = None, **times: Any) -> Verdict:
    return verdict(release, asked or policy(), **{"now": NOW, **times})


def reasons(found: Verdict) -> list[tuple[Reason, str]]:
    return [(refusal.reason, refusal.field) for refusal in found.refusals]
