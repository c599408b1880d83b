"""Keeps the certificate that is served valid: made and rotated here, or taken from a folder."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from phiwarden.admission import tls
from phiwarden.admission.certificates import (
    Certificates,
    Step,
    Terms,
    Unusable,
    advance,
    decode,
    due,
    encode,
)
from phiwarden.admission.settings import OwnCertificates
from phiwarden.cluster import resources
from phiwarden.cluster.client import JSON_PATCH, Api, ClusterError, Refused

log = structlog.get_logger(__name__)

WEBHOOK: Final = "feedback.phiwarden.dev"
"""Name of the webhook in its configuration, as kubectl prints it."""

FILES_CHECK: Final = 10.0
"""Seconds between two looks at a folder of certificates."""


class Keeper(Protocol):
    """Keeps a TLS context supplied with a valid certificate."""

    context: ssl.SSLContext
    loaded: asyncio.Event
    """Set once there is a certificate to serve."""

    async def run(self) -> None:
        """Do so for ever."""


class _Missing(Exception):
    """Something that the chart makes is not there."""


@dataclass
class OwnKeeper:
    """Makes certificates, rotates them, and tells API servers whom to trust.

    Several replicas do this at once: every step is a replacement of the
    Secret at the version that was read, so one of them takes it, and the
    others find it taken.
    """

    api: Api
    settings: OwnCertificates
    clock: Callable[[], dt.datetime]
    context: ssl.SSLContext = field(default_factory=tls.context)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: bytes = b""
    _complained: str = ""

    async def run(self) -> None:
        """Look at the Secret again and again; failures are logged once and retried."""
        terms = Terms.of(self.settings.lifetime)
        while True:
            try:
                step = await self._tick(terms)
                self._complain("")
            except (ClusterError, ssl.SSLError, _Missing) as error:
                self._complain(str(error)[:200])
                step = Step.WAIT
            if step is Step.WAIT:
                await asyncio.sleep(terms.check.total_seconds())

    async def _tick(self, terms: Terms) -> Step:
        """Serve what the Secret holds, publish its bundle, and take the next step if one is due."""
        namespace, name = self.settings.namespace, self.settings.secret
        secret = await self.api.get(resources.SECRET, namespace, name)
        if secret is None:
            raise _Missing(f"no Secret {namespace}/{name}: the chart makes it")
        held = self._read(secret)
        published = False
        if held is not None:
            self._serve(held)
            published = await self._publish(held)
        now, hosts = self.clock(), self.settings.hosts
        step = due(held, now, terms, hosts, published=published)
        if step is Step.WAIT:
            return step
        # A key takes a moment to make, and requests are waiting.
        after = await asyncio.to_thread(advance, held, step, now, terms, hosts)
        await self._write(secret, after, step)
        return step

    def _read(self, secret: Mapping[str, Any]) -> Certificates | None:
        try:
            return decode(secret.get("data") or {})
        except Unusable as error:
            log.warning("certificates.unusable", secret=self.settings.secret, error=str(error))
            return None

    def _serve(self, held: Certificates) -> None:
        if held.current.certificate == self._serving:
            return
        tls.load(self.context, held.current.certificate, held.current.key)
        self._serving = held.current.certificate
        self.loaded.set()
        log.info("certificates.serving", until=held.current.not_after.isoformat())

    async def _publish(self, held: Certificates) -> bool:
        """Have API servers trust the bundle; return whether they were told so before."""
        kind, name = resources.MUTATING_WEBHOOKS, self.settings.configuration
        configuration = await self.api.get(kind, None, name)
        if configuration is None:
            raise _Missing(f"no MutatingWebhookConfiguration {name}: nobody calls")
        bundle = b64encode(held.bundle).decode()
        stale = [
            index
            for index, webhook in enumerate(configuration.get("webhooks") or ())
            if webhook["name"] == WEBHOOK and webhook["clientConfig"].get("caBundle") != bundle
        ]
        for index in stale:
            path = f"/webhooks/{index}"
            patch = [
                {"op": "test", "path": f"{path}/name", "value": WEBHOOK},
                {"op": "add", "path": f"{path}/clientConfig/caBundle", "value": bundle},
            ]
            await self.api.patch(kind, None, name, patch, content=JSON_PATCH)
            log.info("certificates.published", authorities=held.bundle.count(b"BEGIN"))
        return not stale

    async def _write(self, secret: Mapping[str, Any], after: Certificates, step: Step) -> None:
        body = {**secret, "data": encode(after)}
        try:
            await self.api.replace(resources.SECRET, body)
        except Refused as refused:
            if refused.code != 409:
                raise
            return  # another replica was first; what it wrote is read next
        log.info("certificates.step", step=step.value)

    def _complain(self, what: str) -> None:
        """Log what is wrong, once for as long as it stays the same."""
        if what and what != self._complained:
            log.warning("certificates.failing", error=what)
        self._complained = what


@dataclass
class FolderKeeper:
    """Serves tls.crt and tls.key of a folder that somebody else, such as cert-manager, keeps."""

    folder: Path
    context: ssl.SSLContext = field(default_factory=tls.context)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: bytes = b""

    async def run(self) -> None:
        """Look for other files again and again."""
        while True:
            try:
                self._look()
            except (OSError, ssl.SSLError) as error:
                # Between two files of a change, or not there yet.
                log.warning("certificates.failing", error=type(error).__name__)
            await asyncio.sleep(FILES_CHECK)

    def _look(self) -> None:
        certificate = (self.folder / "tls.crt").read_bytes()
        key = (self.folder / "tls.key").read_bytes()
        if certificate == self._serving:
            return
        tls.load(self.context, certificate, key)
        self._serving = certificate
        self.loaded.set()
        log.info("certificates.serving", folder=str(self.folder))
