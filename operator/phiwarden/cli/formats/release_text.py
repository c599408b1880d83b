"""A signed release as a file, and verdicts on releases for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from phiwarden.api.release import Envelope, ReleaseSpec, Statement
from phiwarden.cli.formats.printable import printable
from phiwarden.cli.manifests import scalars
from phiwarden.cli.manifests.objects import Manifest
from phiwarden.releases.verify import Verdict
from phiwarden.rulebook.reading import settled

_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Judged:
    """A release of a file, and what is said of it."""

    manifest: Manifest
    verdict: Verdict


class _Dumper(yaml.SafeDumper):
    """Writes what kubectl reads back as the same."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # A commit such as 1e40... is a number to kubectl unless it is quoted.
    plain = value != "" and scalars.plain(value) == value and isinstance(scalars.plain(value), str)
    tag = "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, value, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def signed_text(manifest: Mapping[str, Any], statement: Statement, envelope: Envelope) -> str:
    """Return a signed release as YAML: what was signed as it was read, and no status."""
    known = settled(manifest)
    release = ReleaseSpec(**dict(statement), envelope=envelope)
    whole = {
        "apiVersion": known["apiVersion"],
        "kind": known["kind"],
        "metadata": known["metadata"],
        "spec": release.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return yaml.dump(whole, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)


def verdicts_text(judged: Sequence[Judged], notes: Sequence[str]) -> str:
    """Return what is said of each release, with every refusal and its fix."""
    return "\n".join([line for each in judged for line in _lines(each)] + list(notes)) + "\n"


def _lines(judged: Judged) -> Iterator[str]:
    manifest, verdict = judged.manifest, judged.verdict
    name = printable(f"{manifest.source}: PHIRelease {manifest.name}")
    if verdict.verified and verdict.key is not None:
        yield f"{name}: verified by {printable(verdict.key.name)} ({verdict.key.id})"
        return
    yield f"{name}: not verified"
    for refusal in verdict.refusals:
        yield f"  {refusal.reason} {printable(f'{refusal.field}: {refusal.problem}', _LONGEST)}"
        yield f"    fix: {refusal.fix}"


def verdicts_json(judged: Sequence[Judged], notes: Sequence[str], exit_code: int) -> str:
    """Return the same as JSON; `docs/releases.md` describes its fields."""
    document = {
        "apiVersion": "release.phiwarden.dev/v1",
        "exitCode": exit_code,
        "notes": list(notes),
        "releases": [_fields(each) for each in judged],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _fields(judged: Judged) -> dict[str, Any]:
    key = judged.verdict.key
    return {
        "file": printable(judged.manifest.source),
        "name": printable(judged.manifest.name),
        "namespace": printable(judged.manifest.namespace or ""),
        "verified": judged.verdict.verified,
        "key": {"name": printable(key.name), "id": key.id} if key is not None else None,
        "statement": judged.verdict.statement,
        "refusals": [
            {
                "reason": str(refusal.reason),
                "field": printable(refusal.field),
                "problem": printable(refusal.problem, _LONGEST),
                "fix": refusal.fix,
            }
            for refusal in judged.verdict.refusals
        ],
    }
