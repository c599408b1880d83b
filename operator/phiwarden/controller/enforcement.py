"""Whether the API server still enforces: the chart's policies, as they should stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from phiwarden.rulebook.render import digest


class Enforcement:
    """Compares admission policies and bindings with those that this version was built with."""

    def __init__(self, expected: Iterable[Mapping[str, Any]]) -> None:
        self._expected = {
            (manifest["kind"], manifest["metadata"]["name"]): digest(manifest)
            for manifest in expected
        }
        self._found: dict[tuple[str, str], str] = {}

    def seen(self, kind: str, name: str, body: Mapping[str, Any] | None) -> None:
        """Take in a policy or binding as it is now, None if it is gone."""
        if body is None:
            self._found.pop((kind, name), None)
        else:
            self._found[kind, name] = digest(body)

    def faults(self) -> tuple[str, ...]:
        """Return what is missing or altered, as `kind name is missing`."""
        faults = []
        for key, digest_ in self._expected.items():
            found = self._found.get(key)
            if found != digest_:
                fault = "missing" if found is None else "not the one that this version brings"
                faults.append(f"{key[0]} {key[1]} is {fault}")
        return tuple(sorted(faults))
