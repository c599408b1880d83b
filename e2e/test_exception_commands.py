"""People ask for exceptions and decide them with `kubectl phi`, each with rights of their own."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from e2e import workloads
from e2e.controlplane import ControlPlane, build, tools
from e2e.exceptions import Object, ask, decide, exception, exceptions, in_force, moment
from e2e.people import APPROVER, REQUESTER, ROLES, allow, lean
from e2e.product import Operator, Product
from e2e.rest import MERGE, Rest, connect
from e2e.terminals import terminal
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    bad,
    budget,
    budgets,
    clinic,
    deployment,
    deployments,
    unique,
    wait,
)
from phiwarden.cli.phi import app

ACCOUNTS = f"{NAMESPACES}/default/serviceaccounts"
WIDE = {"COLUMNS": "140"}


@dataclass
class Person:
    """Somebody with a token: the API server knows their name and their uid."""

    cluster: ControlPlane
    username: str
    uid: str
    kubeconfig: Path
    rest: Rest = field(repr=False)

    def phi(self, *arguments: str) -> tuple[int, str]:
        """Run a command without a terminal; return its exit code and all that it said."""
        ended = CliRunner().invoke(
            app, [*arguments, "--kubeconfig", str(self.kubeconfig)], env=WIDE
        )
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return ended.exit_code, ended.output

    def ask(self, namespace: str, *more: str, rule: str = "PHI-IMG-001") -> tuple[int, str]:
        """Ask for an exception for Deployment api."""
        return self.phi(
            *("request-exception", "deploy/api", "-n", namespace, "--rule", rule),
            *("--reason", "the vendor publishes no digests before its next release"),
            *("--ticket", "CHG-4711", "--control", "tags of this repository cannot be moved"),
            *(more if {"--for", "--until"}.intersection(more) else ("--for", "1d", *more)),
        )

    def asked(self, namespace: str, *more: str) -> str:
        """Have an exception asked for; return its name."""
        name = unique("digests")
        code, said = self.ask(namespace, "--name", name, *more)
        assert code == 0, said
        return name


@pytest.fixture(scope="module")
def people(product: Product, root: Rest) -> Iterator[dict[str, Person]]:
    """Asha, who asks; Boris, who approves; Carla, who deploys and has no say in exceptions."""
    found = {}
    for name in ("asha", "boris", "carla"):
        account = unique(name)
        made = root.create(ACCOUNTS, {"metadata": {"name": account}})
        assert made.ok
        kubeconfig = product.cluster.create_token(account, "default")
        username = f"system:serviceaccount:default:{account}"
        uid = made.body["metadata"]["uid"]
        found[name] = Person(product.cluster, username, uid, kubeconfig, connect(kubeconfig))
    yield found
    for person in found.values():
        root.delete(f"{ACCOUNTS}/{person.username.rpartition(':')[2]}")


@pytest.fixture
def asha(people: dict[str, Person]) -> Person:
    return people["asha"]


@pytest.fixture
def boris(people: dict[str, Person]) -> Person:
    return people["boris"]


@pytest.fixture
def carla(people: dict[str, Person]) -> Person:
    return people["carla"]


@pytest.fixture(scope="module")
def zone(root: Rest, operator: Operator, people: dict[str, Person]) -> Iterator[str]:
    """A zone in direct care, in which all three deploy."""
    name = unique("asking")
    registries = {"registries": ["registry.hospital.example/portal"]}
    wanted = workloads.zone(
        "app",
        namespace=name,
        data="phi",
        images=registries,
        clusterRoles=[REQUESTER, APPROVER, "edit"],
    )
    assert workloads.apply(root, clinic(name, zones=[wanted], flows=[], externals=[])).ok
    wait(root, name)
    assert root.create(budgets(name), budget()).ok
    allow(root, name, "edit", *(person.username for person in people.values()))
    allow(root, name, REQUESTER, people["asha"].username, people["carla"].username)
    allow(root, name, APPROVER, people["asha"].username, people["boris"].username)
    yield name
    root.delete(f"{WORKLOADS}/{name}")


def stored(person: Person, zone: str, name: str) -> Object:
    body: Object = person.rest.get(f"{exceptions(zone)}/{name}").body
    return body


def decision(person: Person, zone: str, name: str) -> Object | None:
    found: Object | None = (stored(person, zone, name).get("status") or {}).get("decision")
    return found


def plain(said: str) -> str:
    """Return what was said as one line."""
    return " ".join(said.split())


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the plugin where kubectl looks for it, as `pip install` puts it there."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")


def approving(boris: Person, zone: str, name: str) -> list[str]:
    return [str(build.ensure(["kubectl"])["kubectl"]), "phi", "approve", name, "-n", zone]


def env(person: Person) -> dict[str, str]:
    return tools.kubectl_env(person.cluster.run_dir, person.kubeconfig)


def test_one_asks_another_approves_and_it_counts(zone: str, asha: Person, boris: Person) -> None:
    tagged = bad(deployment("api"))
    assert "PHI-IMG-001" in asha.rest.create(deployments(zone), tagged).message
    code, said = asha.ask(zone)
    assert code == 0, said
    match = re.search(r"kubectl phi approve (api-phi-img-001-\S+) -n", said)
    assert match, said
    name = match[1]
    assert f"the verb approve on phiexceptions in {zone}" in plain(said)
    spec = stored(asha, zone, name)["spec"]
    assert spec["requestedBy"] == {"username": asha.username, "uid": asha.uid}
    assert spec["objects"] == [{"kind": "Deployment", "name": "api"}]
    code, said = boris.phi("approve", name, "-n", zone, "--yes")
    assert code == 0, said
    assert "Approved, and in force: Deployment/api may break PHI-IMG-001 until" in said
    assert decision(boris, zone, name) == {
        "type": "Approved",
        "by": {"username": boris.username, "uid": boris.uid},
    }
    answer = asha.rest.create(deployments(zone), tagged)
    assert answer.ok, answer.message


def test_what_is_approved_is_shown(zone: str, asha: Person, boris: Person) -> None:
    code, said = asha.ask(
        zone, "--name", (name := unique("shown")), "--emergency", "--rule", "PHI-REL-001"
    )
    assert code == 0, said
    _, said = boris.phi("approve", name, "-n", zone)
    shown = plain(said)
    for words in (
        f"Exception: {name} in {zone}",
        f"app of {zone}: data phi, direct-care, production",
        "PHI-IMG-001 ",
        "PHI-REL-001 ",
        "Deployment/api",
        "Reason: the vendor publishes no digests before its next release",
        "Instead: tags of this repository cannot be moved",
        "Ticket: CHG-4711",
        "Emergency: yes",
        f"Asked for by: {asha.username}",
        " in all, ",
        "Decided: by nobody yet",
        f"You are: {boris.username}",
    ):
        assert words in shown, words


def test_an_object_is_judged_as_it_stands(zone: str, asha: Person, boris: Person) -> None:
    good = deployment(unique("records"))
    assert asha.rest.create(deployments(zone), good).ok
    wanted = exception(name := unique("judged"), asha.username, uid=asha.uid)
    there = {"kind": "Deployment", "name": good["metadata"]["name"]}
    wanted["spec"]["objects"] = [there, {"kind": "Service", "name": "nowhere"}]
    assert ask(asha.rest, zone, wanted).ok
    _, said = boris.phi("approve", name, "-n", zone)
    assert f"Deployment/{there['name']} (now keeps PHI-IMG-001)" in said
    assert "Service/nowhere (is not there now)" in said
    assert decide(boris.rest, zone, name, boris.username, uid=boris.uid).ok
    until(lambda: in_force(boris.rest, zone, name).get("status") == "True", f"{name} counts")
    path = f"{deployments(zone)}/{there['name']}"
    # A second write within a second does not tell the time, and has no exception.
    until(
        lambda: asha.rest.request("PATCH", path, bad(good), content=MERGE).ok,
        f"{path} breaks the rule",
        within=10,
    )
    _, said = boris.phi("approve", name, "-n", zone)
    assert (
        "now breaks PHI-IMG-001 at spec.template.spec.containers[app].image: image is not" in said
    )
    assert f"Decided: approved by {boris.username}" in plain(said)


def test_whoever_asked_does_not_approve(zone: str, asha: Person) -> None:
    """Asha may approve, but not this."""
    name = asha.asked(zone)
    code, said = asha.phi("approve", name, "-n", zone, "--yes")
    assert code == 1
    assert "You asked for this exception yourself: somebody else has to approve it." in said
    assert "In the API server's words: phiexceptions.phiwarden.dev" in said
    assert "PHI-GRD-007" in said
    assert decision(asha, zone, name) is None


def test_who_has_no_say_is_told(zone: str, asha: Person, carla: Person) -> None:
    name = asha.asked(zone)
    code, said = carla.phi("approve", name, "-n", zone, "--yes")
    assert code == 1
    assert f"You may not decide on exceptions in {zone}" in said
    assert 'cannot patch resource "phiexceptions/status"' in said
    assert decision(asha, zone, name) is None


def test_the_right_to_write_is_not_the_right_to_approve(
    zone: str, asha: Person, carla: Person, root: Rest
) -> None:
    """A role of the platform team's lets Carla write a status, and does not have the verb."""
    role = {"metadata": {"name": unique("writer")}}
    rules = [{"apiGroups": ["phiwarden.dev"], "resources": ["*"], "verbs": ["get", "patch"]}]
    group = "rbac.authorization.k8s.io"
    assert root.create(f"{ROLES}/clusterroles", {**role, "rules": rules}).ok
    binding = {
        **role,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", **role["metadata"]},
        "subjects": [{"apiGroup": group, "kind": "User", "name": carla.username}],
    }
    assert root.create(f"{ROLES}/clusterrolebindings", binding).ok
    name = asha.asked(zone)
    until(
        lambda: "verb approve" in carla.phi("approve", name, "-n", zone, "--yes")[1],
        "Carla's role is known",
    )
    code, said = carla.phi("approve", name, "-n", zone, "--yes")
    assert code == 1
    assert "it takes the verb approve on phiexceptions there" in said
    assert "PHI-GRD-007" in said
    assert decision(asha, zone, name) is None
    for kind in ("clusterrolebindings", "clusterroles"):
        root.delete(f"{ROLES}/{kind}/{role['metadata']['name']}")


