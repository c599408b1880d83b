"""`kubectl phi check` on files: what it judges, where it says so, and how it ends."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import yaml

from phiwarden.cli import judging

from .run import EXAMPLES, PORTAL, TODAY, check, phi

GOOD = (EXAMPLES / "apps" / "appointments.yaml").read_text(encoding="utf-8")
BAD = (EXAMPLES / "apps" / "patient-export.yaml").read_text(encoding="utf-8")
SIX = {"PHI-IDN-001", "PHI-IMG-001", "PHI-POD-001", "PHI-POD-003", "PHI-RES-001", "PHI-SEC-001"}
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: portal-clinical}
spec: {podSelector: {}}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: NodePort
  externalTrafficPolicy: Local
  selector: {app: web}
  ports: [{port: 80}]
"""


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def line_of(text: str, words: str) -> int:
    """Return the line on which words stand, from 1."""
    return next(n for n, line in enumerate(text.splitlines(), 1) if words in line)


def test_the_good_examples_are_clean() -> None:
    ran = check(EXAMPLES / "apps" / "appointments.yaml", EXAMPLES / "apps" / "web.yaml")
    assert (ran.code, ran.failures, ran.problems) == (0, [], [])
    assert (
        ran.json["summary"]["judged"] == 6
    )  # the declaration, two Deployments and their budgets, a Service


def test_the_bad_example_breaks_six_rules_each_on_its_line() -> None:
    ran = check(EXAMPLES / "apps" / "patient-export.yaml")
    assert ran.code == 1
    *denied, told = ran.failures
    assert {rule for rule, _ in denied} == SIX
    assert told == ("PHI-REL-002", line_of(BAD, "replicas:"))
    lines = dict(denied)
    assert lines["PHI-IMG-001"] == line_of(BAD, "image:")
    assert lines["PHI-POD-003"] == line_of(BAD, "hostPath:")
    assert lines["PHI-SEC-001"] == line_of(BAD, "env:")
    assert lines["PHI-IDN-001"] == line_of(BAD, "    spec:")  # what is missing: its parent


def test_a_folder_is_read_in_order_and_hidden_folders_are_not(tmp_path: Path) -> None:
    write(tmp_path, "b.yaml", POLICY)
    write(tmp_path, "a.yml", GOOD)
    write(tmp_path, "deep/er/c.json", '{"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass"}')
    write(tmp_path, ".git/hooks.yaml", BAD)
    write(tmp_path, "readme.md", "no: [manifest")
    ran = check(tmp_path)
    judged = [Path(o["file"]).name for o in ran.json["objects"]]
    assert judged == ["phiworkload.yaml", "a.yml", "a.yml", "b.yaml"]
    assert (ran.code, ran.failures, ran.json["summary"]["unread"]) == (1, [("PHI-NET-001", 4)], 1)


def test_a_file_that_is_asked_for_twice_is_checked_once(tmp_path: Path) -> None:
    file = write(tmp_path, "a.yaml", POLICY)
    assert check(file, tmp_path, file).failures == [("PHI-NET-001", 4)]


def test_a_pipe_is_read() -> None:
    ran = check("-", stdin=(GOOD + "---\n" + POLICY).encode())
    offset = len(GOOD.splitlines()) + 1
    assert ran.failures == [("PHI-NET-001", offset + 4)]
    assert ran.json["objects"][-1]["file"] == "stdin"


def test_an_empty_pipe_is_no_pass() -> None:
    ran = check("-", stdin=b"\n")
    ((_, _, message),) = ran.problems
    assert (ran.code, "nothing came in" in message) == (2, True)


def test_the_items_of_a_list_are_judged_one_by_one() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: v1\n  kind: Service\n"
        "  metadata: {name: a, namespace: portal-clinical}\n  spec: {type: NodePort, selector: {a: b}, externalTrafficPolicy: Local}\n"
        "- just text\n"
        "- apiVersion: v1\n  kind: ServiceList\n  items:\n"
        "  - metadata: {name: b, namespace: portal-clinical}\n    spec:\n      type: NodePort\n"
        "      selector: {a: b}\n      externalTrafficPolicy: Local\n"
    )
    ran = check("-", stdin=text.encode())
    assert ran.failures == [("PHI-NET-002", 7), ("PHI-NET-002", 14)]
    assert [(line, level) for level, line, _ in ran.problems] == [(8, "error")]


