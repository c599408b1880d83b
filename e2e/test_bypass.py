"""Whoever tries to get a pod past its zone's rules: what the API server stored, and what it refused."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from e2e import zones
from e2e.product import Product
from e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Rest, connect
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.boundary.labels import encode
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import POD_SHAPES, PODS, TEMPLATES, Kind

Body = dict[str, Any]
(POD,) = PODS.kinds
DEPLOYMENT, _, _, REPLICASET, _, JOB = TEMPLATES.kinds
KINDS = [kind for shape in POD_SHAPES for kind in shape.kinds]
DIGEST = examples.DIGEST
REGISTRY = "registry.hospital.example/portal"
GOOD = f"{REGISTRY}/app@{DIGEST}"
TAGGED = f"{REGISTRY}/app:1.0"
BAD = Example(container={"image": TAGGED})


@pytest.fixture(scope="module")
def root(product: Product) -> Rest:
    """A member of system:masters; no policy for pods exempts even them."""
    return connect(product.cluster.kubeconfig)


@pytest.fixture(scope="module")
def engineer(product: Product) -> Rest:
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture(scope="module")
def zone(root: Rest) -> Iterator[str]:
    """An enforcing zone."""
    with zones.zone(root, zones.unique(examples.ZONE)) as name:
        yield name


def bad(kind: Kind, name: str, example: Example = BAD) -> Body:
    return examples.manifest(kind, examples.pod_template(example), name=name)


def good(kind: Kind, name: str, **pod: Any) -> Body:
    return examples.manifest(kind, examples.pod_template(Example(pod=pod or None)), name=name)


def fresh(prefix: str = "app") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:6]}"


def refused(answer: Answer, rule: str = "PHI-IMG-001") -> None:
    assert answer.code == 403, answer.body
    assert rule in answer.message, answer.message


def unversioned(body: Body) -> Body:
    """Return a copy of an object that replaces whatever it has become meanwhile."""
    changed = copy.deepcopy(body)
    changed["metadata"].pop("resourceVersion")
    return changed


def template_of(body: Body) -> Body:
    spec: Body = body["spec"]
    found: Body = (
        spec["jobTemplate"]["spec"]["template"] if "jobTemplate" in spec else spec["template"]
    )
    return found


def images(body: Body) -> list[str]:
    return [container["image"] for container in template_of(body)["spec"]["containers"]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_no_kind_brings_a_bad_pod_in(zone: str, engineer: Rest, root: Rest, kind: Kind) -> None:
    """Asked for, generated, applied, or only tried out: refused by all of them, and nothing stored."""
    path = collection(kind, zone)
    name = fresh()
    for actor in (engineer, root):
        refused(actor.create(path, bad(kind, name)))
        refused(actor.create(path, bad(kind, name), dry_run=True))
    nameless = bad(kind, name)
    nameless["metadata"] = {**nameless["metadata"], "generateName": f"{name}-"}
    nameless["metadata"].pop("name")
    refused(engineer.create(path, nameless))
    for force in ("true", "false"):
        refused(
            engineer.request(
                "PATCH",
                f"{path}/{name}",
                bad(kind, name),
                content=APPLY,
                fieldManager="mine",
                force=force,
            )
        )
    # Whoever forges the marks of a controller, or of an object on its way out, gains nothing.
    disguised = bad(kind, name)
    disguised["metadata"] |= {
        "deletionTimestamp": "2020-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "finalizers": ["example.com/kept"],
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": "app-5d4f8c7b9",
                "uid": str(uuid.uuid4()),
                "controller": True,
            }
        ],
    }
    refused(engineer.create(path, disguised))
    stored = root.get(path).body["items"]
    assert not [item for item in stored if item["metadata"]["name"].startswith(name)]


def test_a_pod_template_makes_no_pod(zone: str, engineer: Rest, root: Rest) -> None:
    """PodTemplates are not judged: nothing runs from them."""
    name = fresh("inert")
    body = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": name},
        "template": examples.pod_template(BAD),
    }
    assert engineer.create(f"{zones.CORE}/{zone}/podtemplates", body).ok
    path = collection(POD, zone)
    assert not [p for p in root.get(path).body["items"] if TAGGED in json.dumps(p["spec"])]


CHANGEABLE = [kind for kind in KINDS if kind.kind not in ("Pod", "Job")]


def _steps(kind: Kind) -> str:
    return {"CronJob": "/spec/jobTemplate/spec/template"}.get(kind.kind, "/spec/template")


def _nested(kind: Kind, template: Body) -> Body:
    node: Body = template
    for step in reversed(_steps(kind).strip("/").split("/")):
        node = {step: node}
    return node


@pytest.mark.parametrize("kind", CHANGEABLE, ids=lambda kind: kind.kind)
def test_no_way_of_writing_makes_a_good_template_bad(
    zone: str, engineer: Rest, root: Rest, kind: Kind
) -> None:
    name = fresh()
    assert engineer.create(collection(kind, zone), good(kind, name)).ok
    path = f"{collection(kind, zone)}/{name}"
    containers = {"spec": {"containers": [{"name": "app", "image": TAGGED}]}}

    def patch(body: Any, content: str, **query: str) -> Answer:
        return engineer.request("PATCH", path, body, content=content, **query)

    whole = root.get(path).body
    changed = unversioned(whole)
    template_of(changed)["spec"]["containers"][0]["image"] = TAGGED
    json_patch = [
        {"op": "replace", "path": f"{_steps(kind)}/spec/containers/0/image", "value": TAGGED}
    ]
    applied = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name},
        **_nested(kind, containers),
    }
    refused(
        engineer.request(
            "PUT", path, {**changed, "apiVersion": kind.api_version, "kind": kind.kind}
        )
    )
    refused(patch(_nested(kind, containers), STRATEGIC))
    refused(patch(json_patch, JSON_PATCH))
    refused(patch(json_patch, JSON_PATCH, dryRun="All"))
    merge = _nested(kind, {"spec": {"containers": template_of(changed)["spec"]["containers"]}})
    refused(patch(merge, MERGE))
    refused(patch(applied, APPLY, fieldManager="mine", force="true"))
    # Through the status a template cannot be changed, whatever is written there.
    engineer.request(
        "PUT", f"{path}/status", {**changed, "apiVersion": kind.api_version, "kind": kind.kind}
    )
    assert images(root.get(path).body) == [GOOD]
    assert engineer.delete(path).ok


def test_a_running_pod_stays_as_it_was_admitted(zone: str, engineer: Rest, root: Rest) -> None:
    name = fresh()
    path = f"{collection(POD, zone)}/{name}"
    assert engineer.create(collection(POD, zone), good(POD, name)).ok
    tagged = {"spec": {"containers": [{"name": "app", "image": TAGGED}]}}
    refused(engineer.request("PATCH", path, tagged, content=STRATEGIC))
    for subresource in ("resize", "status"):
        engineer.request("PATCH", f"{path}/{subresource}", tagged, content=STRATEGIC)
    debug = {
        "spec": {"ephemeralContainers": [{"name": "debug", "image": "docker.io/library/busybox"}]}
    }
    refused(engineer.request("PATCH", f"{path}/ephemeralcontainers", debug, content=STRATEGIC))
    whole = unversioned(root.get(path).body)
    whole["spec"].update(debug["spec"])
    refused(engineer.request("PUT", f"{path}/ephemeralcontainers", whole))
    stored = root.get(path).body["spec"]
    assert [container["image"] for container in stored["containers"]] == [GOOD]
    assert "ephemeralContainers" not in stored
    note = {"metadata": {"annotations": {"example.com/note": "x"}, "labels": {"note": "x"}}}
    assert engineer.request("PATCH", path, note, content=MERGE).ok
    assert engineer.delete(path).ok


def test_kubectl_gets_no_bad_pod_in_either(zone: str, product: Product, root: Rest) -> None:
    cluster = product.cluster
    name = fresh()

    def run(*arguments: str, body: Body | None = None) -> str:
        done = cluster.kubectl(
            *arguments,
            f"-n={zone}",
            user="platform-engineer",
            input=None if body is None else json.dumps(body),
            check=False,
        )
        assert done.returncode != 0, done.stdout
        said: str = done.stderr
        return said

    items = [bad(DEPLOYMENT, name), bad(POD, name)]
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    for verb in (["create"], ["apply"], ["apply", "--server-side"], ["replace", "--force"]):
        assert run(*verb, "--filename=-", body=listed).count("PHI-IMG-001") >= len(items)
    assert "PHI-IDN-001" in run("run", name, f"--image={GOOD}")
    assert "PHI-IDN-001" in run("create", "deployment", name, f"--image={GOOD}")
    assert cluster.kubectl(
        "create", "-n", zone, "--filename=-", input=json.dumps(good(DEPLOYMENT, name))
    )
    assert "PHI-IMG-001" in run("set", "image", f"deployment/{name}", f"app={TAGGED}")
    path = f"{collection(DEPLOYMENT, zone)}/{name}"
    assert images(root.get(path).body) == [GOOD]
    assert root.get(f"{collection(POD, zone)}/{name}").code == 404
    pods = until(
        lambda: [
            p["metadata"]["name"]
            for p in root.get(collection(POD, zone)).body["items"]
            if p["metadata"]["name"].startswith(name)
        ],
        "the Deployment has a pod",
    )
    assert "PHI-" in run("debug", f"pod/{pods[0]}", "--image=busybox", "--container=debug")
    assert "PHI-" in run("debug", f"pod/{pods[0]}", f"--copy-to={name}-copy", "--image=busybox")
    assert root.get(f"{collection(POD, zone)}/{name}-copy").code == 404
    assert root.delete(path).ok


SPACE = "\u00a0"
IMAGES: dict[str, str] = {
    "a tag that looks like a digest": f"{REGISTRY}/app:sha256-{DIGEST[7:]}",
    "upper-case digest": f"{REGISTRY}/app@sha256:{DIGEST[7:].upper()}",
    "upper-case algorithm": f"{REGISTRY}/app@SHA256:{DIGEST[7:]}",
    "another algorithm": f"{REGISTRY}/app@md5:{DIGEST[7:39]}",
    "two digests": f"{REGISTRY}/app@{DIGEST}@{DIGEST}",
    "digest then tag": f"{REGISTRY}/app@{DIGEST}:1.0",
    "short digest": f"{REGISTRY}/app@{DIGEST[:-1]}",
    "long digest": f"{REGISTRY}/app@{DIGEST}0",
    "line break after the digest": f"{REGISTRY}/app@{DIGEST}\n",
    "line break before a second image": f"{REGISTRY}/app@{DIGEST}\ndocker.io/library/x",
    "line break within": f"docker.io/x\n{REGISTRY}/app@{DIGEST}",
    "nul": f"{REGISTRY}/app\x00@{DIGEST}",
    "escape sequence": f"{REGISTRY}/\x1b[2Japp@{DIGEST}",
    "blank within": f"{REGISTRY}/a pp@{DIGEST}",
    "blank before": f" {REGISTRY}/app@{DIGEST}",
    "no-break space": f"{REGISTRY}/app{SPACE}@{DIGEST}",
    "full-width letters": f"{REGISTRY}/\uff41pp@{DIGEST}",
    "full-width digits": f"{REGISTRY}/app@sha256:" + "\uff10" * 64,
    "way up": f"{REGISTRY}/../evil@{DIGEST}",
    "way up, escaped": f"{REGISTRY}/%2e%2e/evil@{DIGEST}",
    "here": f"{REGISTRY}/./app@{DIGEST}",
    "empty segment": f"{REGISTRY}//app@{DIGEST}",
    "registry alone": f"{REGISTRY}/@{DIGEST}",
    "scheme": f"https://{REGISTRY}/app@{DIGEST}",
    "longer name": f"{REGISTRY}-evil/app@{DIGEST}",
    "longer host": f"registry.hospital.example.evil.com/portal/app@{DIGEST}",
    "other port": f"registry.hospital.example:5000/portal/app@{DIGEST}",
    "user": f"evil.com@registry.hospital.example/portal/app@{DIGEST}",
    "upper-case host": f"Registry.Hospital.Example/portal/app@{DIGEST}",
    "other path of the host": f"registry.hospital.example/lab/app@{DIGEST}",
    "no registry": f"app@{DIGEST}",
    "no registry but a slash": f"/app@{DIGEST}",
    "digest alone": DIGEST,
    "nothing": "",
}


@pytest.mark.parametrize("image", IMAGES)
def test_no_spelling_of_an_image_gets_past(
    zone: str, engineer: Rest, root: Rest, image: str
) -> None:
    for example in (
        Example(container={"image": IMAGES[image]}),
        Example(pod={"volumes": [{"name": "model", "image": {"reference": IMAGES[image]}}]}),
    ):
        for kind in (POD, DEPLOYMENT):
            name = fresh("spelling")
            answer = engineer.create(collection(kind, zone), bad(kind, name, example))
            # What the API server itself takes for no image never reaches a policy.
            assert answer.code in (403, 422), answer.body
            assert answer.code == 422 or "PHI-IMG-" in answer.message
            assert root.get(f"{collection(kind, zone)}/{name}").code == 404


@pytest.mark.parametrize(
    "image",
    [
        f"{REGISTRY}@{DIGEST}",
        f"{REGISTRY}:1.0@{DIGEST}",
        f"{REGISTRY}/a_b/c-d.e__f:V1.0-rc_1@{DIGEST}",
    ],
)
def test_every_spelling_that_is_right_passes(zone: str, engineer: Rest, image: str) -> None:
    body = bad(POD, fresh(), Example(container={"image": image}))
    assert engineer.create(collection(POD, zone), body, dry_run=True).ok


def _pod(**changes: Any) -> Example:
    return Example(pod=changes)


def _container(**security: Any) -> Example:
    usual = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return Example(container={"securityContext": {**usual, **security}})


def _token(**fields: Any) -> Example:
    source = {"serviceAccountToken": {"path": "token", **fields}}
    return _pod(volumes=[{"name": "token", "projected": {"sources": [source]}}])


SIDECAR = {
    "name": "sidecar",
    "image": TAGGED,
    "restartPolicy": "Always",
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"
TRICKS: dict[str, tuple[str, Example]] = {
    "sidecar": ("PHI-IMG-001", _pod(initContainers=[SIDECAR])),
    "the old field names another account": (
        "PHI-IDN-001",
        _pod(serviceAccountName=None, serviceAccount="default", automountServiceAccountToken=False),
    ),
    "the old field names the zone's account": (
        "PHI-IDN-001",
        _pod(
            serviceAccountName="default", serviceAccount="app", automountServiceAccountToken=False
        ),
    ),
    "a projected token": ("PHI-IDN-002", _token()),
    "a projected token for a named audience": (
        "PHI-IDN-002",
        _token(audience="https://kubernetes.default.svc.cluster.local"),
    ),
    "seccomp by an annotation of old": (
        "PHI-POD-002",
        Example(
            pod={"securityContext": {"runAsNonRoot": True}},
            annotations={"seccomp.security.alpha.kubernetes.io/pod": "runtime/default"},
        ),
    ),
    "a container that undoes the pod's profile": (
        "PHI-POD-002",
        _container(seccompProfile={"type": "Unconfined"}),
    ),
    "a container that undoes runAsNonRoot": ("PHI-POD-002", _container(runAsNonRoot=False)),
    "a container that runs as root": ("PHI-POD-002", _container(runAsUser=0)),
    "apparmor off": ("PHI-POD-002", _container(appArmorProfile={"type": "Unconfined"})),
    "selinux label of the host": ("PHI-POD-001", _container(seLinuxOptions={"type": "spc_t"})),
    "capabilities kept": ("PHI-POD-001", _container(capabilities={})),
    "capabilities dropped but one added": (
        "PHI-POD-001",
        _container(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "SYS_PTRACE"]}),
    ),
    "capability in other letters": (
        "PHI-POD-001",
        _container(capabilities={"drop": ["all"]}),
    ),
    "a probe that the node sends elsewhere": (
        "PHI-POD-003",
        _pod(
            initContainers=[
                {
                    **SIDECAR,
                    "image": GOOD,
                    "livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}},
                }
            ]
        ),
    ),
    "a region only preferred": (
        "PHI-RES-001",
        _pod(
            nodeSelector=None,
            affinity={
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 100,
                            "preference": {
                                "matchExpressions": [
                                    {
                                        "key": "topology.kubernetes.io/region",
                                        "operator": "In",
                                        "values": ["us-east-1"],
                                    }
                                ]
                            },
                        }
                    ]
                }
            },
        ),
    ),
    "a node of choice instead of a region": (
        "PHI-RES-001",
        _pod(nodeSelector=None, nodeName="simulated-0"),
    ),
    "a private key over many lines": (
        "PHI-SEC-001",
        Example(container={"env": [{"name": "CONFIG", "value": f"x: |\n{KEY}"}]}),
    ),
    "a private key on the command line": (
        "PHI-SEC-001",
        Example(container={"command": ["/bin/sh", "-c", f"cat <<EOF\n{KEY}EOF"]}),
    ),
    "a token after a line break": (
        "PHI-SEC-001",
        Example(container={"env": [{"name": "X", "value": "\n ghp_0123456789abcdef0123\n"}]}),
    ),
    "a password beside a variable": (
        "PHI-SEC-001",
        Example(container={"env": [{"name": "DB_PASSWORD", "value": "$(NOTHING)hunter2"}]}),
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_of_a_pod_spec_gets_past(
    zone: str, engineer: Rest, root: Rest, trick: str
) -> None:
    rule, example = TRICKS[trick]
    for kind in (POD, DEPLOYMENT):
        name = fresh("trick")
        refused(engineer.create(collection(kind, zone), bad(kind, name, example)), rule)
        assert root.get(f"{collection(kind, zone)}/{name}").code == 404


def test_apparmor_is_not_switched_off_by_an_annotation_of_old(zone: str, engineer: Rest) -> None:
    """The API server turns it into the field that the rule reads, in pods alone."""
    off = Example(annotations={"container.apparmor.security.beta.kubernetes.io/app": "unconfined"})
    refused(engineer.create(collection(POD, zone), bad(POD, fresh(), off)), "PHI-POD-002")


def test_the_field_that_kubernetes_goes_by_names_the_account(zone: str, engineer: Rest) -> None:
    body = good(POD, fresh(), serviceAccountName="app", serviceAccount="default")
    answer = engineer.create(collection(POD, zone), body, dry_run=True)
    assert answer.ok
    assert answer.body["spec"]["serviceAccountName"] == "app"


@dataclass(frozen=True)
class Grandfathered:
    """A zone that enforces since a moment ago, with a Deployment that breaks rules."""

    namespace: str
    rest: Rest
    root: Rest
    name: str = "portal"

    @property
    def path(self) -> str:
        """Return the path of the Deployment."""
        return f"{collection(DEPLOYMENT, self.namespace)}/{self.name}"

    def replicasets(self) -> list[Body]:
        """Return its ReplicaSets, and others that took its name."""
        found: list[Body] = self.root.get(collection(REPLICASET, self.namespace)).body["items"]
        return [rs for rs in found if rs["metadata"]["name"].startswith(f"{self.name}-")]

    def bad_replicaset(self) -> str:
        """Return the name of the ReplicaSet of the revision that breaks rules."""
        (name,) = [rs["metadata"]["name"] for rs in self.replicasets() if images(rs) == [TAGGED]]
        return str(name)

    def bad_pods(self) -> list[Body]:
        """Return the pods that break rules."""
        pods: list[Body] = self.root.get(collection(POD, self.namespace)).body["items"]
        return [p for p in pods if TAGGED in [c["image"] for c in p["spec"]["containers"]]]

    def patch(self, body: Any, content: str = MERGE, *, path: str = "") -> Answer:
        """Change the Deployment, or what is at the path."""
        return self.rest.request("PATCH", path or self.path, body, content=content)

    def boundary(self, **changes: Any) -> None:
        """Write the zone's boundary, as the operator does."""
        labels, annotations = encode(replace(examples.ZONE, **changes))
        body = {"metadata": {"labels": labels, "annotations": annotations}}
        assert self.root.request("PATCH", f"{zones.CORE}/{self.namespace}", body, content=MERGE).ok


