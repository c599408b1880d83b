"""Good and bad pods, in every kind that carries one."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from e2e.rest import Answer
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import CRONJOBS, POD_SHAPES, PODS, TEMPLATES, WORKLOADS, Kind

Body = dict[str, Any]
(POD,) = PODS.kinds
DEPLOYMENT, STATEFULSET, DAEMONSET = WORKLOADS.kinds
REPLICASET, REPLICATIONCONTROLLER, JOB = TEMPLATES.kinds
(CRONJOB,) = CRONJOBS.kinds
KINDS = [kind for shape in POD_SHAPES for kind in shape.kinds]
DIGEST = examples.DIGEST
REGISTRY = "registry.hospital.example/portal"
GOOD = f"{REGISTRY}/app@{DIGEST}"
TAGGED = f"{REGISTRY}/app:1.0"
BAD = Example(container={"image": TAGGED})


def bad(kind: Kind, name: str, example: Example = BAD) -> Body:
    """Return an object that is right but for what the example changes."""
    return examples.manifest(kind, examples.pod_template(example), name=name)


def good(kind: Kind, name: str, **pod: Any) -> Body:
    """Return an object that is right, with some harmless fields of its pod changed."""
    return examples.manifest(kind, examples.pod_template(Example(pod=pod or None)), name=name)


def fresh(prefix: str = "app") -> str:
    """Return a name that no other attempt uses."""
    return f"{prefix}-{uuid.uuid4().hex[:6]}"


def refused(answer: Answer, rule: str = "PHI-IMG-001") -> None:
    """Assert that a request was refused, by one rule if not by others, too."""
    assert answer.code == 403, answer.body
    assert rule in answer.message, answer.message


def unversioned(body: Body) -> Body:
    """Return a copy of an object that replaces whatever it has become meanwhile."""
    changed = copy.deepcopy(body)
    changed["metadata"].pop("resourceVersion")
    return changed


def template_of(body: Body) -> Body:
    """Return the pod template of an object that is no pod."""
    spec: Body = body["spec"]
    found: Body = (
        spec["jobTemplate"]["spec"]["template"] if "jobTemplate" in spec else spec["template"]
    )
    return found


def images(body: Body) -> list[str]:
    """Return the images of an object's template, init containers apart."""
    return [container["image"] for container in template_of(body)["spec"]["containers"]]
