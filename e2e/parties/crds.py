"""The CustomResourceDefinitions of other projects, out of the Go modules that carry them."""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.controlplane import sources
from e2e.parties.binaries import EXTERNAL_SECRETS, MODULES
from e2e.rest import APPLY, Rest
from e2e.waiting import until

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_FIELD_MANAGER = "phiwarden-e2e"
# In C where it was built with it: a CRD of many fields takes Python seconds to read.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Party:
    """Where a project keeps its CRDs: a Go module, and the folder in it."""

    module: str
    folder: str


PARTIES: Mapping[str, Party] = {
    "external-secrets": Party(EXTERNAL_SECRETS, "config/crds/bases"),
    "cert-manager": Party("github.com/cert-manager/cert-manager", "deploy/crds"),
    "vault-secrets-operator": Party(
        "github.com/hashicorp/vault-secrets-operator", "config/crd/bases"
    ),
    "secrets-store-csi-driver": Party("sigs.k8s.io/secrets-store-csi-driver", "config/crd/bases"),
    "external-snapshotter": Party(
        "github.com/kubernetes-csi/external-snapshotter/client/v8", "config/crd"
    ),
}


def archive(party: str) -> Path:
    """Return the source of a party, downloaded once per machine; BuildError if it cannot be had."""
    return sources.archive(PARTIES[party].module, MODULES / "crds")


@functools.cache
def crds(party: str) -> list[dict[str, Any]]:
    """Return all CRDs of a party, as its release has them."""
    with zipfile.ZipFile(archive(party)) as opened:
        manifests = [
            manifest
            for member in sorted(opened.namelist())
            if _carries(PARTIES[party], member)
            for manifest in yaml.load_all(opened.read(member), _LOADER)
        ]
    found = [m for m in manifests if m and m["kind"] == "CustomResourceDefinition"]
    if not found:
        raise ValueError(f"{PARTIES[party].module} has no CRDs in {PARTIES[party].folder}")
    return found


def install(admin: Rest, party: str, *plurals: str) -> list[str]:
    """Have a party's CRDs, and return their names once the API server serves all of them.

    Those that are there already are left as this wrote them, so every test may ask.

    Args:
        admin: somebody who may do that.
        party: one of PARTIES.
        plurals: such as `externalsecrets`, where not all are wanted: some are large.
    """
    wanted = [c for c in crds(party) if not plurals or c["spec"]["names"]["plural"] in plurals]
    assert len(wanted) == len(plurals or crds(party)), (party, plurals)
    for crd in wanted:
        # Not created: a second test process may be at it on the same cluster.
        answer = admin.request(
            "PATCH",
            f"{CRDS}/{crd['metadata']['name']}",
            crd,
            content=APPLY,
            fieldManager=_FIELD_MANAGER,
            force="true",
        )
        assert answer.ok, answer.message
    for crd in wanted:
        until(functools.partial(served, admin, crd), f"{crd['metadata']['name']} is served")
    return [crd["metadata"]["name"] for crd in wanted]


def uninstall(admin: Rest, party: str) -> None:
    """Remove a party's CRDs with all objects of their kinds, and return once they are gone.

    Objects with finalizers need their controller for that.
    """
    paths = [f"{CRDS}/{crd['metadata']['name']}" for crd in crds(party)]
    for path in paths:
        admin.delete(path)
    for path in paths:
        until(functools.partial(_gone, admin, path), f"{path} is gone")


def served(admin: Rest, crd: Mapping[str, Any]) -> bool:
    """Whether the API server has established the kind of a CRD, and lists it in every version."""
    status = admin.get(f"{CRDS}/{crd['metadata']['name']}").body.get("status", {})
    established = any(
        condition["type"] == "Established" and condition["status"] == "True"
        for condition in status.get("conditions") or ()
    )
    spec = crd["spec"]
    paths = [
        f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
        for version in spec["versions"]
        if version["served"]
    ]
    # Its handlers learn of that a moment later.
    return established and all(admin.get(path, limit="1").ok for path in paths)


def _gone(admin: Rest, path: str) -> bool:
    return admin.get(path).code == 404


def _carries(party: Party, member: str) -> bool:
    _, _, rest = member.partition("@")
    _, _, path = rest.partition("/")
    folder, _, name = path.rpartition("/")
    return folder == party.folder and name.endswith(".yaml")