@pytest.fixture
def old(root: Rest, engineer: Rest) -> Iterator[Grandfathered]:
    with zones.zone(root, replace(examples.ZONE, enforcement="observe")) as namespace:
        found = Grandfathered(namespace, engineer, root)
        body = bad(DEPLOYMENT, found.name)
        body["spec"]["replicas"] = 2
        assert engineer.create(collection(DEPLOYMENT, namespace), body).ok
        until(lambda: len(found.bad_pods()) == 2, "the bad Deployment has its pods")
        found.boundary(enforcement="enforce")
        until(
            lambda: (
                not engineer.create(collection(POD, namespace), bad(POD, "probe"), dry_run=True).ok
            ),
            "the zone enforces",
        )
        yield found


def test_what_runs_goes_on_but_does_not_grow(old: Grandfathered) -> None:
    """A scale passes, since nothing may be stuck; the pods that it asks for do not."""
    scale = {"spec": {"replicas": 4}}
    assert old.patch(scale, path=f"{old.path}/scale").ok
    path = f"{collection(REPLICASET, old.namespace)}/{old.bad_replicaset()}"

    def told() -> bool:
        conditions = old.root.get(path).body["status"].get("conditions", ())
        return any("PHI-IMG-001" in c.get("message", "") for c in conditions)

    until(told, "the ReplicaSet is told why it gets no more pods")
    assert len(old.bad_pods()) == 2
    assert old.patch(scale, path=f"{path}/scale").ok
    note = {"metadata": {"annotations": {"example.com/note": "x"}, "labels": {"note": "x"}}}
    assert old.patch(note).ok
    assert old.patch({"spec": {"paused": True, "minReadySeconds": 1}}).ok
    assert len(old.bad_pods()) == 2


