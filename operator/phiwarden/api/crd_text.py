"""The text of a CRD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

HEADER: Final = "# Generated from operator/phiwarden/api; make generate\n"


class _Readable(yaml.SafeDumper):
    """Writes long text as folded blocks and repeats what is shared in full."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name that PyYAML has
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = ">" if len(value) > 70 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Readable.add_representer(str, _text)


def crd_text(definition: Mapping[str, Any]) -> str:
    """Return a CRD as YAML, the same for the same models always."""
    body = yaml.dump(dict(definition), Dumper=_Readable, sort_keys=False, width=96, indent=2)
    return HEADER + body
