"""A boundary that somebody exempt has broken: nothing new gets in."""

from __future__ import annotations

from e2e import zones
from e2e.guard.boundary import PORTS, Body, make_object
from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import SERVICE, WORKLOADS, Kind

UNREADABLE: tuple[tuple[str, str, str | None], ...] = (
    *(("labels", key, None) for key in names.BOUNDARY_LABELS if key != names.ENFORCEMENT),
    *(
        ("labels", key, "bogus")
        for key in (names.DATA, names.ENVIRONMENT, names.IMPACT, names.EXPOSURE)
    ),
    *(("annotations", key, None) for key in names.BOUNDARY_ANNOTATIONS),
    ("annotations", names.FORMAT, "2"),
    *(("annotations", names.KEEP_REVISIONS, text) for text in ("two", "", "-1", "1000")),
)


def test_a_zone_whose_boundary_cannot_be_read_admits_nothing_new_and_says_why(
    root: Rest, engineer: Rest
) -> None:
    """Only somebody exempt can break it; what is broken is named, in every kind of refusal."""
    boundary = zones.unique(examples.ZONE)
    good = examples.pod_template(Example())
    asked = [
        (kind, examples.manifest(kind, good))
        for shape in examples.POD_SHAPES
        for kind in (shape.kinds[0],)
    ]
    asked.append((SERVICE, make_object(SERVICE, {"name": "app"}, {"spec": PORTS})))
    with zones.zone(root, boundary) as name:
        path = f"{zones.CORE}/{name}"
        whole = root.get(path).body["metadata"]
        for where, key, value in UNREADABLE:
            assert root.request(
                "PATCH", path, {"metadata": {where: {key: value}}}, content=MERGE
            ).ok
            for kind, obj in asked:

                def answer(kind: Kind = kind, obj: Body = obj) -> Answer:
                    return engineer.create(collection(kind, name), obj, dry_run=True)

                told = until(
                    lambda ask=answer, key=key: found if key in (found := ask()).message else None,
                    f"{kind.kind} is refused since {key} is {value}",
                )
                assert told.code == 403
                assert "cannot be read" in told.message
            restored = {"metadata": {where: {key: whole[where][key]}}}
            assert root.request("PATCH", path, restored, content=MERGE).ok
        assert root.request("PATCH", path, {"metadata": {"annotations": None}}, content=MERGE).ok
        told = until(
            lambda: (
                found
                if "cannot be read"
                in (
                    found := engineer.create(
                        collection(*asked[0][:1], name), asked[0][1], dry_run=True
                    )
                ).message
                else None
            ),
            "a pod is refused where there are no annotations at all",
        )
        assert told.code == 403


def test_a_zone_of_an_older_version_is_read_and_asks_for_two_revisions(
    root: Rest, engineer: Rest
) -> None:
    deployment = WORKLOADS.kinds[0]
    good = examples.manifest(deployment, examples.pod_template(Example()))
    forgetful = {**good, "spec": {**good["spec"], "revisionHistoryLimit": 1}}
    with zones.zone(root, zones.unique(examples.ZONE)) as name:
        older = {"metadata": {"annotations": dict.fromkeys(names.OPTIONAL_ANNOTATIONS)}}
        patched = root.request("PATCH", f"{zones.CORE}/{name}", older, content=MERGE)
        assert not patched.body["metadata"]["annotations"].keys() & {*names.OPTIONAL_ANNOTATIONS}
        path = collection(deployment, name)
        told = until(
            lambda: (
                found
                if (found := engineer.create(path, forgetful, dry_run=True)).code == 403
                else None
            ),
            "one earlier revision is too few",
        )
        assert "(found 1, and 2 are asked for)" in told.message
        assert engineer.create(path, good, dry_run=True).ok
