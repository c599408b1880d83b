"""Where objects are compared: enforcing zones, some with a past, and a namespace without rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from e2e import custom_kinds, zones
from e2e.differential import forms
from e2e.differential.boundaries import BOUNDARIES, CHANGING, DEBUGGING
from e2e.differential.near import Body, Form
from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.cluster.resources import collection, item
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import PODS

(_POD,) = PODS.kinds


@dataclass(frozen=True)
class Place:
    """Namespaces, and who asks.

    Attributes:
        root: exempt from what guards a boundary, and from nothing else.
        engineer: has every right that RBAC can give, and no exemption.
        zones: the namespace of each of the boundaries, by its title.
        unruled: a namespace that is no zone: it tells what the API server makes of a change.
    """

    root: Rest
    engineer: Rest
    zones: dict[str, str]
    unruled: str

    def ask_for_new(self, form: Form, obj: Body, title: str, *, trusted: bool) -> Answer:
        """Ask whether an object would be created in a zone."""
        asker = self.root if trusted else self.engineer
        return asker.create(collection(form.kind, self.zones[title]), obj, dry_run=True)

    def stored(self, form: Form, name: str) -> Body:
        """Return a stored object as changes of that form see it."""
        return self.root.get(_path(form, self.unruled, name)).body

    def made_of(self, form: Form, name: str, patch: Any) -> Answer:
        """Return what the API server would make of a change if there were no rules."""
        return _patch(self.root, _path(form, self.unruled, name), patch)

    def ask_for_change(self, form: Form, name: str, patch: Any, title: str) -> Answer:
        """Ask whether a stored object would be changed in a zone."""
        return _patch(self.engineer, _path(form, self.zones[title], name), patch)


def _path(form: Form, namespace: str, name: str) -> str:
    return item(form.kind, namespace, name) + (f"/{form.through}" if form.through else "")


def _patch(asker: Rest, path: str, patch: Any) -> Answer:
    return asker.request("PATCH", path, patch, content=MERGE, dryRun="All")


@contextmanager
def prepared(root: Rest, engineer: Rest) -> Iterator[Place]:
    """Have such a place for the duration of a block."""
    unruled = f"unruled-{zones.unique(examples.ZONE).workload}"
    made: dict[str, str] = {}
    place = Place(root, engineer, made, unruled)
    with custom_kinds.installed(root):
        try:
            _make(place)
            yield place
        finally:
            for namespace in (*made.values(), unruled):
                _let_go(root, namespace)
                root.delete(f"{zones.CORE}/{namespace}")


def _make(place: Place) -> None:
    answer = place.root.create(zones.CORE, {"metadata": {"name": place.unruled}})
    assert answer.ok, answer.body
    with_a_past = (*CHANGING, *DEBUGGING)
    for title, boundary in BOUNDARIES.items():
        level = "observe" if title in with_a_past else "enforce"
        place.zones[title] = zones.make(place.root, replace(boundary, enforcement=level))
    for namespace in (*place.zones.values(), place.unruled):
        _accept_pods(place.root, namespace)
    for title in with_a_past:
        _fill(place.root, place.zones[title])
    _fill(place.root, place.unruled)
    level_up = {"metadata": {"labels": {names.ENFORCEMENT: "enforce"}}}
    for title in with_a_past:
        path = f"{zones.CORE}/{place.zones[title]}"
        assert place.root.request("PATCH", path, level_up, content=MERGE).ok
    for namespace in place.zones.values():
        _await_enforcement(place.engineer, namespace)


def _accept_pods(root: Rest, namespace: str) -> None:
    """Have the accounts that pods name, silent: else the API server adds a token's volume."""
    accounts = f"{zones.CORE}/{namespace}/serviceaccounts"
    silent = {"automountServiceAccountToken": False}
    for name in ("app", "other"):
        answer = root.create(accounts, {"metadata": {"name": name}, **silent})
        assert answer.ok or answer.code == 409, answer.body
    until(
        lambda: root.request("PATCH", f"{accounts}/default", silent, content=MERGE).ok,
        f"{namespace} has its default account",
    )


def _fill(root: Rest, namespace: str) -> None:
    for form, body in forms.stored():
        answer = root.create(collection(form.kind, namespace), body)
        # Two forms of a kind are changed from one object.
        assert answer.ok or answer.code == 409, answer.body
        if body["metadata"]["name"] == "leaving":
            assert root.delete(item(form.kind, namespace, "leaving")).ok


def _let_go(root: Rest, namespace: str) -> None:
    """Let what is leaving go, so that the namespace can go, too."""
    for form, body in forms.stored():
        if body["metadata"]["name"] == "leaving":
            path = item(form.kind, namespace, "leaving")
            root.request("PATCH", path, {"metadata": {"finalizers": None}}, content=MERGE)


def _await_enforcement(engineer: Rest, namespace: str) -> None:
    bad = examples.manifest(_POD, examples.pod_template(Example(pod={"hostPID": True})))
    path = collection(_POD, namespace)
    until(lambda: engineer.create(path, bad, dry_run=True).code == 403, f"{namespace} is enforced")