def test_a_stranger_may_not_even_ask(zone: str, boris: Person) -> None:
    code, said = boris.ask(zone)
    assert code == 1
    assert f"You may not ask for exceptions in {zone}" in said


def test_a_person_is_asked_once_and_may_say_no(
    zone: str, asha: Person, boris: Person, at_terminal: None
) -> None:
    name = asha.asked(zone)
    with terminal(approving(boris, zone, name), env(boris)) as screen:
        screen.read("Approve this? [y/N]: ")
        assert "Reason:" in screen.shown
        screen.type("")
        assert screen.ended() == 1
        assert "Nothing was decided." in screen.shown
    assert decision(boris, zone, name) is None


def test_a_person_says_yes(zone: str, asha: Person, boris: Person, at_terminal: None) -> None:
    name = asha.asked(zone)
    with terminal(approving(boris, zone, name), env(boris)) as screen:
        screen.read("Approve this? [y/N]: ")
        assert decision(boris, zone, name) is None
        screen.type("y")
        assert screen.ended() == 0, screen.shown
        assert "Approved, and in force" in screen.shown
    assert in_force(boris.rest, zone, name)["status"] == "True"


def test_what_took_the_place_of_what_was_shown_is_not_approved(
    root: Rest, zone: str, asha: Person, boris: Person, at_terminal: None
) -> None:
    name = asha.asked(zone)
    with terminal(approving(boris, zone, name), env(boris)) as screen:
        screen.read("Approve this? [y/N]: ")
        assert root.delete(f"{exceptions(zone)}/{name}").ok
        other = exception(name, asha.username, uid=asha.uid, rules=["PHI-POD-001"])
        assert ask(asha.rest, zone, other).ok
        screen.type("y")
        assert screen.ended() == 1
        assert "This is not what you looked at: it was deleted meanwhile, and another" in plain(
            screen.shown
        )
    assert decision(boris, zone, name) is None


