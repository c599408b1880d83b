"""The chart's admission policies: the rulebook as static text with two values of the chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import yaml

from phiwarden.rulebook import vocabulary
from phiwarden.rulebook.model import Rule, rulebook
from phiwarden.rulebook.render import render, render_own

PATH: Final = "charts/phiwarden/templates/admission-policies.yaml"

_HEADER: Final = "# Generated from operator/phiwarden/rulebook; make generate\n"


class _Dumper(yaml.SafeDumper):
    """Keeps a manifest's order and writes no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def chart_text() -> str:
    """Return the template of all policies and bindings."""
    text = yaml.dump_all(render(rulebook()), Dumper=_Dumper, sort_keys=False, width=4096)
    if "{{" in text:
        raise ValueError("a rule contains '{{', which helm would take for its own")
    return _HEADER + text.replace(
        vocabulary.OPERATOR, '{{ include "phiwarden.username" . }}'
    ).replace(vocabulary.EXEMPT_GROUPS, "{{ toJson .Values.guard.exemptGroups }}")


def installed(
    username: str, exempt_groups: Sequence[str], own_rules: Sequence[Rule] = ()
) -> list[dict[str, Any]]:
    """Return the policies and bindings as the chart installs them.

    Args:
        username: the operator's user name.
        exempt_groups: the chart's value guard.exemptGroups.
        own_rules: rules of the platform team.
    """
    groups = "[" + ",".join(f'"{group}"' for group in exempt_groups) + "]"

    def filled(node: Any) -> Any:
        match node:
            case str():
                return node.replace(vocabulary.OPERATOR, username).replace(
                    vocabulary.EXEMPT_GROUPS, groups
                )
            case list():
                return [filled(entry) for entry in node]
            case dict():
                return {key: filled(value) for key, value in node.items()}
        return node

    return [filled(manifest) for manifest in (*render(rulebook()), *render_own(own_rules))]