def test_a_change_of_part_of_a_bad_template_is_judged_as_a_whole(old: Grandfathered) -> None:
    restart = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-20"}}}
    refused(old.patch({"spec": {"template": restart}}))
    refused(old.patch({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}))
    assert old.patch(
        {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": GOOD}]}}}},
        STRATEGIC,
    ).ok
    assert images(old.root.get(old.path).body) == [GOOD]


def test_a_rollback_to_a_bad_revision_is_refused(old: Grandfathered, product: Product) -> None:
    mended = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": GOOD}]}}}}
    assert old.patch(mended, STRATEGIC).ok
    until(lambda: not old.bad_pods(), "the good revision replaced the bad one")
    done = product.cluster.kubectl(
        "rollout",
        "undo",
        f"deployment/{old.name}",
        f"-n={old.namespace}",
        user="platform-engineer",
        check=False,
    )
    assert done.returncode != 0
    assert "PHI-IMG-001" in done.stderr
    assert images(old.root.get(old.path).body) == [GOOD]
    # The old ReplicaSet is still there, and may be taken from its Deployment: it gets no pods.
    path = f"{collection(REPLICASET, old.namespace)}/{old.bad_replicaset()}"
    loose = {
        "metadata": {"ownerReferences": None, "labels": {"app": None}},
        "spec": {"replicas": 1},
    }
    assert old.patch(loose, path=path).ok
    until(
        lambda: any(
            "PHI-IMG-001" in c.get("message", "")
            for c in old.root.get(path).body["status"].get("conditions", ())
        ),
        "the old ReplicaSet is told why it gets no pods",
    )
    assert not old.bad_pods()


def test_an_object_on_its_way_out_runs_nothing_new(old: Grandfathered) -> None:
    """It is not judged, so that nothing is stuck; its controller makes no pods of it either."""
    kept = {"metadata": {"finalizers": ["example.com/kept"]}}
    assert old.patch(kept).ok
    assert old.rest.delete(old.path).ok
    other = f"{REGISTRY}/app:2.0"
    change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": other}]}}}}
    answer = old.patch(change, STRATEGIC)
    generation = old.root.get(old.path).body["metadata"]["generation"]
    assert answer.ok
    until(
        lambda: old.root.get(old.path).body["status"].get("observedGeneration", 0) >= generation,
        "the controller has seen the change",
    )
    assert [images(rs) for rs in old.replicasets()] in ([], [[TAGGED]])
    assert old.patch({"metadata": {"finalizers": None}}).ok


def test_only_what_is_held_gets_its_pods_back(old: Grandfathered, root: Rest) -> None:
    """For direct care a held Deployment may replace its pods; nothing else may hide behind it."""
    old.boundary(held=(f"Deployment/{old.name}",))
    gone = old.bad_pods()[0]["metadata"]["name"]
    path = collection(POD, old.namespace)

    def replaced() -> bool:
        pods = [
            p["metadata"]["name"]
            for p in old.bad_pods()
            if "deletionTimestamp" not in p["metadata"]
        ]
        return gone not in pods and len(pods) == 2

    assert root.request("DELETE", f"{path}/{gone}", {"gracePeriodSeconds": 0}).ok
    until(replaced, "the held Deployment got its pod back", within=60)
    # A ReplicaSet with its name, a pod that claims to be its own, a change of what is held.
    for name in (f"{old.name}-evil", old.name):
        refused(old.rest.create(collection(REPLICASET, old.namespace), bad(REPLICASET, name)))
    replicaset = next(rs for rs in old.replicasets() if images(rs) == [TAGGED])
    owned = bad(POD, fresh())
    owned["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": replicaset["metadata"]["name"],
            "uid": replicaset["metadata"]["uid"],
            "controller": True,
        }
    ]
    owned["metadata"]["labels"] = template_of(replicaset)["metadata"]["labels"]
    refused(old.rest.create(path, owned))
    refused(root.create(path, owned))
    worse = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    refused(old.patch(worse), "PHI-POD-003")
    rs_path = f"{collection(REPLICASET, old.namespace)}/{replicaset['metadata']['name']}"
    refused(old.patch(worse, path=rs_path), "PHI-POD-003")
    changed = copy.deepcopy(good(REPLICASET, f"{old.name}-x"))
    assert old.rest.create(collection(REPLICASET, old.namespace), changed).ok
    mine = f"{collection(REPLICASET, old.namespace)}/{old.name}-x"
    refused(old.patch(worse, path=mine), "PHI-POD-003")
    assert not template_of(root.get(mine).body)["spec"].get("hostNetwork")


