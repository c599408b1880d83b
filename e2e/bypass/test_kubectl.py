"""The same attempts as people make them: with kubectl."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from e2e.bypass.pods import (
    CRONJOB,
    DEPLOYMENT,
    GOOD,
    JOB,
    POD,
    TAGGED,
    Body,
    bad,
    fresh,
    good,
    images,
)
from e2e.controlplane import PLATFORM_ENGINEER, ControlPlane, tools
from e2e.product import Product
from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.cluster.resources import collection


@dataclass(frozen=True)
class Kubectl:
    """Kubectl in a zone, in the hands of somebody with every right that RBAC can give."""

    cluster: ControlPlane
    zone: str

    def run(self, *arguments: str, body: Body | None = None) -> tools.Completed:
        """Run it with an object on its standard input; whether it succeeds is left open."""
        return self.cluster.kubectl(
            *arguments,
            f"-n={self.zone}",
            user=PLATFORM_ENGINEER,
            input=None if body is None else json.dumps(body),
            check=False,
        )

    def fails(self, *arguments: str, body: Body | None = None) -> str:
        """Run what has to fail, and return what it said."""
        done = self.run(*arguments, body=body)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture
def kubectl(zone: str, product: Product) -> Kubectl:
    return Kubectl(product.cluster, zone)


def test_kubectl_gets_no_bad_pod_in_either(zone: str, kubectl: Kubectl, root: Rest) -> None:
    name = fresh()
    items = [bad(DEPLOYMENT, name), bad(POD, name)]
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    for verb in (["create"], ["apply"], ["apply", "--server-side"], ["replace", "--force"]):
        assert kubectl.fails(*verb, "--filename=-", body=listed).count("PHI-IMG-001") >= len(items)
    assert "PHI-IDN-001" in kubectl.fails("run", name, f"--image={GOOD}")
    assert "PHI-IDN-001" in kubectl.fails("create", "deployment", name, f"--image={GOOD}")
    made = kubectl.run("create", "--filename=-", body=good(DEPLOYMENT, name))
    assert made.returncode == 0, made.stderr
    assert "PHI-IMG-001" in kubectl.fails("set", "image", f"deployment/{name}", f"app={TAGGED}")
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
    assert "PHI-" in kubectl.fails(
        "debug", f"pod/{pods[0]}", "--image=busybox", "--container=debug"
    )
    assert "PHI-" in kubectl.fails(
        "debug", f"pod/{pods[0]}", f"--copy-to={name}-copy", "--image=busybox"
    )
    assert root.get(f"{collection(POD, zone)}/{name}-copy").code == 404
    assert root.delete(path).ok


PROFILES = ("legacy", "general", "baseline", "restricted", "netadmin", "sysadmin")


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_of_kubectl_debug_opens_a_node_from_a_zone(
    zone: str, kubectl: Kubectl, root: Rest, profile: str
) -> None:
    """Its pod shares the node's namespaces and files; even the mildest has no declared identity."""
    node = root.get("/api/v1/nodes").body["items"][0]["metadata"]["name"]
    said = kubectl.fails("debug", f"node/{node}", f"--image={GOOD}", f"--profile={profile}")
    assert "PHI-IDN-001" in said
    if profile not in ("baseline", "restricted"):
        assert "PHI-POD-003" in said
    pods = root.get(collection(POD, zone)).body["items"]
    assert not [p for p in pods if p["metadata"]["name"].startswith("node-debugger")]


def test_kubectl_changes_no_good_object_into_a_bad_one(
    zone: str, kubectl: Kubectl, root: Rest
) -> None:
    name = fresh("changed")
    path = f"{collection(DEPLOYMENT, zone)}/{name}"
    right, wrong = good(DEPLOYMENT, name), bad(DEPLOYMENT, name)
    assert kubectl.run("apply", "--filename=-", body=right).returncode == 0
    target = f"deployment/{name}"
    patch = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    steps = [{"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True}]
    assert "PHI-IMG-001" in kubectl.fails("apply", "--filename=-", body=wrong)
    assert "PHI-IMG-001" in kubectl.fails("replace", "--filename=-", body=wrong)
    for kind in ("strategic", "merge"):
        said = kubectl.fails("patch", target, f"--type={kind}", f"--patch={json.dumps(patch)}")
        assert "PHI-POD-003" in said
    said = kubectl.fails("patch", target, "--type=json", f"--patch={json.dumps(steps)}")
    assert "PHI-POD-003" in said
    assert "PHI-SEC-001" in kubectl.fails("set", "env", target, "DB_PASSWORD=correct-horse")
    assert "PHI-IDN-001" in kubectl.fails("set", "serviceaccount", target, "default")
    for verb in (["create"], ["apply"], ["apply", "--server-side", "--force-conflicts"]):
        other = bad(DEPLOYMENT, f"{name}-tried")
        said = kubectl.fails(*verb, "--filename=-", "--dry-run=server", body=other)
        assert "PHI-IMG-001" in said
    assert images(root.get(path).body) == [GOOD]
    assert "hostNetwork" not in root.get(path).body["spec"]["template"]["spec"]
    assert root.delete(path).ok


def test_a_job_by_hand_from_a_good_cron_job_is_good_or_refused(
    zone: str, kubectl: Kubectl, root: Rest
) -> None:
    name = fresh("nightly")
    cron = good(CRONJOB, name)
    cron["spec"]["suspend"] = True
    assert kubectl.run("create", "--filename=-", body=cron).returncode == 0
    source = f"--from=cronjob/{name}"
    made = kubectl.run("create", "job", name, source, "--dry-run=client", "--output=json")
    job = json.loads(made.stdout)
    job["spec"]["template"]["spec"]["containers"][0]["image"] = TAGGED
    assert "PHI-IMG-001" in kubectl.fails("create", "--filename=-", body=job)
    assert root.get(f"{collection(JOB, zone)}/{name}").code == 404
    assert kubectl.run("create", "job", name, source).returncode == 0
    assert images(root.get(f"{collection(JOB, zone)}/{name}").body) == [GOOD]
    assert root.delete(f"{collection(CRONJOB, zone)}/{name}").ok
