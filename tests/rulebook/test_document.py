"""docs/rules.md tells of every rule."""

from __future__ import annotations

import yaml

from phiwarden.rulebook import declared
from phiwarden.rulebook.document import document
from phiwarden.rulebook.model import Example, rulebook
from phiwarden.rulebook.pages import pages, snippet

TEXT = document(pages())


def test_every_rule_has_a_row_and_a_section() -> None:
    known = [rule.id for rule in (*rulebook(), *declared.rules())]
    for identifier in known:
        assert f"| [{identifier}](#{identifier.lower()}) |" in TEXT
        assert f"\n## {identifier}\n" in TEXT
    assert TEXT.count("\n## ") == len(known)


def test_nothing_is_lost_to_html_or_to_a_table() -> None:
    prose = "".join(TEXT.split("```")[::2])
    assert "<" not in prose.removeprefix("<!--")
    assert "sha256:&lt;64 hex digits>" in prose


def test_every_example_is_yaml() -> None:
    for page in pages():
        for example in (*page.good, *page.bad):
            yaml.safe_load(example)


def test_an_example_is_shown_with_what_it_leaves_out_and_where_it_stands() -> None:
    example = Example(
        zone={"api_access": ["app"], "registries": []},
        pod={"nodeSelector": None, "hostPID": True},
        container={"image": "nginx", "securityContext": None},
        annotations={"a": "b"},
    )
    assert snippet(example) == (
        "# in a zone with api access app, registries none\n"
        "# without spec.nodeSelector\n"
        "# without spec.containers[0].securityContext\n"
        "metadata:\n  annotations:\n    a: b\n"
        "spec:\n  hostPID: true\n  containers:\n  - name: app\n    image: nginx"
    )
