"""`kubectl phi reach` over files: what it says, and by which code it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from .run import PORTAL, phi

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "reach" / "cluster.yaml"
PICTURE = ROOT / "docs" / "reach.svg"
HOSTILE = 'x"><script>alert(1)</script>&\x1b[31m'
SVG = "{http://www.w3.org/2000/svg}"


def file_of(folder: Path, *bodies: dict[str, Any]) -> Path:
    path = folder / "cluster.yaml"
    path.write_text(yaml.safe_dump_all(bodies), encoding="utf-8")
    return path


def policy(name: str, namespace: str = "portal-clinical", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }


def closed(zone: str) -> dict[str, Any]:
    return policy("deny", f"portal-{zone}", policyTypes=["Ingress", "Egress"])


def test_a_folder_of_manifests_is_judged_by_the_declaration_among_them(tmp_path: Path) -> None:
    cluster = file_of(tmp_path, *(closed(zone) for zone in ("edge", "clinical", "analytics")))
    ran = phi("reach", "-f", PORTAL, "-f", cluster, "-o", "json")
    assert ran.code == 1
    assert ran.json["summary"]["undeclared"] == 0
    assert ran.json["summary"]["closed"] > 0
    assert ran.json["summary"]["open"] == 0


def test_one_namespace_without_a_declaration_is_told_and_not_judged(tmp_path: Path) -> None:
    ran = phi("reach", "-n", "a", "-f", file_of(tmp_path, policy("p", "a")), "-o", "json")
    assert ran.code == 0
    assert {edge["verdict"] for edge in ran.json["edges"]} == {"unjudged"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-w", "nobody"], "there is no PHIWorkload nobody; there are portal"),
        (["-n", "nowhere"], "there is no namespace nowhere"),
    ],
)
def test_a_name_that_is_not_there_ends_with_2(arguments: list[str], said: str) -> None:
    ran = phi("reach", "-f", PORTAL, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_policy_that_cannot_be_names_its_file_line_and_field(tmp_path: Path) -> None:
    bad = policy("bad", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/99"}}]}])
    ran = phi("reach", "-f", PORTAL, "-f", file_of(tmp_path, bad))
    assert ran.code == 2
    assert "cluster.yaml:1: NetworkPolicy portal-clinical/bad: spec.ingress[0].from[0]" in ran.err


def test_a_range_beside_its_exceptions_opens_only_what_is_left(tmp_path: Path) -> None:
    block = {"cidr": "198.51.100.0/24", "except": ["198.51.100.0/25", "2001:db8::/32"]}
    hole = policy("hole", policyTypes=["Egress"], egress=[{"to": [{"ipBlock": block}]}])
    cluster = file_of(tmp_path, closed("edge"), closed("clinical"), closed("analytics"), hole)
    ran = phi("reach", "-f", PORTAL, "-f", cluster, "-o", "json")
    (edge,) = [each for each in ran.json["edges"] if each["verdict"] == "undeclared"]
    assert edge["to"]["names"] == ["198.51.100.0/24"]
    assert edge["rules"][0]["policy"] == "hole"


@pytest.mark.parametrize("output", ["table", "svg", "json"])
def test_no_name_from_a_cluster_can_leave_its_place(tmp_path: Path, output: str) -> None:
    hole = policy(HOSTILE, ingress=[{}], egress=[{}])
    hostile = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": HOSTILE, "namespace": HOSTILE},
    }
    ran = phi("reach", "-f", PORTAL, "-f", file_of(tmp_path, hole, hostile), "-o", output)
    assert ran.code == 1
    assert "\x1b" not in ran.out
    if output == "svg":
        root = ET.fromstring(ran.out)
        assert not list(root.iter(f"{SVG}script"))


def test_an_undeclared_edge_stands_out_in_the_picture_and_names_its_policy(tmp_path: Path) -> None:
    hole = policy(
        "debug", policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}]
    )
    cluster = file_of(tmp_path, closed("edge"), closed("clinical"), closed("analytics"), hole)
    root = ET.fromstring(phi("reach", "-f", PORTAL, "-f", cluster, "-o", "svg").out)
    arrows = [path for path in root.iter(f"{SVG}path") if path.get("class") == "arrow"]
    widths = {float(arrow.get("stroke-width", "0")): arrow.get("stroke") for arrow in arrows}
    assert widths[max(widths)] == "#dc2626"
    dashed = [arrow for arrow in arrows if arrow.get("stroke-dasharray")]
    assert dashed, "declared flows are closed"
    words = {text.text for text in root.iter(f"{SVG}text")}
    assert {"by portal-clinical/debug", "clinical", "edge", "analytics", "epic-fhir"} <= words


def test_the_picture_in_the_documentation_is_that_of_the_example() -> None:
    ran = phi("reach", "-f", EXAMPLE, "-o", "svg")
    assert ran.code == 1
    assert ran.out == PICTURE.read_text(encoding="utf-8"), (
        f"kubectl phi reach -f {EXAMPLE.relative_to(ROOT)} -o svg > {PICTURE.relative_to(ROOT)}"
    )


def test_the_example_is_told_as_the_documentation_says() -> None:
    lines = phi("reach", "-f", EXAMPLE, COLUMNS="140").out.splitlines()
    assert lines[-1] == "Not as declared: 3 open and undeclared, 1 declared and closed."