def test_what_is_gone_is_not_approved(
    root: Rest, zone: str, asha: Person, boris: Person, at_terminal: None
) -> None:
    name = asha.asked(zone)
    with terminal(approving(boris, zone, name), env(boris)) as screen:
        screen.read("Approve this? [y/N]: ")
        assert root.delete(f"{exceptions(zone)}/{name}").ok
        screen.type("y")
        assert screen.ended() == 1
    assert "it was deleted meanwhile. Nothing was decided." in screen.shown


def test_what_phiwarden_says_meanwhile_makes_no_other_exception_of_it(
    zone: str, asha: Person, boris: Person, root: Rest, at_terminal: None
) -> None:
    name = asha.asked(zone)
    with terminal(approving(boris, zone, name), env(boris)) as screen:
        screen.read("Approve this? [y/N]: ")
        path = f"{exceptions(zone)}/{name}"
        label = {"metadata": {"labels": {"seen": "yes"}}}
        answer = root.request("PATCH", path, label, content="application/merge-patch+json")
        assert answer.ok, answer.message
        screen.type("y")
        assert screen.ended() == 0, screen.shown


def test_what_somebody_else_decided_meanwhile_is_told(
    zone: str, asha: Person, boris: Person, at_terminal: None
) -> None:
    name = asha.asked(zone)
    with terminal(approving(boris, zone, name), env(boris)) as screen:
        screen.read("Approve this? [y/N]: ")
        assert decide(asha.rest, zone, name, asha.username, "Denied", uid=asha.uid).ok
        screen.type("y")
        assert screen.ended() == 1
    assert f"{asha.username} decided it meanwhile" in plain(screen.shown)
    assert (decision(boris, zone, name) or {})["type"] == "Denied"


