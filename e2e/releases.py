"""Releases, as the stories about them bring and decide them."""

from __future__ import annotations

from typing import Any

from e2e.exceptions import moment
from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.api.release import ReleaseSpec
from phiwarden.releases.sign import signed
from phiwarden.rulebook.examples import DIGEST
from tests.api.declarations import changed
from tests.api.releases import unsigned
from tests.releases.made import signer, statement

Object = dict[str, Any]


def releases(namespace: str) -> str:
    """Return the path of a namespace's releases."""
    return f"/apis/phiwarden.dev/v1alpha1/namespaces/{namespace}/phireleases"


def stated(workload: str, *digests: str, **changes: Any) -> Object:
    """Return what a release of a workload changes of the example's statement."""
    repository = "registry.hospital.example/portal/api"
    images = [{"repository": repository, "digest": digest} for digest in digests or (DIGEST,)]
    test = {"name": "integration", "passed": True, "date": moment(hours=-1)}
    return {
        "workload": workload,
        "images": images,
        "scan.databaseDate": moment(hours=-2),
        "tests": [{**test, "link": "https://ci.hospital.example/portal/8123"}],
        **changes,
    }


def brought(name: str, by: str, *, uid: str = "") -> Object:
    """Return the metadata of a release that somebody brings."""
    notes = {names.SUBMITTED_BY: by, **({names.SUBMITTED_BY_UID: uid} if uid else {})}
    return {"name": name, "annotations": notes}


def unsigned_release(name: str, by: str, changes: Object) -> Object:
    """Return a release as CI fills it in."""
    return {**changed(unsigned(), changes), "metadata": brought(name, by)}


def release(
    name: str,
    by: str,
    changes: Object,
    *,
    key: str = "ci",
    after: Object | None = None,
    uid: str = "",
) -> Object:
    """Return a signed release.

    Args:
        name: of the release.
        by: who brings it.
        changes: what it changes of the example's statement.
        key: name of the key that signs it.
        after: what was altered once it was signed.
        uid: of who brings it.
    """
    said = statement(changes)
    spec = ReleaseSpec(**dict(said), envelope=signed(said, signer(key)))
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "PHIRelease",
        "metadata": brought(name, by, uid=uid),
        "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return changed(body, after or {})


def decide(
    rest: Rest, namespace: str, name: str, by: str, decision: str = "Approved", *, uid: str = ""
) -> Answer:
    """Write a decision on a release."""
    who = {"username": by, **({"uid": uid} if uid else {})}
    body = {"status": {"decision": {"type": decision, "by": who}}}
    return rest.request("PATCH", f"{releases(namespace)}/{name}/status", body, content=MERGE)


def said(rest: Rest, namespace: str, name: str, kind: str = "InForce") -> Object:
    """Return a condition of a release, empty if nothing was said yet."""
    status = rest.get(f"{releases(namespace)}/{name}").body.get("status", {})
    found = (each for each in status.get("conditions", ()) if each["type"] == kind)
    return next(found, {})


def await_standing(rest: Rest, namespace: str, name: str, reason: str) -> Object:
    """Wait until it is said why a release is in force or not, and return that."""

    def there() -> Object | None:
        entry = said(rest, namespace, name)
        return entry if entry.get("reason") == reason else None

    return until(there, f"{namespace}/{name}: {reason}; {said(rest, namespace, name)}")