@pytest.mark.parametrize("impact", ["care-support", "administrative"])
def test_what_is_held_counts_for_direct_care_alone(old: Grandfathered, impact: str) -> None:
    old.boundary(held=(f"Deployment/{old.name}",), impact=impact)
    scale = {"spec": {"replicas": 3}}
    path = f"{collection(REPLICASET, old.namespace)}/{old.bad_replicaset()}"
    assert old.patch(scale, path=f"{old.path}/scale").ok
    until(
        lambda: any(
            "PHI-IMG-001" in c.get("message", "")
            for c in old.root.get(path).body["status"].get("conditions", ())
        ),
        "the ReplicaSet is told why it gets no more pods",
    )
    assert len(old.bad_pods()) == 2


def test_a_job_from_a_bad_cron_job_is_refused(root: Rest, engineer: Rest) -> None:
    """A CronJob from before may be resumed; what it starts is judged anew."""
    cron = next(kind for kind in KINDS if kind.kind == "CronJob")
    with zones.zone(root, replace(zones.unique(examples.ZONE), enforcement="observe")) as name:
        body = bad(cron, "nightly")
        body["spec"]["suspend"] = True
        assert engineer.create(collection(cron, name), body).ok
        level = {"metadata": {"labels": {names.ENFORCEMENT: "enforce"}}}
        assert root.request("PATCH", f"{zones.CORE}/{name}", level, content=MERGE).ok
        until(
            lambda: not engineer.create(collection(POD, name), bad(POD, "probe"), dry_run=True).ok,
            "the zone enforces",
        )
        path = f"{collection(cron, name)}/nightly"
        resumed = {"spec": {"suspend": False}}
        assert engineer.request("PATCH", path, resumed, content=MERGE).ok
        spec = body["spec"]["jobTemplate"]["spec"]
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "now"}, "spec": spec}
        refused(engineer.create(collection(JOB, name), job))