def test_without_a_terminal_nobody_can_be_asked(zone: str, asha: Person, boris: Person) -> None:
    name = asha.asked(zone)
    code, said = boris.phi("approve", name, "-n", zone)
    assert code == 1
    assert "without a terminal, say --yes" in said
    assert decision(boris, zone, name) is None


def test_a_denial_has_a_reason(zone: str, asha: Person, boris: Person) -> None:
    name = asha.asked(zone)
    code, said = boris.phi("deny", name, "-n", zone)
    assert code == 2
    assert "--reason" in said
    code, said = boris.phi("deny", name, "-n", zone, "--reason", "the registry has digests")
    assert code == 0, said
    assert "Denied, and recorded: nothing may break these rules by it." in said
    assert (decision(boris, zone, name) or {})["reason"] == "the registry has digests"
    assert in_force(boris.rest, zone, name)["reason"] == "Denied"
    code, said = boris.phi("approve", name, "-n", zone, "--yes")
    assert code == 1
    assert "It was denied, and stays so." in said


def test_denying_what_was_approved_ends_it_at_once(zone: str, asha: Person, boris: Person) -> None:
    name = asha.asked(zone)
    assert boris.phi("approve", name, "-n", zone, "--yes")[0] == 0
    code, said = boris.phi("deny", name, "-n", zone, "--reason", "it leaked")
    assert code == 0, said
    assert "It was approved before, and has ended" in said
    entry = in_force(boris.rest, zone, name)
    assert (entry["status"], entry["reason"]) == ("False", "Denied")
    assert (decision(boris, zone, name) or {})["by"] == {
        "username": boris.username,
        "uid": boris.uid,
    }


