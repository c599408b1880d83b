"""What the operator writes, told apart from what somebody else wrote a moment before."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from e2e import workloads
from e2e.product import Product
from e2e.rest import Rest
from e2e.workloads import NAMESPACES, clinic, unique
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import Facts, ZonePlan
from phiwarden.cluster.client import Api
from phiwarden.controller.apply import Applier, Overtaken
from phiwarden.controller.state import State


def plan_of(name: str) -> ZonePlan:
    spec = WorkloadSpec.model_validate(
        clinic(name, zones=[workloads.zone("app")], flows=[], externals=[])["spec"]
    )
    (zone,) = compile_boundary(name, spec, Facts(today=dt.date(2026, 11, 20))).zones
    return zone


def test_a_namespace_that_somebody_made_at_the_same_moment_is_given_back(
    product: Product, admin: Rest
) -> None:
    """The watch has not told of it yet, so the operator takes it for new; it must not keep it."""
    name = unique("race")
    path = f"{NAMESPACES}/{name}-app"
    assert admin.create(NAMESPACES, {"metadata": {"name": f"{name}-app", "labels": {"a": "b"}}}).ok
    before = admin.get(path).body["metadata"]

    async def take() -> None:
        api = await Api.connect(str(product.operator_kubeconfig()))
        try:
            await Applier(api, State()).write_namespace(plan_of(name).namespace)
        finally:
            await api.close()

    with pytest.raises(Overtaken, match=f"{name}-app"):
        asyncio.run(take())
    after = admin.get(path).body["metadata"]
    assert after["labels"] == before["labels"]
    assert after.get("annotations") == before.get("annotations")


def test_a_namespace_whose_creation_was_never_answered_is_known_as_ours(
    product: Product, admin: Rest
) -> None:
    """The request was carried out, the answer lost, and no watch has told of it yet."""
    name = unique("lost")
    namespace = plan_of(name).namespace

    async def twice() -> None:
        api = await Api.connect(str(product.operator_kubeconfig()))
        try:
            await Applier(api, State()).write_namespace(namespace)
            await Applier(api, State()).write_namespace(namespace)
        finally:
            await api.close()

    asyncio.run(twice())
    labels = admin.get(f"{NAMESPACES}/{name}-app").body["metadata"]["labels"]
    assert labels["phiwarden.dev/workload"] == name
