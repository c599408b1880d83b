"""Requests to the API server, on plain dictionaries.

The kubernetes client's asyncio side brings configuration, authentication and
TLS. Its generated models are left out: server-side apply needs manifests
exactly as compiled, and a watch of many objects needs no classes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import aiohttp
import yaml
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from phiwarden import __version__
from phiwarden.api import names, patches
from phiwarden.cluster.resources import collection, item
from phiwarden.rulebook.shapes import Kind

Object = dict[str, Any]

APPLY: Final = "application/apply-patch+yaml"
JSON_PATCH: Final = patches.JSON_PATCH
MERGE_PATCH: Final = patches.MERGE_PATCH

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
"""Asks for objects without anything but their metadata: the rest is never sent."""

REQUEST_TIMEOUT: Final = 30.0
"""Seconds after which a request that is no watch is given up."""

WATCH_SILENCE: Final = 100.0
"""Seconds without a byte after which a watch is held for dead; the API server
sends a bookmark about once a minute."""

_PAGE: Final = 500
_CONNECTIONS: Final = 64


class ClusterError(Exception):
    """The API server could not be reached, or refused a request."""


class NotConfigured(ClusterError):
    """No kubeconfig says where the API server is, or the one that does cannot be read."""


class Unreachable(ClusterError):
    """No answer: a connection failed, broke or timed out."""


class Refused(ClusterError):
    """The API server answered with an error.

    Attributes:
        code: HTTP status.
        reason: machine-readable reason of the answer, such as "Conflict"; may be "".
        message: the API server's words.
    """

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message


class Gone(Refused):
    """The resource version is too old (410): list again."""


class Api:
    """A connection to one API server."""

    def __init__(self, client: ApiClient, manager: str) -> None:
        self._client = client
        self._manager = manager

    @classmethod
    async def connect(cls, kubeconfig: str | None = None) -> Self:
        """Return a connection by the pod's service account, else by a kubeconfig.

        Args:
            kubeconfig: path of the file; KUBECONFIG, or the usual place, if None.

        Raises:
            kubernetes.config.ConfigException: neither is there.
        """
        configuration = Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            await config.load_kube_config(kubeconfig, client_configuration=configuration)
        return cls._by(configuration, names.FIELD_MANAGER)

    @classmethod
    @asynccontextmanager
    async def as_user(
        cls, kubeconfig: str | None = None, context: str | None = None
    ) -> AsyncIterator[Self]:
        """Have a connection by a kubeconfig, as kubectl makes one, for the duration of a block.

        Args:
            kubeconfig: path of the file; KUBECONFIG, or the usual place, if None.
            context: name of a context in it; the current one if None.

        Raises:
            NotConfigured: there is none, or it cannot be read.
        """
        configuration = Configuration()
        try:
            await config.load_kube_config(
                kubeconfig, context, client_configuration=configuration, persist_config=False
            )
        except (config.ConfigException, OSError, TypeError, ValueError, yaml.YAMLError) as error:
            raise NotConfigured(f"no usable kubeconfig: {error}") from error
        api = cls._by(configuration, names.CLI_MANAGER)
        try:
            yield api
        finally:
            await api.close()

    @classmethod
    def _by(cls, configuration: Configuration, manager: str) -> Self:
        configuration.connection_pool_maxsize = _CONNECTIONS
        client = ApiClient(configuration)
        client.user_agent = f"{names.FIELD_MANAGER}/{__version__}"
        return cls(client, manager)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Return an object, or None where there is none."""
        try:
            return await self._json("GET", item(kind, namespace, name))
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    async def create(
        self,
        kind: Kind,
        namespace: str | None,
        body: Mapping[str, Any],
        *,
        dry_run: bool = False,
    ) -> Object:
        """Create an object; the API server names it where `generateName` is set.

        With `dry_run` it is judged and answered all the same, and not stored.
        """
        query = {"fieldManager": self._manager, **_dry(dry_run)}
        return await self._json("POST", collection(kind, namespace), query=query, body=body)

    async def apply(
        self, kind: Kind, body: Mapping[str, Any], *, subresource: str | None = None
    ) -> Object:
        """Apply a manifest by server-side apply and return what the API server stored."""
        stored, _ = await self.apply_or_create(kind, body, subresource=subresource)
        return stored

    async def apply_or_create(
        self, kind: Kind, body: Mapping[str, Any], *, subresource: str | None = None
    ) -> tuple[Object, bool]:
        """Apply a manifest; return what is stored, and whether it was not there before."""
        metadata = body["metadata"]
        path = item(kind, metadata.get("namespace"), metadata["name"])
        if subresource is not None:
            path = f"{path}/{subresource}"
        query = {"fieldManager": self._manager, "force": "true"}
        code, stored = await self._answer("PATCH", path, query=query, body=body, content=APPLY)
        return stored, code == 201

    async def replace(self, kind: Kind, body: Mapping[str, Any]) -> Object:
        """Replace an object as a whole; `metadata.resourceVersion` guards the replacement."""
        metadata = body["metadata"]
        path = item(kind, metadata.get("namespace"), metadata["name"])
        query = {"fieldManager": self._manager}
        return await self._json("PUT", path, query=query, body=body)

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        patch: Any,
        *,
        content: str,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Patch an object; `content` is JSON_PATCH or MERGE_PATCH."""
        query = {"fieldManager": self._manager, **_dry(dry_run)}
        path = item(kind, namespace, name)
        if subresource is not None:
            path = f"{path}/{subresource}"
        return await self._json("PATCH", path, query=query, body=patch, content=content)

    async def amend(
        self, kind: Kind, body: Mapping[str, Any], *operations: Mapping[str, Any]
    ) -> Object:
        """Patch an object (JSON Patch), only if nobody changed it since it was read as `body`."""
        metadata = body["metadata"]
        patch = patches.guarded(body, *operations)
        place = (metadata.get("namespace"), metadata["name"])
        return await self.patch(kind, *place, patch, content=JSON_PATCH)

    async def delete(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        version: str | None = None,
    ) -> None:
        """Delete an object; one that is gone already is no error.

        Args:
            kind: what to delete.
            namespace: where, None for what has no namespace.
            name: its name.
            uid: if given, only the object with this uid is deleted.
            version: if given, only if nobody changed it since this resource version.
        """
        asked = {"uid": uid, "resourceVersion": version}
        conditions = {key: value for key, value in asked.items() if value is not None}
        body = {"preconditions": conditions} if conditions else {}
        try:
            await self._json("DELETE", item(kind, namespace, name), body=body)
        except Refused as refused:
            if refused.code != 404:
                raise

    async def pages(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        metadata_only: bool = False,
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """Yield the objects at a path in pages, each with the list's resource version.

        Args:
            path: of the collection.
            query: selectors.
            metadata_only: whether the API server is to leave everything else out.
        """
        accept = _METADATA.format("List") if metadata_only else _JSON
        token = ""
        while True:
            more = {"continue": token} if token else {}
            page = await self._json(
                "GET",
                path,
                query={**(query or {}), **more, "limit": str(_PAGE)},
                accept=accept,
            )
            metadata = page.get("metadata", {})
            yield page.get("items") or [], str(metadata.get("resourceVersion", ""))
            token = str(metadata.get("continue") or "")
            if not token:
                return

    async def list(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        metadata_only: bool = False,
    ) -> list[Object]:
        """Return all objects at a path. Items of a list carry no kind."""
        pages = self.pages(path, query, metadata_only=metadata_only)
        return [entry async for page, _ in pages for entry in page]

    async def watch(
        self,
        path: str,
        version: str,
        query: Mapping[str, str] | None = None,
        *,
        metadata_only: bool = False,
    ) -> AsyncIterator[tuple[str, Object]]:
        """Yield (type, object) of every change after a resource version.

        Ends when the API server ends the watch.

        Raises:
            Gone: the resource version is too old.
            Refused: the API server ended the watch with another error.
            Unreachable: the connection broke or fell silent.
        """
        wanted = {
            **(query or {}),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=WATCH_SILENCE)
        try:
            accept = _METADATA.format("") if metadata_only else _JSON
            response = await self._send("GET", path, query=wanted, timeout=timeout, accept=accept)
            try:
                async for line in _lines(response):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _refusal(event["object"])
                    yield event["type"], event["object"]
            finally:
                response.close()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"watch of {path}: {error!r}") from error

    async def _json(self, method: str, path: str, **request: Any) -> Object:
        _, answer = await self._answer(method, path, **request)
        return answer

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: str | None = None,
        accept: str = _JSON,
    ) -> tuple[int, Object]:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=10)
        try:
            response = await self._send(
                method,
                path,
                query=query,
                body=body,
                content=content,
                timeout=timeout,
                accept=accept,
            )
            async with response:
                return response.status, json.loads(await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError, json.JSONDecodeError) as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error

    async def _send(
        self,
        method: str,
        path: str,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own kind of time limit
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: str | None = None,
        accept: str = _JSON,
    ) -> aiohttp.ClientResponse:
        method, url, headers, _, _ = await self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": accept},
            auth_settings=["BearerToken"],
        )
        if content is not None:
            headers["Content-Type"] = content
        answer = await self._client.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=timeout
        )
        response: aiohttp.ClientResponse = answer.response
        if response.status >= 400:
            async with response:
                raise _refusal(_status(response.status, await response.read()))
        return response


def _dry(dry_run: bool) -> dict[str, str]:  # noqa: FBT001 - one word, one meaning
    return {"dryRun": "All"} if dry_run else {}


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield lines of any length; the reader's own has a limit that big objects pass."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
        for line in lines:
            if line:
                yield line


def _status(code: int, raw: bytes) -> Object:
    try:
        answer = json.loads(raw)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and answer.get("kind") == "Status":
        return answer
    return {"code": code, "reason": "", "message": raw[:200].decode(errors="replace")}


def _refusal(status: Mapping[str, Any]) -> Refused:
    code = int(status.get("code") or 0)
    kind = Gone if code == 410 else Refused
    return kind(code, str(status.get("reason") or ""), str(status.get("message") or ""))