def test_too_long_a_term_is_told_with_the_longest(zone: str, asha: Person) -> None:
    name = unique("long")
    code, said = asha.ask(zone, "--for", "15d", "--name", name)
    assert code == 2
    match = re.search(r"direct-care has at most 14 days: (\S+) is the longest possible", said)
    assert match, said
    assert "code" not in stored(asha, zone, name).get("spec", {})
    code, said = asha.ask(zone, "--until", match[1], "--name", name)
    assert code == 0, said
    code, said = asha.ask(zone, "--for", "4d", "--emergency")
    assert code == 2
    assert "an emergency has at most 3 days" in said


def test_the_longest_term_may_be_asked_for(zone: str, asha: Person) -> None:
    name = asha.asked(zone, "--for", "14d")
    spec = stored(asha, zone, name)["spec"]
    ends = dt.datetime.fromisoformat(spec["expires"])
    assert ends > dt.datetime.now(dt.UTC) + dt.timedelta(days=13, hours=23)


def test_a_dry_run_asks_for_nothing(zone: str, asha: Person, boris: Person) -> None:
    name = unique("dry")
    code, said = asha.ask(zone, "--dry-run", "--name", name)
    assert code == 0, said
    assert "Nothing is asked for" in said
    assert asha.rest.get(f"{exceptions(zone)}/{name}").code == 404
    code, said = boris.ask(zone, "--dry-run", "--name", name)
    assert code == 1, said


def test_what_was_asked_for_can_be_had_as_it_was_stored(zone: str, asha: Person) -> None:
    name = unique("yaml")
    ended = CliRunner().invoke(
        app,
        [
            *("request-exception", "deployment.apps/api", "-n", zone, "--rule", "img-001"),
            *("--reason", "the vendor is late again", "--ticket", "CHG-1", "--control", "x" * 10),
            *("--for", "2h", "--name", name, "-o", "yaml", "--kubeconfig", str(asha.kubeconfig)),
        ],
    )
    assert ended.exit_code == 0, ended.output
    told = yaml.safe_load(ended.stdout)
    assert told["metadata"]["uid"] == stored(asha, zone, name)["metadata"]["uid"]
    assert told["spec"] == stored(asha, zone, name)["spec"]


def test_who_wrote_it_is_no_riddle(zone: str, asha: Person, boris: Person) -> None:
    name = asha.asked(zone)
    assert boris.phi("approve", name, "-n", zone, "--yes", "--wait", "0s")[0] == 0
    managers = {note["manager"] for note in stored(asha, zone, name)["metadata"]["managedFields"]}
    assert "kubectl-phi" in managers


def test_names_are_taken_once(zone: str, asha: Person) -> None:
    name = asha.asked(zone)
    code, said = asha.ask(zone, "--name", name)
    assert code == 1
    assert "There is an exception of that name already" in said


def test_a_namespace_that_is_no_zone_needs_no_exception(root: Rest, asha: Person) -> None:
    name = unique("plain")
    assert root.create(NAMESPACES, {"metadata": {"name": name}}).ok
    lean(root, name, {"phiexceptions": ["list", "create"]}, asha.username)
    until(lambda: asha.rest.get(exceptions(name)).ok, "Asha's role is known")
    code, said = asha.ask(name)
    assert code == 1, said
    assert f"{name} is no zone: nothing in it needs an exception" in said
    allow(root, name, REQUESTER, asha.username)
    until(lambda: asha.rest.get(f"{NAMESPACES}/{name}").ok, "Asha reads the namespace")
    code, said = asha.ask(name)
    assert code == 2, said
    assert f"namespace {name} is no zone: nothing there needs an exception" in said
    root.delete(f"{NAMESPACES}/{name}")


