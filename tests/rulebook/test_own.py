"""Own rules that would not work are refused when they are added, each fault with its place."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from phiwarden.cli.phi import app
from phiwarden.rulebook import bundle, own
from phiwarden.rulebook.model import RulebookError

EXAMPLES = Path(__file__).parents[2] / "examples" / "own-rules"
GOOD: dict[str, Any] = yaml.safe_load((EXAMPLES / "images.yaml").read_text())
EXAMPLE = {"container": {"imagePullPolicy": "Always"}}
OFFENDS = "has(container.imagePullPolicy) && container.imagePullPolicy == 'Always'"


def faults(folder: Path) -> list[str]:
    with pytest.raises(RulebookError) as raised:
        own.own_rules(folder)
    return str(raised.value).splitlines()


def write(folder: Path, *rules: dict[str, Any], name: str = "acme.yaml", **fields: Any) -> Path:
    document = {**GOOD, "rules": list(rules), **fields}
    (folder / name).write_text(yaml.safe_dump(document, allow_unicode=True))
    return folder


def rule(check: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = {**copy.deepcopy(GOOD["rules"][0]), **fields}
    made["checks"][0] |= check or {}
    return made


def asking(offends: str, **fields: Any) -> dict[str, Any]:
    return rule({"offends": f"{OFFENDS} && ({offends})", **fields})


SLOW = "container.env.exists(e, container.env.exists(f, f.name != e.name && f.value == e.value))"
WRONG = [
    (rule(id="PHI-OWN-001"), "PHI- is the prefix of phiwarden's rules"),
    (rule(id="acme"), "id: String should match pattern"),
    (rule(fix="x" * 301), "fix has 301 characters, and at most 300"),
    (rule(fix="first\nsecond"), "fix must be one line of ASCII text"),
    (rule(title="Caf\u00e9"), "title must be one line of ASCII text"),
    (rule(title="x" * 91), "title: String should have at most 90 characters"),
    (rule(severity={"direct-care": "deny"}), "severity lacks care-support, administrative"),
    (rule(terms={"a": "1"}, checks=[{}]), "'offends' is missing"),
    (rule(reads="networkpolicy"), "check 1: reads networkpolicy is phiwarden's alone"),
    (rule({"each": "entry"}), "check 1: each entry is not part of what reads pod looks at"),
    (rule({"problem": "a\nb"}), "problem of check 1 must be one line"),
    (rule({"offends": "has(container.image"}), "check 1: offends does not compile"),
    (rule({"found": "'a' +"}), "check 1: found does not compile"),
    (asking("variables.containers == []"), "variables.containers is not known here; these are"),
    (asking("variables.pod.volumes.size() > 0"), "use each: volume"),
    (asking("variables.pod == variables.pod"), "variables.pod is read field by field"),
    (asking("object.spec.replicas == 1"), "object.spec is not readable here"),
    (asking("request.name == ''"), "request is not known here"),
    (asking("volume.name == ''"), "volume is not known here; these are: container"),
    (asking("[1].exists(container, true)"), "hides another container"),
    (asking("[1].all(x, y > x)"), "y is not known here"),
    (asking("container.name.upperAscii() == ''"), "upperAscii() is not a function of rules"),
    (asking("has(container['name'])"), "check 1: offends does not compile"),
    (asking("size(container.name) > 0"), "size() is called as x.size()"),
    (asking("container.name.matches(container.image)"), "matches() takes a literal text"),
    (asking(r"container.name.matches('\\d')"), "write a class of characters out"),
    (asking("container.name.matches('(?=a)')"), "not portable"),
    (asking("container.name.matches('[[:alpha:]]')"), "write a class of characters out"),
    (asking("container.name.matches('a++')"), "use *, +, ? and {n,m} alone"),
    (asking("container.name.matches('(')"), "is none: "),
    (asking("container.livenessProbe.periodSeconds > 5"), "ask has() before a field"),
    (asking("false"), "failing example 1 passes as Pod"),
    (rule({"offends": "true"}), "passing example 1 is refused as Pod, at spec.containers[app]"),
    (rule({"found": "1"}), "found yields no text of 1 to 160 printable ASCII characters"),
    (rule({"found": "''"}), "found yields no text of 1 to 160 printable ASCII characters"),
    (rule(examples={"pass": [], "fail": [EXAMPLE]}), "at least one that passes and one that fails"),
    (rule(examples={"pass": [EXAMPLE], "fail": []}), "at least one that passes and one that fails"),
    (
        rule(checks=[GOOD["rules"][0]["checks"][0], {**GOOD["rules"][0]["checks"][0], "problem": "p", "offends": "false"}]),
        "check 2: no failing example breaks it",
    ),
    (
        rule(examples={"pass": [{"zone": {"colour": "red"}}], "fail": [EXAMPLE]}),
        "passing example 1 cannot be made into an object",
    ),
    (
        rule(examples={"pass": [{"object": {"apiVersion": "v1", "kind": "Service"}}], "fail": [EXAMPLE]}),
        "passing example 1 is a Service, which the rule does not look at",
    ),
    (
        rule({"offends": f"{OFFENDS} || (has(container.env) && {SLOW})"}),
        "check 1: it may cost 4,",
    ),
    (rule(rationale=1.5), "rules[0].rationale is a float: put it in quotes"),
    (rule(rationale="a\u200bb"), "rules[0].rationale is a text with a character that cannot be"),
    (rule(examples={"pass": [{"pod": {"x": 2**60}}], "fail": [EXAMPLE]}), "more than 9007199254740991"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "told"), WRONG, ids=[told[:40] for _, told in WRONG])
def test_a_rule_that_would_not_work_is_refused(
    wrong: dict[str, Any], told: str, tmp_path: Path
) -> None:
    found = faults(write(tmp_path, wrong))
    assert any(told in fault for fault in found), found
    assert all(fault.startswith("acme.yaml: ") for fault in found)


def test_the_cost_is_told_with_the_limit_and_what_causes_it(tmp_path: Path) -> None:
    (fault,) = faults(
        write(tmp_path, rule({"offends": f"{OFFENDS} || (has(container.env) && {SLOW})"}))
    )
    assert "of at most 1,000,000, chiefly" in fault
    assert "inside a loop over variables.containers and over container.env and over" in fault


def test_rules_that_are_cheap_alone_may_be_too_dear_together(tmp_path: Path) -> None:
    looking = "has(container.env) && container.env.exists(e, e.value.matches('^{}[a-z]{{80,90}}$'))"
    rules = [
        rule({"offends": f"{OFFENDS} || ({looking.format('x' * 120)})"}, id=f"ACME-DEAR-{n:03}")
        for n in range(9)
    ]
    own.own_rules(write(tmp_path, rules[0]))
    (first, *_) = faults(write(tmp_path, *rules))
    assert first.startswith("all rules together: it may cost ")


def test_every_fault_is_told_at_once_with_file_and_rule(tmp_path: Path) -> None:
    write(tmp_path, rule(id="ACME-ONE-001", fix=""), rule({"offends": "("}, id="ACME-TWO-001"))
    write(tmp_path, rule(id="ACME-ONE-001", severity={}), name="other.yaml")
    (tmp_path / "broken.yaml").write_text("rules: [")
    (tmp_path / "list.yaml").write_text("[]")
    (tmp_path / "empty.yaml").write_text("family: a\nabout: b\nrules: []\n")
    (tmp_path / "a b.yaml").write_text("{}")
    found = faults(tmp_path)
    for start in (
        "acme.yaml: ACME-ONE-001: fix must be",
        "acme.yaml: ACME-TWO-001: check 1: offends does not compile",
        "other.yaml: ACME-ONE-001: ",
        "broken.yaml: no YAML: ",
        "list.yaml: give it the fields family, about and rules",
        "empty.yaml: rules must be a list with a rule in it",
        "a b.yaml: name the file with letters",
    ):
        assert any(fault.startswith(start) for fault in found), (start, found)


def test_no_two_rules_have_one_id(tmp_path: Path) -> None:
    write(tmp_path, rule(), rule())
    assert (
        faults(tmp_path)
        == ["acme.yaml: ACME-IMG-001: another rule has this id: number it anew"] * 2
    )


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_a_folder_without_rules_is_refused(make: Any, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    make(folder)
    (fault,) = faults(folder)
    assert str(folder) in fault


def test_the_example_of_the_documentation_is_a_good_one() -> None:
    assert [r.id for r in own.own_rules(EXAMPLES)] == [
        "ACME-IMG-001",
        "ACME-OPS-001",
        "ACME-OPS-002",
    ]


def test_rules_that_only_warn_need_no_policy(tmp_path: Path) -> None:
    levels = {"direct-care": "warn", "care-support": "warn", "administrative": "off"}
    write(tmp_path, rule(severity=levels))
    values = yaml.safe_load(bundle.values_text(own.checked(tmp_path)))
    assert values["ownRules"]["policies"] == []
    assert values["ownRules"]["rules"]


def test_the_command_line_tells_every_fault_and_exits_with_2(tmp_path: Path) -> None:
    write(tmp_path, rule(fix="a\x1b[31mb"), rule({"offends": "("}, id="ACME-TWO-001"))
    for command in ("check", "build"):
        ended = CliRunner().invoke(app, ["rules", command, str(tmp_path)])
        assert ended.exit_code == 2
        assert ended.stdout == ""
        assert len(ended.stderr.splitlines()) >= 2
        assert "\x1b" not in ended.stderr


def test_the_command_line_builds_what_it_checked() -> None:
    ended = CliRunner().invoke(app, ["rules", "build", str(EXAMPLES)])
    assert ended.exit_code == 0
    own_values = yaml.safe_load(ended.stdout)["ownRules"]
    assert [entry["file"] for entry in own_values["rules"]] == ["images.yaml", "operations.yaml"]
    names = {manifest["metadata"]["name"] for manifest in own_values["policies"]}
    assert {"phiwarden-own-services", "phiwarden-own-pods-enforce"} < names
    assert own_values["seal"] == bundle.seal(own_values["rules"], own_values["policies"])
