"""Own rules as values of the chart: their sources, the policies made of them, and a seal on both.

The chart cannot make policies of rules, so the values bring them ready; the seal tells the chart
that they are those of the rules beside them, made by the same version of phiwarden.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, Final

from phiwarden import __version__
from phiwarden.rulebook.model import RulebookError
from phiwarden.rulebook.own import Source, rules_of
from phiwarden.rulebook.render import render_own

LIMIT: Final = 512 * 1024
"""Bytes of the values: they end up in a ConfigMap and, compressed, in helm's own Secret (1 MiB)."""

_HEADER: Final = """\
# Made by: kubectl phi rules build. Install it beside your other values:
#   helm upgrade phiwarden ... -f <this file>
# Do not edit it: change the rules and build it anew; the chart refuses what does not fit its seal.
"""


def values_text(sources: Iterable[Source]) -> str:
    """Return the values file, which is JSON and so also YAML.

    Raises:
        RulebookError: there are too many rules for one installation.
    """
    sources = tuple(sources)
    rules = [{"file": source.name, **source.document} for source in sources]
    policies = render_own(rules_of(sources))
    own = {"rules": rules, "policies": policies, "seal": seal(rules, policies)}
    text = json.dumps({"ownRules": own}, ensure_ascii=False, indent=1)
    if len(text.encode()) > LIMIT:
        raise RulebookError(
            f"the rules make {len(text.encode()):,} bytes of values, and at most {LIMIT:,} fit into"
            " an installation: leave rules out"
        )
    return f"{_HEADER}{text}\n"


def seal(rules: list[dict[str, Any]], policies: list[dict[str, Any]]) -> str:
    """Return the digest that the chart computes of the same values (templates/own-rules.yaml)."""
    sealed = f"{__version__}\n{go_json({'policies': policies, 'rules': rules})}"
    return "sha256:" + hashlib.sha256(sealed.encode()).hexdigest()


def go_json(node: Any) -> str:
    """Return JSON as Go's encoding/json writes it, and with it helm's toJson."""
    text = json.dumps(node, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