def test_a_name_that_is_generated_is_told() -> None:
    text = POLICY.replace("name: open", "generateName: open-")
    assert check("-", stdin=text.encode()).json["objects"][1]["name"] == "open-"


@pytest.mark.parametrize(
    ("what", "options", "failures"),
    [
        ("a namespace", ("-n", "portal-clinical"), [("PHI-NET-002", 6)]),
        ("a namespace of another zone", ("-n", "portal-edge"), []),
        ("a zone", ("--zone", "clinical"), [("PHI-NET-002", 6)]),
    ],
)
def test_a_manifest_without_a_namespace_belongs_where_the_user_says(
    what: str, options: tuple[str, ...], failures: list[tuple[str, int]]
) -> None:
    ran = check("-", *options, stdin=SERVICE.encode())
    assert (ran.failures, ran.problems) == (failures, []), what


def test_a_manifest_without_a_namespace_belongs_to_the_only_zone() -> None:
    ran = phi("check", "-", "-w", EXAMPLES / "billing.yaml", "-o", "json", stdin=SERVICE.encode())
    assert ran.failures == [("PHI-NET-002", 6)]


def test_a_manifest_that_could_belong_anywhere_is_no_pass() -> None:
    ran = check("-", stdin=(SERVICE + "---\n" + SERVICE).encode())
    ((level, line, message),) = ran.problems
    assert (ran.code, level, line) == (2, "error", 1)
    assert "Service web (and 1 more object)" in message
    assert "clinical (portal-clinical)" in message
    assert "--zone" in message


def test_a_manifest_says_more_than_the_options() -> None:
    assert check("-", "-n", "portal-edge", stdin=POLICY.encode()).code == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-n", "nowhere"), "nowhere is no zone"),
        (("--zone", "nowhere"), "no zone nowhere is declared"),
    ],
)
def test_a_zone_that_is_not_declared_is_told_with_those_that_are(
    options: tuple[str, ...], says: str
) -> None:
    ran = check("-", *options, stdin=SERVICE.encode())
    assert ran.code == 2
    assert says in ran.err
    assert "clinical (portal-clinical)" in ran.err


def test_objects_for_other_namespaces_are_counted() -> None:
    text = "---\n".join(
        POLICY.replace("portal-clinical", name) for name in ("other", "other", "third")
    )
    ran = check("-", stdin=text.encode())
    assert (ran.code, ran.json["summary"]["elsewhere"]) == (0, {"other": 2, "third": 1})
    said = phi("check", "-", "-w", PORTAL, stdin=text.encode()).out
    assert "3 objects are for namespaces that no declaration names: other, third." in said


def test_kinds_of_other_groups_are_not_taken_for_kubernetes_own() -> None:
    text = SERVICE.replace("apiVersion: v1", "apiVersion: serving.knative.dev/v1")
    ran = check("-", stdin=text.encode())
    assert (ran.code, ran.json["summary"]["unread"]) == (0, 1)


