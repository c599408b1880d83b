"""The server's side of TLS: a context whose certificate can be replaced while it serves."""

from __future__ import annotations

import os
import ssl


def context() -> ssl.SSLContext:
    """Return a context without a certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def load(into: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Serve new connections with this certificate; those that are open go on.

    OpenSSL reads files alone. This one lives in memory, so the key never lies on a disk.

    Args:
        into: a context, which may be in use.
        certificate: PEM, with intermediate certificates if there are any.
        key: PEM.

    Raises:
        ssl.SSLError: they do not belong together, or are none.
    """
    descriptor = os.memfd_create("phiwarden-tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(certificate + b"\n" + key)
        into.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
