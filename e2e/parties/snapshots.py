"""A CSI driver and its sidecars, played: volumes and snapshots are made, and nothing is stored.

Real controllers do the rest, as with every driver: the controller manager binds a claim to the
volume that is made for it, the snapshot-controller a VolumeSnapshot to its content. What a volume
or a snapshot is, the objects alone say, so a driver that is stopped and started goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from e2e.controlplane import ControlPlane
from e2e.parties.controllers import account
from e2e.rest import MERGE, Answer, Rest, connect
from phiwarden.api.amounts import parse_quantity

Object = dict[str, Any]

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
CLAIMS = "/api/v1/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
SNAPSHOTS = "/apis/snapshot.storage.k8s.io/v1"
CONTENTS = f"{SNAPSHOTS}/volumesnapshotcontents"

_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_BOUND = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"
_BEING_DELETED = "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted"
_EVERY_SECONDS = 0.1


@dataclass
class Driver:
    """What external-provisioner and csi-snapshotter do beside one driver, in rounds."""

    name: str
    rest: Rest
    uploading: bool = False
    """While set, a new snapshot is cut and not yet ready to use."""
    failure: str = ""
    """While set, what the storage says instead of cutting a snapshot."""
    _ending: threading.Event = field(default_factory=threading.Event)
    _error: BaseException | None = None

    def round(self) -> None:
        """Do what is to be done now."""
        for claim in self._items(CLAIMS):
            self._provision(claim)
        for volume in self._items(VOLUMES):
            self._release(volume)
        for content in self._items(CONTENTS):
            if content["spec"]["driver"] == self.name:
                self._snapshot(content)

    def run(self) -> None:
        """Do rounds until told to end; what goes wrong is kept for `stop`."""
        try:
            while not self._ending.wait(_EVERY_SECONDS):
                self.round()
        except BaseException as error:  # noqa: BLE001 - raised again by stop
            self._error = error

    def stop(self) -> None:
        """End the rounds; raises what ended them before."""
        self._ending.set()
        if self._error:
            raise self._error

    def _items(self, path: str) -> list[Object]:
        items: list[Object] = self.rest.get(path).body.get("items", [])
        return items

    def _provision(self, claim: Object) -> None:
        meta, spec = claim["metadata"], claim["spec"]
        # The controller manager asks the driver of the class by name, and only when it is time.
        asked = meta.get("annotations", {}).get(_PROVISIONER) == self.name
        if not asked or spec.get("volumeName") or "deletionTimestamp" in meta:
            return
        copied = self._copied(claim)
        if copied is None:
            return
        found = self.rest.get(f"{CLASSES}/{spec['storageClassName']}").body
        handle = f"volume-{meta['uid']}"
        volume = {
            "metadata": {
                "name": f"pvc-{meta['uid']}",
                "annotations": {_PROVISIONED_BY: self.name},
            },
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "volumeMode": spec["volumeMode"],
                "storageClassName": spec["storageClassName"],
                "persistentVolumeReclaimPolicy": found.get("reclaimPolicy", "Delete"),
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    **{key: meta[key] for key in ("namespace", "name", "uid", "resourceVersion")},
                },
                "csi": {"driver": self.name, "volumeHandle": handle, "volumeAttributes": copied},
            },
        }
        # There already, it waits to be bound.
        _done(self.rest.create(VOLUMES, volume))

    def _copied(self, claim: Object) -> dict[str, str] | None:
        """Return what a volume says of its origin; None while that cannot be copied from."""
        source = claim["spec"].get("dataSource")
        if not source:
            return {}
        namespace, name = claim["metadata"]["namespace"], source["name"]
        if source["kind"] == "PersistentVolumeClaim":
            path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}"
            bound = self.rest.get(path).body.get("spec", {}).get("volumeName")
            volume = self.rest.get(f"{VOLUMES}/{bound}").body if bound else {}
            handle = volume.get("spec", {}).get("csi", {}).get("volumeHandle")
            return {"sourceVolume": handle} if handle else None
        status = self._status(f"{SNAPSHOTS}/namespaces/{namespace}/volumesnapshots/{name}")
        if not status.get("readyToUse"):
            return None
        cut = self._status(f"{CONTENTS}/{status['boundVolumeSnapshotContentName']}")
        asked = claim["spec"]["resources"]["requests"]["storage"]
        if "snapshotHandle" not in cut or parse_quantity(asked) < cut.get("restoreSize", 0):
            return None
        return {"sourceSnapshot": cut["snapshotHandle"]}

    def _status(self, path: str) -> Object:
        answer = self.rest.get(path)
        status: Object = answer.body.get("status", {}) if answer.ok else {}
        return status

    def _release(self, volume: Object) -> None:
        spec = volume["spec"]
        mine = volume["metadata"].get("annotations", {}).get(_PROVISIONED_BY) == self.name
        over = volume.get("status", {}).get("phase") == "Released"
        if mine and over and spec["persistentVolumeReclaimPolicy"] == "Delete":
            _done(self.rest.delete(f"{VOLUMES}/{volume['metadata']['name']}"))

    def _snapshot(self, content: Object) -> None:
        status, source = content.get("status", {}), content["spec"]["source"]
        if "deletionTimestamp" in content["metadata"]:
            self._forget(content)
        elif not status.get("readyToUse"):
            self._cut(content, source.get("snapshotHandle") or status.get("snapshotHandle"))

    def _cut(self, content: Object, handle: str | None) -> None:
        if self.failure and not handle:
            error = {"message": self.failure, "time": _now()}
            if content.get("status", {}).get("error", {}).get("message") != self.failure:
                self._write(content, {"readyToUse": False, "error": error})
            return
        ready = not self.uploading
        if handle and not ready:
            return
        volume = content["spec"]["source"].get("volumeHandle")
        cut = {
            "snapshotHandle": handle or f"snapshot-{content['metadata']['uid']}",
            "readyToUse": ready,
            "creationTime": content.get("status", {}).get("creationTime") or time.time_ns(),
            "error": None,
        }
        sizes = [
            int(parse_quantity(each["spec"]["capacity"]["storage"]))
            for each in self._items(VOLUMES)
            if volume and each["spec"].get("csi", {}).get("volumeHandle") == volume
        ]
        self._write(content, cut | ({"restoreSize": sizes[0]} if sizes else {}))

    def _forget(self, content: Object) -> None:
        meta, spec = content["metadata"], content["spec"]
        finalizers = meta.get("finalizers", [])
        unbound = spec["source"].get("snapshotHandle") and not spec["volumeSnapshotRef"].get("uid")
        # Before that, the snapshot-controller still looks whether a claim is made from it.
        released = _BEING_DELETED in meta.get("annotations", {})
        if _BOUND not in finalizers or not (released or unbound):
            return
        if spec["deletionPolicy"] == "Delete" and content.get("status", {}).get("snapshotHandle"):
            gone = dict.fromkeys(("snapshotHandle", "readyToUse", "creationTime", "restoreSize"))
            self._write(content, gone)
            return
        left = [each for each in finalizers if each != _BOUND]
        body = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": left}}
        _done(self.rest.request("PATCH", f"{CONTENTS}/{meta['name']}", body, content=MERGE))

    def _write(self, content: Object, status: Object) -> None:
        path = f"{CONTENTS}/{content['metadata']['name']}/status"
        _done(self.rest.request("PATCH", path, {"status": status}, content=MERGE))


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _done(answer: Answer) -> None:
    # Somebody was faster, or it is gone: the next round sees what there is then.
    assert answer.ok or answer.code in (404, 409), answer.body


@contextmanager
def driver(cluster: ControlPlane, name: str) -> Iterator[Driver]:
    """Play a driver for the duration of a block; a StorageClass names it as its provisioner."""
    played = Driver(name, connect(account(cluster, "csi-driver", "kube-system")))
    thread = threading.Thread(target=played.run, name=name, daemon=True)
    thread.start()
    try:
        yield played
    finally:
        played.stop()
        thread.join()
