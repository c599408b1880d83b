"""Every way to spell an image that is not one of the zone's."""

from __future__ import annotations

import pytest

from e2e.bypass.pods import DEPLOYMENT, DIGEST, POD, REGISTRY, bad, fresh
from e2e.rest import Rest
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.model import Example

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