@pytest.mark.parametrize(
    ("what", "text", "line", "says"),
    [
        ("bad YAML", "a: 1\nb: [\n", 3, "expected"),
        ("bytes that are no text", b"a: 1\nb: \xff\n", 2, "0xff is not UTF-8"),
        ("a list", "- a\n- b\n", 1, "no object of Kubernetes"),
        ("text", "just text\n", 1, "no object of Kubernetes"),
        ("no kind", "apiVersion: v1\nmetadata: {name: x}\n", 1, "has no kind"),
        ("no apiVersion", "# x\nkind: Pod\n", 2, "has no apiVersion"),
        ("a Helm template", "{{ if .Values.on }}\nkind: Pod\n{{ end }}\n", 1, "helm template"),
        ("a Helm value", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n", 4, "helm template"),
    ],
)  # fmt: skip
def test_what_cannot_be_checked_is_told_and_the_rest_is_checked(
    tmp_path: Path, what: str, text: str | bytes, line: int, says: str
) -> None:
    broken = write(tmp_path, "a.yaml", text)
    other = write(tmp_path, "b.yaml", POLICY)
    ran = check(broken, other)
    ((level, found, message),) = ran.problems
    assert (ran.code, level, found) == (2, "error", line), (what, message)
    assert says in message
    assert ran.failures == [("PHI-NET-001", 4)]


def test_braces_in_a_string_are_no_template() -> None:
    text = (
        POLICY + "\n---\napiVersion: example.com/v1\nkind: Alert\ndata: {alert: '{{ $value }}'}\n"
    )
    assert check("-", stdin=text.encode()).problems == []


def test_other_yaml_in_a_folder_is_noted_and_fails_nothing(tmp_path: Path) -> None:
    write(tmp_path, "values.yaml", "replicas: 2\n")
    write(tmp_path, "good.yaml", GOOD)
    ran = check(tmp_path)
    assert (ran.code, [level for level, _, _ in ran.problems]) == (0, ["note"])


def test_a_chart_is_told_how_to_be_rendered(tmp_path: Path) -> None:
    write(tmp_path, "chart/Chart.yaml", "name: x\n")
    write(tmp_path, "chart/templates/a.yaml", "{{ x }}")
    write(tmp_path, "good.yaml", GOOD)
    ran = check(tmp_path)
    ((level, _, message),) = ran.problems
    assert (ran.code, level) == (2, "error")
    assert "helm template" in message


def test_a_kustomization_is_told_how_to_be_built(tmp_path: Path) -> None:
    write(tmp_path, "kustomization.yaml", "resources: [a.yaml]\n")
    write(tmp_path, "a.yaml", GOOD)
    ran = check(tmp_path)
    ((level, _, message),) = ran.problems
    assert (ran.code, level, "kustomize build" in message) == (0, "note", True)


@pytest.mark.parametrize("name", ["missing.yaml", "missing/"])
def test_a_file_that_is_not_there_is_told(name: str) -> None:
    ran = check(name)
    ((_, _, message),) = ran.problems
    assert (ran.code, "No such file" in message) == (2, True)


def test_an_empty_folder_is_no_pass(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "# nothing\n")
    ran = check(tmp_path)
    ((level, _, message),) = ran.problems
    assert (ran.code, level, message) == (2, "error", "no object of Kubernetes is here")
    assert check(PORTAL).code == 0


def test_a_key_that_stands_twice_is_a_warning() -> None:
    text = POLICY.replace("spec:", "kind: NetworkPolicy\nspec:").replace("-clinical", "-nowhere")
    ran = check("-", stdin=text.encode())
    ((level, line, message),) = ran.problems
    assert (ran.code, level, line) == (0, "warning", 4)
    assert "'kind' stands here again" in message
    assert check("-", "--strict", stdin=text.encode()).code == 1


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    text = b"\xef\xbb\xbf" + POLICY.replace("\n", "\r\n").encode()
    assert check("-", stdin=text).failures == [("PHI-NET-001", 4)]


def test_warnings_fail_only_a_strict_check(tmp_path: Path) -> None:
    declared = (EXAMPLES / "billing.yaml").read_text(encoding="utf-8")
    workload = write(tmp_path, "workload.yaml", declared)
    text = (
        BAD.replace("portal-clinical", "billing-claims")
        .replace("portal/patient-export:latest", f"billing/x@sha256:{'0' * 64}")
        .replace("changeme", '""')
        .replace(
            "privileged: true",
            "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, "
            "readOnlyRootFilesystem: true}",
        )
        .replace("            readOnlyRootFilesystem: true\n", "")
        .replace("hostPath: {path: /srv/export}", "emptyDir: {medium: Memory}")
        .replace("      # PHI-IDN-001", "      serviceAccountName: submitter\n      #")
    )
    path = write(tmp_path, "a.yaml", text)
    ran = phi("check", path, "-w", workload, "-o", "json")
    assert {rule for rule, _ in ran.failures} == {"PHI-RES-001"}
    severities = {f["severity"] for o in ran.json["objects"] for f in o["failures"]}
    assert (ran.code, severities) == (0, {"warn"})
    assert phi("check", path, "-w", workload, "--strict").code == 1


# Declarations.


def test_a_declaration_among_the_manifests_counts(tmp_path: Path) -> None:
    write(tmp_path, "workload.yaml", PORTAL.read_text(encoding="utf-8"))
    write(tmp_path, "policy.yaml", POLICY)
    ran = phi("check", tmp_path, "-o", "json")
    assert (ran.code, ran.failures) == (1, [("PHI-NET-001", 4)])


def test_a_check_without_a_declaration_is_told_how_to_name_one() -> None:
    ran = phi("check", "-", stdin=POLICY.encode())
    assert (ran.code, "give -w FILE" in ran.err) == (2, True)


def declare(tmp_path: Path, *changes: tuple[str, str]) -> tuple[Path, str]:
    text = PORTAL.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return write(tmp_path, "declared.yaml", text), text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("clinicalImpact: direct-care", "clinicalImpact: highest", "direct-care"),
        ("      exposure: public", "      exposuer: public", "unknown field"),
        ("    contact: digital", "    #contact: digital", "Field required"),
        ("expires: 2027-06-30", "expires: 2027-02-30", "full date that exists"),
        ("{external: epic-fhir}", "{external: epic}", "does not declare: epic"),
        ("apiVersion: phiwarden.dev/v1alpha1", "apiVersion: phiwarden.dev/v9", "must be phiwarden.dev/v1alpha1"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_told_by_field_and_line(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    path, text = declare(tmp_path, (old, new))
    ran = phi("check", "-", "-w", path, "-o", "json", stdin=POLICY.encode())
    assert ran.code == 2
    found = [(line, message) for _, line, message in ran.problems if says in message]
    assert found, ran.problems
    ((line, message), *_) = found
    if says not in ("Field required", "does not declare: epic"):
        assert line == line_of(text, new.strip()), message
    assert message.startswith(("spec.", "apiVersion"))


def test_a_rule_that_a_declaration_breaks_is_a_failure_like_any_other(tmp_path: Path) -> None:
    path, text = declare(tmp_path, ("      deidentifiedBy: deid-gateway", "      #"))
    ran = phi("check", "-", "-w", path, "-o", "json", stdin=POLICY.encode())
    assert ran.code == 1
    assert ran.failures == [("PHI-DAT-002", line_of(text, "  flows:")), ("PHI-NET-001", 4)]


@pytest.mark.parametrize(
    ("days", "level", "says"),
    [
        (-1, "warning", "expired on"),
        (3, "note", "ends on"),
        (29, "note", "ends on"),
        (40, None, ""),
    ],
)
def test_an_agreement_that_time_has_ended_is_told(
    tmp_path: Path, days: int, level: str | None, says: str
) -> None:
    day = TODAY + dt.timedelta(days=days)
    path, text = declare(tmp_path, ("2027-06-30", day.isoformat()))
    ran = phi("check", path, "-o", "json")
    expected = [(level, line_of(text, "expires:"))] if level else []
    assert (ran.code, [problem[:2] for problem in ran.problems]) == (0, expected)
    assert all(says in message for _, _, message in ran.problems)


def test_a_file_that_declares_nothing_is_told() -> None:
    ran = phi("check", "-", "-w", EXAMPLES / "apps" / "web.yaml", "-o", "json", stdin=b"a: 1")
    assert ran.code == 2
    assert any("no PHIWorkload is declared" in message for _, _, message in ran.problems)


def test_two_declarations_of_one_name_or_namespace_are_told(tmp_path: Path) -> None:
    other, _ = declare(tmp_path, ("name: portal  ", "name: other  "))
    ran = phi("check", PORTAL, "-w", other, "-o", "json")
    messages = [message for _, _, message in ran.problems]
    assert ran.code == 2
    assert any("is a zone of PHIWorkload other, too" in message for message in messages)
    changed, _ = declare(tmp_path, ("exposure: public", "exposure: internal"))
    ran = phi("check", PORTAL, "-w", changed, "-o", "json")
    assert any("declared before, and differently" in message for _, _, message in ran.problems)
    assert phi("check", PORTAL, "-w", PORTAL, "-o", "json").problems == []


# Budgets.

DEPLOYMENT, BUDGET = GOOD.split("---\n")
LACKING = [("PHI-REL-002", line_of(DEPLOYMENT, "replicas:"))]


def test_direct_care_without_a_budget_is_told_on_its_line_and_not_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", DEPLOYMENT)
    ran = check(path)
    assert (ran.code, ran.failures) == (0, LACKING)
    ((failure,),) = [o["failures"] for o in ran.json["objects"] if o["failures"]]
    assert (failure["severity"], failure["path"]) == ("warn", "spec.replicas")
    assert (failure["problem"], failure["found"]) == (
        "no PodDisruptionBudget covers its pods",
        "2 replicas",
    )
    assert check(path, "--strict").code == 1


@pytest.mark.parametrize(
    ("what", "change", "failures"),
    [
        ("in another file", ("", ""), []),
        ("of another namespace", ("portal-clinical", "portal-edge"), LACKING),
        ("for other pods", ("{app: appointments}", "{app: other}"), LACKING),
        ("that lets all go", ("maxUnavailable: 1", "maxUnavailable: 100%"), LACKING),
        ("of another API", ("policy/v1", "acme.example/v1"), LACKING),
        ("that is no YAML", ("spec:", "spec: ["), LACKING),
    ],
)
def test_a_budget_among_the_manifests_counts(
    tmp_path: Path, what: str, change: tuple[str, str], failures: list[tuple[str, int]]
) -> None:
    write(tmp_path, "deployment.yaml", DEPLOYMENT)
    write(
        tmp_path,
        "more/budget.yaml",
        POLICY.replace("open", "x") + "---\n" + BUDGET.replace(*change),
    )
    told = [failure for failure in check(tmp_path).failures if failure[0] != "PHI-NET-001"]
    assert told == failures, what


def test_a_budget_belongs_where_its_manifest_does(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", GOOD.replace("  namespace: portal-clinical", "  # no namespace"))
    assert check(tmp_path, "-n", "portal-clinical").failures == []
    ran = check(tmp_path)
    assert (ran.code, ran.failures) == (2, [])


def test_a_budget_in_a_list_counts() -> None:
    items = [yaml.safe_load(text) for text in (BUDGET, DEPLOYMENT)]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    assert check("-", stdin=text.encode()).failures == []
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items[1:]})
    assert [rule for rule, _ in check("-", stdin=text.encode()).failures] == ["PHI-REL-002"]


# Many manifests.


def test_many_manifests_are_judged_alike_on_every_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "many.yaml", "\n---\n".join([GOOD, BAD, SERVICE, "a: [", POLICY] * 5))
    write(tmp_path, "last.yaml", BUDGET.replace("{app: appointments}", "{app: patient-export}"))
    for number in range(5):
        write(tmp_path, f"one-{number}.yaml", BAD)
    alone = check(tmp_path)
    monkeypatch.setattr(judging, "ALONE", 0)
    assert (alone.code, check(tmp_path).out) == (2, alone.out)
    assert "PHI-REL-002" not in {rule for rule, _ in alone.failures}


# Options.


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("a.yaml", "--live", "x"),
        ("a.yaml", "-n", "x", "--zone", "y"),
        ("--live", "x", "-w", "y"),
        ("a.yaml", "-o", "xml"),
        ("a.yaml", "--nonsense"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: tuple[str, ...]) -> None:
    ran = phi("check", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


def test_a_cluster_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    nowhere = write(tmp_path, "kubeconfig", "apiVersion: v1\nkind: Config\n")
    ran = phi("check", "--live", "portal-clinical", "--kubeconfig", nowhere)
    assert (ran.code, "kubeconfig" in ran.err) == (2, True)


def test_a_report_goes_to_a_file_and_a_table_to_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "report.sarif"
    ran = phi(
        "check", "-", "-w", PORTAL, "-o", "sarif", "--output-file", file, stdin=POLICY.encode()
    )
    assert '"version": "2.1.0"' in file.read_text(encoding="utf-8")
    assert "PHI-NET-001 refused" in ran.out
    lost = tmp_path / "missing" / "report.sarif"
    ran = phi("check", "-", "-w", PORTAL, "--output-file", lost, stdin=POLICY.encode())
    assert (ran.code, "cannot be written" in ran.err) == (2, True)


# Rules of a platform team.

OWN = EXAMPLES.parent / "own-rules"


def test_own_rules_are_held_beside_the_others() -> None:
    text = SERVICE.replace("type: NodePort", "type: ClusterIP")
    ran = check("-", "-n", "portal-clinical", "--rules", OWN, stdin=text.encode())
    assert {rule.split("-")[0] for rule, _ in ran.failures} == {"ACME"}
    sarif = phi(
        *("check", "-", "-n", "portal-clinical", "-w", PORTAL, "--rules", OWN, "-o", "sarif"),
        stdin=text.encode(),
    )
    (run,) = sarif.json["runs"]
    assert {rule["id"].split("-")[0] for rule in run["tool"]["driver"]["rules"]} == {"ACME"}


def test_own_rules_that_are_wrong_end_the_check(tmp_path: Path) -> None:
    write(tmp_path, "mine.yaml", "family: mine\nabout: x\nrules: [{id: PHI-X-1}]\n")
    ran = check(EXAMPLES / "apps" / "web.yaml", "--rules", tmp_path)
    assert ran.code == 2
    assert "mine.yaml" in ran.err


def test_own_rules_are_explained() -> None:
    listed = phi("explain", "--rules", OWN).out
    ids = [line.split()[0] for line in listed.splitlines() if line.startswith("ACME-")]
    assert len(ids) == 3
    assert phi("explain", ids[0], "--rules", OWN).out.startswith(ids[0])
