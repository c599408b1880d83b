"""The same attempts as people make them: with kubectl."""

from __future__ import annotations

import json

from e2e.bypass.pods import DEPLOYMENT, GOOD, POD, TAGGED, Body, bad, fresh, good, images
from e2e.product import Product
from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.cluster.resources import collection


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
