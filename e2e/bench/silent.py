"""A webhook that says nothing and looks at nothing: what any webhook at all costs a request.

python -m e2e.bench.silent PORT CERTIFICATE KEY
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_UID = re.compile(rb'"uid":"([^"]+)"')


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Allow every review that comes over a connection, until the API server closes it."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            uid = _UID.search(body)
            writer.write(_answer(uid[1].decode() if uid else ""))
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


def _answer(uid: str) -> bytes:
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": uid, "allowed": True},
    }
    body = json.dumps(review).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def main(port: int, certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(_serve, "127.0.0.1", port, ssl=context, limit=2**24)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
