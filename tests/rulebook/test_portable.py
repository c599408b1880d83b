"""What documentation and checks promise of a rule's words holds in Python and in the policies."""

from pathlib import Path

import pytest

from phiwarden.rulebook import examples, portable, vocabulary
from phiwarden.rulebook.dialect import PORTABLE
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.model import Each, Example, Reads, Rule
from phiwarden.rulebook.subjects import SUBJECTS
from phiwarden.rulebook.syntax import parse

DOCS = (Path(__file__).parents[2] / "docs" / "own-rules.md").read_text()
VARIABLES = [
    pytest.param(reads, name, id=f"{reads}-{name}")
    for reads in portable.READABLE
    for name in (*portable.ZONE, *portable.VARIABLES.get(reads, ()))
]


@pytest.mark.parametrize(("reads", "name"), VARIABLES)
def test_the_policies_know_every_variable(reads: Reads, name: str) -> None:
    for subject in SUBJECTS:
        if subject.reads(reads):
            assert name in {variable.name for variable in vocabulary.variables_of(subject)}


OBJECTS = {
    Reads.SETTINGS: Example(settings={"replicas": 2}),
    Reads.SCALE: Example(object={"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {}}),
    Reads.SERVICE: Example(object={"kind": "Service", "apiVersion": "v1", "spec": {}}),
    Reads.ROUTE: Example(object={"kind": "Ingress", "apiVersion": "networking.k8s.io/v1"}),
    Reads.ENDPOINTS: Example(object={"kind": "Endpoints", "apiVersion": "v1"}),
    Reads.ACCESS: Example(object={"kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1"}),
    Reads.CONFIG: Example(object={"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "b"}}),
}


@pytest.mark.parametrize(("reads", "name"), VARIABLES)
def test_python_knows_every_variable(reads: Reads, name: str) -> None:
    """A check of a name that is not there is one that breaks whatever it asks."""
    rule = asking(reads, f"[variables.{name}].size() == 0")
    for obj in examples.objects(rule, OBJECTS.get(reads, Example())):
        assert Judge([rule]).failures(obj, examples.ZONE) == ()


def asking(reads: Reads, offends: str) -> Rule:
    check = {"each": "object", "offends": offends, "path": "", "problem": "p", "found": "'f'"}
    levels = dict.fromkeys(("direct-care", "care-support", "administrative"), "deny")
    return Rule.model_validate(
        {
            "id": "ACME-ANY-001",
            "title": "t",
            "rationale": "r",
            "fix": "f",
            "controls": {},
            "severity": levels,
            "reads": reads,
            "checks": [check],
            "examples": {"pass": [], "fail": []},
        }
    )


def test_the_documentation_names_every_word() -> None:
    words = [
        *(f"variables.{name}" for name in portable.ZONE),
        *(f"variables.{name}" for names in portable.VARIABLES.values() for name in names),
        *(f"object.{name}" for names in portable.OBJECT.values() for name in names),
        *portable.READABLE,
        *(each.value for each in Each),
        *(name for names in portable.ITEMS.values() for name in names),
        *PORTABLE,
    ]
    missing = [word for word in dict.fromkeys(words) if f"`{word}`" not in DOCS]
    assert missing == []


@pytest.mark.parametrize(
    "pattern", ["^[a-z]+$", "(?i)(?:a|b)", "a\\.b", "[^$]", "a{2,3}?", "\\\\d"]
)
def test_plain_regular_expressions_are_portable(pattern: str) -> None:
    assert list(portable.pattern_faults(pattern)) == []


@pytest.mark.parametrize(
    "pattern", ["\\d", "\\\\\\d", "a(?i)b", "(?s)a", "(a)\\1", "a*+", "{,3}", "\\pL", "["]
)
def test_what_python_and_the_api_server_read_differently_is_not(pattern: str) -> None:
    assert list(portable.pattern_faults(pattern))


def test_a_loop_binds_its_name_inside_itself_alone() -> None:
    def told(text: str) -> list[str]:
        return list(portable.faults(parse(text), Reads.POD, Each.CONTAINER))

    assert told("container.args.exists(word, word == 'a')") == []
    assert told("container.args.map(word, word.size() > 1, word).size() > 0") == []
    assert len(told("container.args.exists(word, word == 'a') && word == 'b'")) == 1
