"""Signing a statement, and taking a signature that was made elsewhere."""

from __future__ import annotations

from phiwarden.api.release import Envelope, Statement
from phiwarden.releases.canonical import statement_bytes
from phiwarden.releases.dsse import PAYLOAD_TYPE, Opened, Signed, closed, pae
from phiwarden.releases.keys import SigningKey


def signed(statement: Statement, key: SigningKey) -> Envelope:
    """Return the envelope of a statement, signed by a key."""
    payload = statement_bytes(statement)
    signature = key.sign(pae(PAYLOAD_TYPE, payload))
    return closed(Opened(payload, PAYLOAD_TYPE, (Signed(key.id, signature),)))
