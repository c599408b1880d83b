"""phiwarden on a node as users install it: pods of its own image, by the chart, with its rights."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from e2e import image
from e2e.node import peers
from e2e.node.node import Node
from e2e.product import CHART, NAMESPACE, RELEASE

CONTROLLER, ADMISSION = "controller", "admission"
_REPOSITORY = "registry.hospital.example/platform/phiwarden"
_ROLLED_OUT = 120


@contextmanager
def installed(node: Node, scratch: Path) -> Iterator[Node]:
    """Have the chart installed in a restricted namespace for the duration of a block."""
    built = image.build(scratch, _REPOSITORY)
    node.import_image(built.archive)
    node.name_image(built.tagged, built.pinned)
    port = int(node.cluster.server.rpartition(":")[2])
    values = {
        "image": {"repository": _REPOSITORY, "digest": built.digest, "pullPolicy": "Never"},
        "network": {"policies": {"apiServer": {"ports": [443, port]}}},
    }
    arguments = ("upgrade", "--install", RELEASE, str(CHART), "-n", NAMESPACE, "-f", "-")
    with peers.namespace(node, NAMESPACE):
        begun = time.monotonic()
        node.cluster.helm(*arguments, input=yaml.safe_dump(values))
        for each in (CONTROLLER, ADMISSION):
            rolled_out(node, each)
        print(f"helm install to all pods ready: {time.monotonic() - begun:.1f} s")
        yield node


def deployment_of(component: str) -> str:
    """Return what kubectl calls the Deployment of a part of the product."""
    return f"deployment/{RELEASE}-{component}"


def rolled_out(node: Node, component: str) -> None:
    """Wait until the newest revision of a part of the product runs."""
    timeout = f"--timeout={_ROLLED_OUT}s"
    waited = ("rollout", "status", deployment_of(component), f"-n={NAMESPACE}", timeout)
    node.cluster.kubectl(*waited, timeout=_ROLLED_OUT + 10)


def selector(component: str) -> str:
    """Return the labels that pods of a part of the product have."""
    return f"app.kubernetes.io/component={component},app.kubernetes.io/instance={RELEASE}"


def pods(node: Node, component: str) -> list[dict[str, Any]]:
    """Return the pods of a part of the product that are not on their way out."""
    asked = ("get", "pods", f"-n={NAMESPACE}", f"--selector={selector(component)}", "-o=json")
    items = json.loads(node.cluster.kubectl(*asked).stdout)["items"]
    return [item for item in items if "deletionTimestamp" not in item["metadata"]]


def ready(pod: dict[str, Any]) -> bool:
    """Return whether a pod is ready."""
    seen = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
    return seen.get("Ready") == "True"


def kill(node: Node, *killed: dict[str, Any]) -> None:
    """Kill pods without a word."""
    names = [pod["metadata"]["name"] for pod in killed]
    node.cluster.kubectl("delete", "pods", *names, f"-n={NAMESPACE}", "--grace-period=0", "--force")
