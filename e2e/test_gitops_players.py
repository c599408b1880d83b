"""The players of GitOps controllers do what the real ones do: on a real API server, with its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e import gitops, zones
from e2e.players import Git, Player
from e2e.product import Product
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import Object, bad, deployment, deployments, image_of, path_of
from phiwarden.rulebook.examples import DIGEST, ZONE

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture(scope="module")
def zone(root: Rest) -> Iterator[str]:
    """A namespace that the rules hold in, without an operator."""
    with zones.zone(root, zones.unique(ZONE)) as name:
        yield name


def stored(admin: Rest, zone: str, name: str) -> Object:
    return admin.get(f"{deployments(zone)}/{name}").body


def drift(admin: Rest, zone: str, name: str) -> None:
    """Have somebody scale by hand."""
    change = {"spec": {"replicas": 5}}
    path = f"{deployments(zone)}/{name}"
    assert admin.request("PATCH", path, change, content=MERGE, fieldManager="somebody").ok


def put_back(admin: Rest, zone: str, name: str) -> Callable[[], bool]:
    return lambda: stored(admin, zone, name)["spec"]["replicas"] == 2


def looked(player: Player, times: int = 2) -> None:
    """Wait until a player looked again, so many times from now."""
    before = player.rounds
    until(lambda: player.rounds >= before + times, "it looked again")


def managers(obj: Object) -> set[tuple[str, str]]:
    """Return who manages the spec, and how."""
    return {
        (entry["manager"], entry["operation"])
        for entry in obj["metadata"]["managedFields"]
        if "f:spec" in entry["fieldsV1"]
    }


def test_flux_puts_drift_back_and_writes_nothing_else(
    admin: Rest, product: Product, zone: str
) -> None:
    git = Git()
    git.push(api=deployment("flux"))
    with gitops.flux(product.cluster, zone, git) as flux:
        until(lambda: flux.applied == ["Deployment/flux"], "it is there")
        made = stored(admin, zone, "flux")
        assert made["metadata"]["labels"] == {
            "kustomize.toolkit.fluxcd.io/name": "apps",
            "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        }
        assert managers(made) == {("kustomize-controller", "Apply")}
        looked(flux)
        assert flux.applied == ["Deployment/flux"]
        drift(admin, zone, "flux")
        until(put_back(admin, zone, "flux"), "it is put back")
        looked(flux)
        assert flux.applied == ["Deployment/flux"] * 2
        assert flux.refused == []
        asked = {"metadata": {"annotations": {gitops.Flux.RECONCILE: "disabled"}}}
        path = f"{deployments(zone)}/flux"
        assert admin.request("PATCH", path, asked, content=MERGE).ok
        drift(admin, zone, "flux")
        looked(flux)
        assert stored(admin, zone, "flux")["spec"]["replicas"] == 5


def test_flux_remembers_each_refusal_and_applies_nothing_beside_it(
    admin: Rest, product: Product, zone: str
) -> None:
    git = Git()
    git.push(fine=deployment("fine"), wrong=bad(deployment("wrong")))
    with gitops.flux(product.cluster, zone, git) as flux:
        until(lambda: len(flux.refused) >= 2, "it is refused, and again")
        assert flux.refused[0].startswith("Deployment/wrong dry-run failed (Forbidden): ")
        assert "PHI-IMG-001" in flux.refused[0]
        assert flux.applied == []
        git.push(wrong=deployment("wrong"))
        until(lambda: sorted(flux.applied) == ["Deployment/fine", "Deployment/wrong"], "both are")
        seen = len(flux.refused)
        looked(flux)
        assert len(flux.refused) == seen


@pytest.mark.parametrize(
    ("server_side", "how"), [(False, "Update"), (True, "Apply")], ids=["client", "server"]
)
def test_argo_heals_what_differs(
    admin: Rest, product: Product, zone: str, server_side: bool, how: str
) -> None:
    name = f"argo-{how.lower()}"
    git = Git()
    git.push(api=deployment(name))
    with gitops.argo(product.cluster, zone, git, server_side=server_side) as argo:
        until(lambda: argo.applied == [f"Deployment/{name}"], "it is synced")
        made = stored(admin, zone, name)
        notes = made["metadata"]["annotations"]
        assert notes["argocd.argoproj.io/tracking-id"] == f"apps:apps/Deployment:{zone}/{name}"
        assert (LAST_APPLIED in notes) is not server_side
        assert managers(made) == {("argocd-controller", how)}
        looked(argo)
        assert argo.applied == [f"Deployment/{name}"]
        drift(admin, zone, name)
        until(put_back(admin, zone, name), "it is healed")
        looked(argo)
        assert argo.applied == [f"Deployment/{name}"] * 2


def test_argo_heals_later_each_time(admin: Rest, product: Product, zone: str) -> None:
    git = Git()
    git.push(api=deployment("slowly"))
    with gitops.argo(product.cluster, zone, git, delay=0.5, growth=1000.0) as argo:
        until(lambda: len(argo.applied) == 1, "it is synced")
        drift(admin, zone, "slowly")
        until(put_back(admin, zone, "slowly"), "it is healed")
        drift(admin, zone, "slowly")
        looked(argo, 5)
        assert stored(admin, zone, "slowly")["spec"]["replicas"] == 5
        git.push(api=deployment("slowly", replicas=3))
        until(lambda: stored(admin, zone, "slowly")["spec"]["replicas"] == 3, "another commit is")


def test_argo_gives_a_commit_up_that_is_refused(admin: Rest, product: Product, zone: str) -> None:
    git = Git()
    git.push(api=bad(deployment("refused")), fine=deployment("accepted"))
    with gitops.argo(product.cluster, zone, git) as argo:
        until(lambda: argo.given_up, "it gives up")
        assert len(argo.refused) == 1 + gitops.RETRIES
        assert all("PHI-IMG-001" in message for message in argo.refused)
        assert argo.applied == ["Deployment/accepted"]
        looked(argo)
        assert len(argo.refused) == 1 + gitops.RETRIES
        git.push(api=deployment("refused"))
        until(lambda: argo.applied[1:] == ["Deployment/refused"], "another commit is synced")


def test_a_pipeline_and_somebody_else_undo_each_other(
    admin: Rest, product: Product, zone: str
) -> None:
    git = Git()
    good = deployment("fought")
    git.push(api=good)
    other = deployment("fought", env=[{"name": "RELEASE", "value": "2"}])
    path = path_of(good, zone)

    def env() -> Any:
        (container,) = stored(admin, zone, "fought")["spec"]["template"]["spec"]["containers"]
        return container.get("env")

    with gitops.pipeline(product.cluster, zone, git) as job:
        until(lambda: job.applied == ["Deployment/fought"], "it is deployed")
        made = stored(admin, zone, "fought")
        assert managers(made) == {("kubectl-client-side-apply", "Update")}
        assert LAST_APPLIED in made["metadata"]["annotations"]
        assert not made["metadata"].get("labels")
        for fights in range(2, 4):
            # Not of the manifest: kubectl leaves alone what it never applied.
            assert admin.request("PATCH", path, other, content=MERGE).ok
            looked(job)
            assert env() == other["spec"]["template"]["spec"]["containers"][0]["env"]
            drift(admin, zone, "fought")
            until(put_back(admin, zone, "fought"), "it is deployed again")
            until(lambda n=fights: job.applied == ["Deployment/fought"] * n, "it said so")
        assert job.refused == []


def test_what_goes_wrong_in_a_player_is_raised_where_its_block_ends(
    product: Product, zone: str
) -> None:
    git = Git()
    git.push(odd={**deployment("odd"), "kind": "Unknown"})
    with pytest.raises(KeyError, match="Unknown"), gitops.flux(product.cluster, zone, git):
        pass


def test_a_player_has_rights_in_its_namespace_alone(product: Product, zone: str) -> None:
    git = Git()
    git.push(api=deployment("anywhere"))
    with gitops.flux(product.cluster, zone, git) as flux:
        until(lambda: flux.applied, "it is there")
        elsewhere = flux.rest.get(deployments("default"))
        assert elsewhere.code == 403
        assert image_of(flux.rest, zone, "anywhere").endswith(DIGEST)
