"""What people type of an exception, and what becomes of it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.decision import Identity
from phiwarden.api.exception import LONGEST, LONGEST_EMERGENCY, ExceptedKind, ExceptionSpec
from phiwarden.cli import request_exception
from phiwarden.cli.excepting.spelling import (
    KINDS,
    Misspelt,
    Options,
    checked,
    denial,
    end,
    length,
    manifest,
    name_for,
    object_of,
)

from .run import Ran, phi

NOW = dt.datetime(2026, 11, 21, 12, 0, 30, tzinfo=dt.UTC)
ASHA = Identity(username="asha@hospital.example")
OPTIONS = Options(
    rules=("img-001",),
    objects=("deploy/records",),
    reason="the vendor is late again",
    ticket="CHG-4711",
    control="tags cannot be moved",
    until=None,
    lasting="7d",
    emergency=False,
)
RULES = ("PHI-IMG-001", "PHI-POD-001")


@pytest.mark.parametrize("kind", ExceptedKind)
def test_every_kind_is_known_by_its_names(kind: ExceptedKind) -> None:
    wanted = {"kind": kind.value, "name": "x"}
    group = KINDS[kind].group
    for spelling in (kind.value, kind.value.lower(), KINDS[kind].plural):
        assert object_of(f"{spelling}/x") == wanted
        assert object_of(f"{spelling}.{group}/x" if group else f"{spelling}/x") == wanted


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("deploy/a", "Deployment"),
        ("DEPLOY/a", "Deployment"),
        ("sts/a", "StatefulSet"),
        ("ds/a", "DaemonSet"),
        ("cj/a", "CronJob"),
        ("po/a", "Pod"),
        ("svc/a", "Service"),
        ("ing/a", "Ingress"),
        ("netpol/a", "NetworkPolicy"),
        ("cm/a", "ConfigMap"),
        ("pvc/a", "PersistentVolumeClaim"),
        ("deployments.v1.apps/a", "Deployment"),
    ],
)
def test_short_names_are_kubectls(text: str, kind: str) -> None:
    assert object_of(text) == {"kind": kind, "name": "a"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("records", "is not KIND/NAME"),
        ("deploy/", "is not KIND/NAME"),
        ("/records", "is not KIND/NAME"),
        ("secret/x", "there are no exceptions for 'secret'"),
        ("deploy.batch/x", "there are no exceptions for 'deploy.batch'"),
        ("\x1b[2J/x", "'\ufffd[2J'"),
    ],
)
def test_what_is_no_object_is_told(text: str, why: str) -> None:
    with pytest.raises(Misspelt, match=re.escape(why)):
        object_of(text)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("7d", dt.timedelta(days=7)),
        ("2w", dt.timedelta(weeks=2)),
        ("1d12h", dt.timedelta(days=1, hours=12)),
        ("90m", dt.timedelta(minutes=90)),
        ("0s", dt.timedelta()),
    ],
)
def test_lengths(text: str, span: dt.timedelta) -> None:
    assert length(text) == span


@pytest.mark.parametrize("text", ["", "7", "d", "7 days", "-1d", "1h1d", "1.5d", "٧d", "999999d"])
def test_what_is_no_length_is_told(text: str) -> None:
    with pytest.raises(Misspelt, match="is no length of time, such as 7d"):
        length(text)


@pytest.mark.parametrize(
    ("until", "lasting", "wanted"),
    [
        ("2026-12-01T12:00:00Z", None, "2026-12-01T12:00:00Z"),
        ("2026-12-01T12:00:00+01:00", None, "2026-12-01T11:00:00Z"),
        (None, "1d", "2026-11-22T12:00:30Z"),
    ],
)
def test_an_end_is_a_moment_in_utc(until: str | None, lasting: str | None, wanted: str) -> None:
    assert end(until, lasting, NOW) == wanted


@pytest.mark.parametrize(
    ("until", "lasting", "why"),
    [
        (None, None, "say when it ends"),
        ("2026-12-01T12:00:00Z", "7d", "say when it ends"),
        ("2026-12-01", None, "no moment with a time zone"),
        ("2026-12-01T12:00:00", None, "no moment with a time zone"),
        ("soon", None, "no moment with a time zone"),
        ("0001-01-01T00:00:00+12:00", None, "no moment with a time zone"),
        (None, "soon", "--for: 'soon' is no length"),
    ],
)
def test_what_is_no_end_is_told(until: str | None, lasting: str | None, why: str) -> None:
    with pytest.raises(Misspelt, match=why):
        end(until, lasting, NOW)


def test_what_was_typed_is_what_is_asked_for() -> None:
    typed = replace(OPTIONS, rules=("img-001", "PHI-IMG-001"), objects=("deploy/a", "deployment/a"))
    spec = checked(typed, RULES, NOW).spec(ASHA, NOW)
    assert manifest("portal-clinical", "digests", spec)["spec"] == {
        "rules": ["PHI-IMG-001"],
        "objects": [{"kind": "Deployment", "name": "a"}],
        "reason": "the vendor is late again",
        "ticket": "CHG-4711",
        "compensatingControl": "tags cannot be moved",
        "expires": "2026-11-28T12:00:30Z",
        "emergency": False,
        "requestedBy": {"username": "asha@hospital.example"},
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rules": ("img-01",)}, "--rule: no rule img-01: did you mean PHI-IMG-001"),
        ({"rules": ("HOSP-IMG-001",)}, "known with --rules FOLDER"),
        ({"reason": "late"}, "--reason: "),
        ({"reason": "x" * 1001}, "--reason: "),
        ({"control": ""}, "--control: "),
        ({"ticket": ""}, "--ticket: "),
        ({"objects": ("deploy/*",)}, "KIND/NAME: must be the whole name of one object"),
        ({"objects": tuple(f"deploy/a{n}" for n in range(5))}, "KIND/NAME: "),
        ({"lasting": None, "until": "2900-01-01T00:00:00Z"}, "--until: must be a second in UTC"),
    ],
)
def test_each_fault_names_its_option(change: dict[str, object], why: str) -> None:
    with pytest.raises(Misspelt, match=re.escape(why)):
        checked(replace(OPTIONS, **change), RULES, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["", " \n", "x" * 1001])
def test_a_denial_says_why(reason: str) -> None:
    with pytest.raises(Misspelt, match="--reason: "):
        denial(reason)


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9.:_-]{0,250}[A-Za-z0-9])?", fullmatch=True))
def test_a_name_is_one_that_kubernetes_takes(about: str) -> None:
    spec = checked(OPTIONS, RULES, NOW).spec(ASHA, NOW)
    named = spec.model_copy(
        update={"objects": (spec.objects[0].model_copy(update={"name": about}),)}
    )
    name = name_for(named, "3f2a")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name, re.ASCII), name
    assert name.endswith("-phi-img-001-3f2a")


def test_the_help_tells_the_longest_terms() -> None:
    numbers = [most.days for most in LONGEST.values()] + [LONGEST_EMERGENCY.days]
    told = request_exception.HELP.partition("at most")[2].partition("\n")[0]
    assert [int(number) for number in re.findall(r"\d+", told)] == numbers


def ran(*more: str) -> Ran:
    return phi(
        *("request-exception", "deploy/records", "-n", "x", "--reason", "late again, sorry"),
        *("--ticket", "T", "--control", "nobody moves tags", *more),
        KUBECONFIG="/nowhere",
    )


def test_options_are_judged_before_a_cluster_is_looked_for() -> None:
    wrong = ran("--rule", "img-01", "--for", "7d")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean PHI-IMG-001" in wrong.err
    assert "kubeconfig" not in wrong.err
    right = ran("--rule", "img-001", "--for", "7d")
    assert right.code == 2
    assert "no usable kubeconfig" in right.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("approve", "x"),
        ("approve", "-n", "y"),
        ("deny", "x", "-n", "y"),
        ("approve", "x", "-n", "y", "--wait", "soon"),
        ("request-exception", "deploy/x", "-n", "y"),
    ],
)
def test_what_is_missing_or_wrong_is_told(arguments: tuple[str, ...]) -> None:
    assert phi(*arguments, KUBECONFIG="/nowhere").code == 2


def test_a_spec_is_read_back_as_it_was_asked_for() -> None:
    spec = checked(OPTIONS, RULES, NOW).spec(ASHA, NOW)
    assert ExceptionSpec.model_validate(manifest("n", "x", spec)["spec"]) == spec