def test_who_may_read_little_still_asks_and_approves(
    root: Rest, zone: str, product: Product
) -> None:
    """The least that asking and approving take: what cannot be read is said, and stops nobody."""
    found = []
    asking = {"phiexceptions": ["get", "list", "create"]}
    deciding = {"phiexceptions": ["get", "list", "approve"], "phiexceptions/status": ["patch"]}
    for rights in (asking, deciding):
        account = unique("lean")
        made = root.create(ACCOUNTS, {"metadata": {"name": account}})
        username = f"system:serviceaccount:default:{account}"
        kubeconfig = product.cluster.create_token(account, "default")
        person = Person(
            product.cluster, username, made.body["metadata"]["uid"], kubeconfig, connect(kubeconfig)
        )
        lean(root, zone, rights, username)
        until(lambda rest=person.rest: rest.get(exceptions(zone)).ok, f"{username} may look")
        found.append(person)
    asker, approver = found
    name = asker.asked(zone)
    code, said = approver.phi("approve", name, "-n", zone, "--yes")
    assert code == 0, said
    assert f"not known: you may not read namespace {zone}" in plain(said)
    assert "Deployment/api (you may not read it: what it breaks now cannot be told)" in said


def test_phiwarden_may_be_late(zone: str, asha: Person, boris: Person) -> None:
    name = asha.asked(zone)
    code, said = boris.phi("approve", name, "-n", zone, "--yes", "--wait", "0s")
    assert code == 0, said
    assert "it counts once phiwarden takes it into the boundary" in plain(said)
    assert (decision(boris, zone, name) or {})["type"] == "Approved"


def test_what_phiwarden_would_not_let_count_is_told(zone: str, asha: Person, boris: Person) -> None:
    wanted = exception(name := unique("moot"), asha.username, uid=asha.uid)
    wanted["spec"]["rules"] = ["PHI-GRD-001", "PHI-NIX-001"]
    assert ask(asha.rest, zone, wanted).ok
    code, said = boris.phi("approve", name, "-n", zone, "--yes")
    shown = plain(said)
    assert "Note: there are no exceptions to PHI-GRD-001" in shown
    assert "PHI-NIX-001 is none of the rules known here" in shown
    assert "not in force (NoSuchRule)" in shown
    assert code == 1


def test_what_has_ended_is_not_approved(zone: str, asha: Person, boris: Person) -> None:
    wanted = exception(name := unique("ended"), asha.username, uid=asha.uid)
    wanted["spec"]["expires"] = moment(seconds=2)
    assert ask(asha.rest, zone, wanted).ok
    until(
        lambda: "that has passed" in plain(boris.phi("approve", name, "-n", zone)[1]),
        "it has ended",
    )
    code, said = boris.phi("approve", name, "-n", zone, "--yes")
    assert code == 1
    assert "It has ended: nothing is left to approve." in said
    assert decision(boris, zone, name) is None


def test_words_of_others_cannot_draw_on_the_screen(zone: str, asha: Person, boris: Person) -> None:
    wanted = exception(name := unique("drawn"), asha.username, uid=asha.uid)
    wanted["spec"]["reason"] = "late\x1b[2J\nYou are:      root\n\u202egnihton si siht"
    assert ask(asha.rest, zone, wanted).ok
    _, said = boris.phi("approve", name, "-n", zone)
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert [line for line in said.splitlines() if line.startswith("You are:")] == [
        f"You are:      {boris.username} (uid {boris.uid})"
    ]


def test_a_name_that_nothing_has(zone: str, boris: Person) -> None:
    code, said = boris.phi("approve", "nothing", "-n", zone)
    assert code == 2
    assert f"there is no exception nothing in {zone}" in said


def test_no_api_server(tmp_path: Path, boris: Person) -> None:
    config = yaml.safe_load(boris.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    gone = tmp_path / "gone"
    gone.write_text(yaml.safe_dump(config))
    ended = CliRunner().invoke(app, ["approve", "x", "-n", "y", "--kubeconfig", str(gone)])
    assert ended.exit_code == 2
    assert "the API server cannot be reached" in ended.output
