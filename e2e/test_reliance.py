"""StorageClasses that zones rely on: marked before they are listed, until they are no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from e2e import workloads
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, clinic, unique, wait, zone
from phiwarden.api import names
from phiwarden.cluster.resources import STORAGE_CLASS, collection, item

RULE = "PHI-GRD-005"
CLASSES = collection(STORAGE_CLASS)
UNMARK = {"metadata": {"labels": {names.RELIED_ON: None}}}
IMAGES = {"registries": ["registry.hospital.example/portal"]}


@pytest.fixture(scope="module")
def operator(product: Product) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture
def name(admin: Rest) -> Iterator[str]:
    chosen = unique("reliance")
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")
    admin.delete(f"{NAMESPACES}/{chosen}-clinical")
    admin.delete(path(chosen))


def path(name: str) -> str:
    return item(STORAGE_CLASS, None, name)


def make_class(who: Rest, name: str, *, encrypted: str = "true") -> None:
    """Make a StorageClass of the workload's own name."""
    parameters = {"encrypted": encrypted}
    driver = {"provisioner": "ebs.csi.aws.com", "parameters": parameters}
    assert who.create(CLASSES, {"metadata": {"name": name}, **driver}).ok


def declare(admin: Rest, name: str, *, classes: list[str], **spec: Any) -> None:
    of_zone = {"data": "phi", **spec.pop("of_zone", {})}
    zones = [zone("clinical", images=IMAGES, storageClasses=classes, **of_zone)]
    assert workloads.apply(admin, clinic(name, zones=zones, flows=[], externals=[], **spec)).ok
    wait(admin, name)


def marked(rest: Rest, name: str) -> bool:
    labels = rest.get(path(name)).body["metadata"].get("labels") or {}
    return labels.get(names.RELIED_ON) == "true"


def listed(rest: Rest, name: str) -> list[str]:
    notes = rest.get(f"{NAMESPACES}/{name}-clinical").body["metadata"]["annotations"]
    return [entry for entry in notes[names.STORAGE_CLASSES].split(",") if entry]


def test_with_the_operator_down_no_other_class_takes_the_place_of_one_that_is_relied_on(
    product: Product, admin: Rest, engineer: Rest, name: str
) -> None:
    make_class(engineer, name)
    with running(product):
        declare(admin, name, classes=[name])
        assert listed(admin, name) == [name]
        assert marked(admin, name)
    answer = engineer.delete(path(name))
    assert answer.code == 403
    assert RULE in answer.message
    assert "take the class out of the PHIWorkloads" in answer.message
    # Whom the chart exempts gets through; and the operator sees it as soon as it is back.
    assert admin.delete(path(name)).ok
    make_class(admin, name, encrypted="false")
    with running(product):
        until(lambda: listed(admin, name) == [], "the other class is not listed")
        assert not marked(admin, name)


def test_a_class_is_let_go_once_no_declaration_names_it(
    operator: Operator, admin: Rest, engineer: Rest, name: str
) -> None:
    make_class(engineer, name)
    declare(admin, name, classes=[name])
    assert marked(admin, name)
    declare(admin, name, classes=[])
    until(lambda: not marked(admin, name), "the mark is taken off")
    assert engineer.delete(path(name)).ok


def test_a_class_is_held_for_as_long_as_one_of_several_zones_lists_it(
    operator: Operator, admin: Rest, engineer: Rest, name: str
) -> None:
    make_class(engineer, name)
    other = f"{name}-2"
    declare(admin, name, classes=[name])
    declare(admin, other, classes=[name], deletionPolicy="Delete")
    declare(admin, name, classes=[])
    # Written after the list was, and so after anything that would have let it go.
    assert listed(admin, name) == []
    assert marked(admin, name)
    assert RULE in engineer.delete(path(name)).message
    assert admin.delete(f"{WORKLOADS}/{other}").ok
    until(lambda: admin.get(f"{NAMESPACES}/{other}-clinical").code == 404, "its zone is gone")
    until(lambda: not marked(admin, name), "the mark is taken off")


def test_a_boundary_that_was_left_standing_still_relies_on_its_class(
    operator: Operator, admin: Rest, engineer: Rest, name: str
) -> None:
    make_class(engineer, name)
    declare(admin, name, classes=[name])
    assert admin.delete(f"{WORKLOADS}/{name}").ok
    until(lambda: admin.get(f"{WORKLOADS}/{name}").code == 404, "the declaration is gone")
    # Another declaration comes and goes, and the operator looks at all marks with each.
    other = f"{name}-2"
    declare(admin, other, classes=[], deletionPolicy="Delete")
    assert admin.delete(f"{WORKLOADS}/{other}").ok
    until(lambda: admin.get(f"{NAMESPACES}/{other}-clinical").code == 404, "its zone is gone")
    assert marked(admin, name)
    assert admin.delete(f"{NAMESPACES}/{name}-clinical").ok
    until(lambda: not marked(admin, name), "the mark goes with the Namespace")


@pytest.mark.parametrize(
    "spec",
    [{"enforcement": "observe"}, {"enforcement": "warn"}, {"of_zone": {"data": "none"}}],
    ids=["observe", "warn", "none"],
)
def test_where_nothing_is_refused_for_a_class_it_is_not_held(
    operator: Operator, admin: Rest, engineer: Rest, name: str, spec: dict[str, Any]
) -> None:
    make_class(engineer, name)
    declare(admin, name, classes=[name], **spec)
    assert listed(admin, name) == [name]
    assert not marked(admin, name)
    if "enforcement" in spec:
        assert workloads.change(admin, name, enforcement="enforce").ok
        until(lambda: marked(admin, name), "it is held from the moment that it counts")


def test_only_what_is_proven_is_held(
    operator: Operator, admin: Rest, engineer: Rest, name: str
) -> None:
    """Else nobody could mend it: a class is mended by deleting it and making it again."""
    make_class(engineer, name, encrypted="no")
    declare(admin, name, classes=[name])
    assert listed(admin, name) == []
    assert not marked(admin, name)
    assert engineer.delete(path(name)).ok
    make_class(engineer, name)
    until(lambda: listed(admin, name) == [name], "it counts once it is encrypted")
    assert marked(admin, name)


def test_a_mark_that_is_taken_off_is_put_back_and_a_forged_one_is_taken_off(
    operator: Operator, admin: Rest, engineer: Rest, name: str
) -> None:
    make_class(engineer, name)
    declare(admin, name, classes=[name])
    assert admin.request("PATCH", path(name), UNMARK, content=MERGE).ok
    until(lambda: marked(admin, name), "the mark is put back")
    forged = f"{name}-forged"
    body = {"metadata": {"name": forged, "labels": {names.RELIED_ON: "true"}}}
    assert engineer.create(CLASSES, {**body, "provisioner": "ebs.csi.aws.com"}).ok
    assert workloads.change(admin, name, clinicalImpact="care-support").ok
    until(lambda: not marked(admin, forged), "nobody relies on it")
    assert engineer.delete(path(forged)).ok
