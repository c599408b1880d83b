"""Reports are read back by what reads them: people, JSON, XML and code scanning."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from phiwarden.cli.formats import sarif
from phiwarden.cli.formats.junit import junit
from phiwarden.cli.formats.printable import printable
from phiwarden.cli.formats.table import Style, table
from phiwarden.cli.manifests.places import Place
from phiwarden.cli.report import Finding, Judged, Problem, Report
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Severity

from .run import EXAMPLES, PORTAL, phi

APPS = EXAMPLES / "apps"
HOSTILE = (
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
    'metadata: {name: "x\\e[31m\\u202e<b>&\\"]]>\\0", namespace: portal-clinical}\nspec: {}\n'
)


def run(output: str, *arguments: object, stdin: bytes = b"") -> Any:
    return phi("check", *arguments, "-w", PORTAL, "-o", output, stdin=stdin)


# For people.


def test_a_table_tells_what_where_and_how_to_mend_it() -> None:
    said = run("table", APPS).out
    assert f"{APPS / 'patient-export.yaml'}:3 Deployment/patient-export\n" in said
    assert "  zone clinical of portal (data phi, direct-care, enforce)\n" in said
    assert "    27:13 container is privileged (found true)\n" in said
    assert said.count("fix: set securityContext.allowPrivilegeEscalation") == 1, "once for a rule"
    assert said.count("PHI-POD-001") == 1
    assert "11 objects judged, 1 would be refused.\n" in said


def test_a_clean_table_is_one_line() -> None:
    assert run("table", APPS / "web.yaml").out == "4 objects judged, 0 would be refused.\n"


def test_a_table_is_plain_where_nobody_sees_colors_and_fits_its_width() -> None:
    said = run("table", "-", stdin=(APPS / "patient-export.yaml").read_bytes()).out
    assert "\x1b" not in said
    # What cannot be broken, a path or an image, may be longer.
    assert not [line for line in said.splitlines() if len(line) > 80 and " " in line.strip()]


def test_colors_are_only_paint() -> None:
    report = Report((_judged("x"),), (Problem("error", "a.yaml", 1, 1, "bad"),))
    painted = table(report, Style(color=True))
    assert "\x1b[31m" in painted
    assert re.sub(r"\x1b\[\d+m", "", painted) == table(report, Style())


@pytest.mark.parametrize("output", ["table", "json", "sarif", "junit"])
def test_no_name_reaches_a_terminal_unwashed(output: str) -> None:
    ran = run(output, "-", stdin=HOSTILE.encode())
    assert ran.code == 1
    assert ran.out.replace("\n", "").isprintable()


def test_text_is_washed_and_cut() -> None:
    assert printable("a\x1b[0m\u202eb\n") == "a\ufffd[0m\ufffdb\ufffd"
    assert printable("x" * 500, 10) == "x" * 9 + "…"
    assert printable("Grüße") == "Grüße"


# For programs.


def test_json_has_the_fields_that_are_documented() -> None:
    document = run("json", APPS).json
    assert document["apiVersion"] == "check.phiwarden.dev/v1"
    assert document["exitCode"] == 1
    assert document["summary"] == {
        "judged": 11,
        "denied": 1,
        "warned": 0,
        "unread": 0,
        "elsewhere": {"billing-claims": 2},
    }
    (bad,) = [judged for judged in document["objects"] if judged["failures"]]
    assert {key: bad[key] for key in ("line", "kind", "name", "namespace", "workload", "zone")} == {
        "line": 3,
        "kind": "Deployment",
        "name": "patient-export",
        "namespace": "portal-clinical",
        "workload": "portal",
        "zone": "clinical",
    }
    assert bad["failures"][0] == {
        "rule": "PHI-IDN-001",
        "severity": "deny",
        "path": "spec.template.spec.serviceAccountName",
        "line": 15,
        "column": 5,
        "problem": "service account is not declared by the zone",
        "found": "default",
        "fix": "set serviceAccountName to one of the zone's serviceAccounts; `default` is never one",
    }


# For code scanning.


def test_sarif_has_what_code_scanning_requires(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    log = json.loads(run("sarif", APPS, tmp_path / "broken.yaml").out)
    assert log["version"] == "2.1.0"
    (one,) = log["runs"]
    driver = one["tool"]["driver"]
    assert driver["name"] == "phiwarden"
    assert [rule["id"] for rule in driver["rules"]] == sorted({r["ruleId"] for r in one["results"]})
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert "```yaml" in rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning")
        assert len(rule["properties"]["tags"]) <= 20
    for result in one["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        warned = result["ruleId"] == "PHI-REL-002"
        assert result["level"] == ("warning" if warned else "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"].endswith("export.yaml")
        region = location["physicalLocation"]["region"]
        assert 0 < region["startColumn"] < region["endColumn"]
        assert region["startLine"] > 1
    prints = [tuple(result["partialFingerprints"].values()) for result in one["results"]]
    assert len(set(prints)) == len(prints) == 9
    (invocation,) = one["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    assert len(invocation["toolExecutionNotifications"]) == 1


def test_a_fingerprint_stays_while_lines_move() -> None:
    text = (APPS / "patient-export.yaml").read_text(encoding="utf-8")

    def prints(text: str) -> set[str]:
        log = json.loads(run("sarif", "-", stdin=text.encode()).out)
        results = log["runs"][0]["results"]
        return {value for result in results for value in result["partialFingerprints"].values()}

    assert prints(text) == prints("# a line more\n" + text)
    assert not prints(text) & prints(text.replace("name: patient-export", "name: other"))


def test_more_results_than_code_scanning_takes_are_left_out_refusals_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sarif, "MAX_RESULTS", 3)
    warned = _judged("w", severity=Severity.WARN)
    denied = tuple(_judged(str(number)) for number in range(sarif.MAX_RESULTS))
    log = json.loads(sarif.sarif(Report((warned, *denied), ()), 1))
    (one,) = log["runs"]
    assert len(one["results"]) == sarif.MAX_RESULTS
    assert {result["level"] for result in one["results"]} == {"error"}
    (notice,) = one["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"].startswith("1 more results")


# For CI servers.


def test_junit_has_a_suite_for_each_file_and_a_case_for_each_object(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    root = ET.fromstring(run("junit", APPS, tmp_path / "broken.yaml").out)
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == (
        "testsuites",
        "12",
        "1",
        "1",
    )
    suites = {Path(str(suite.get("name"))).name: suite for suite in root}
    assert set(suites) == {
        "phiworkload.yaml",
        "appointments.yaml",
        "patient-export.yaml",
        "team-access.yaml",
        "web.yaml",
        "broken.yaml",
    }
    assert [case.get("name") for case in suites["web.yaml"]] == [
        "Deployment/web",
        "Service/web",
        "PodDisruptionBudget/web",
    ]
    (case,) = suites["patient-export.yaml"]
    failure, told = case
    assert (told.tag, "PHI-REL-002" in str(told.text)) == ("system-out", True)
    assert str(failure.get("message")).startswith("PHI-IDN-001, PHI-IMG-001")
    assert "line 23: PHI-IMG-001" in str(failure.text)
    ((error,),) = suites["broken.yaml"]
    assert error.tag == "error"


def test_a_hostile_name_is_still_xml() -> None:
    root = ET.fromstring(run("junit", "-", stdin=HOSTILE.encode()).out)
    (case,) = [case for case in root.iter("testcase") if case.find("failure") is not None]
    assert case.get("name") == 'NetworkPolicy/x\ufffd[31m\ufffd<b>&"]]>\ufffd'


def test_a_warning_is_output_and_a_failure_when_strict() -> None:
    for strict, tag in (("--strict", "failure"), (None, "system-out")):
        report = Report((_judged("x", severity=Severity.WARN),), ())
        text = junit(report, strict=strict is not None)
        (case,) = ET.fromstring(text).iter("testcase")
        assert [child.tag for child in case] == [tag]


def _judged(name: str, severity: Severity = Severity.DENY) -> Judged:
    failure = Failure(
        "PHI-NET-001", severity, "spec", "spec", "not phiwarden's", "open", "declare the flow"
    )
    place = Place(4, 1, 5)
    finding = Finding(failure, place)
    return Judged("a.yaml", place, "NetworkPolicy", name, "portal-clinical", None, (finding,))
