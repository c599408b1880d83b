"""docs/rules.md: the rulebook for an application developer and an auditor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phiwarden.api.workload import ClinicalImpact
from phiwarden.rulebook.model import Severity
from phiwarden.rulebook.pages import Page

_HEADER = "<!-- Generated from operator/phiwarden/rulebook; make generate -->"

_INTRODUCTION = """\
# The rules

What phiwarden holds in the zones of a PHIWorkload. Each rule is held by the API server when
something is applied, by the audit of what runs, and by `kubectl phi check` before either.
`kubectl phi explain RULE` prints one of them.

What a rule does depends on the harm that a failure would do to care (`clinicalImpact`). In a zone
that enforces, **deny** refuses and **warn** warns; in a zone that warns or observes, nothing is
refused. A rule with a scope holds in zones of these data classes alone."""

_ACTS = {Severity.DENY: "deny", Severity.WARN: "warn", Severity.OFF: "–"}


def document(pages: Sequence[Page]) -> str:
    """Return the rules as Markdown: an index, then a section for each."""
    parts = [_HEADER, _INTRODUCTION, "\n".join(_index(pages))]
    parts += ["\n\n".join(_section(page)) for page in pages]
    return "\n\n".join(parts) + "\n"


def _index(pages: Sequence[Page]) -> Iterator[str]:
    yield f"| Rule | What it asks for | {' | '.join(ClinicalImpact)} |"
    yield "|---|---|" + "---|" * len(ClinicalImpact)
    for page in pages:
        acts = " | ".join(_ACTS[page.severity[impact]] for impact in ClinicalImpact)
        yield f"| [{page.id}](#{page.id.lower()}) | {_cell(page.title)} | {acts} |"


def _section(page: Page) -> Iterator[str]:
    yield f"## {page.id}"
    yield f"**{_prose(page.title)}.** {_prose(page.rationale)}"
    yield f"**Fix:** {_prose(page.fix)}."
    yield "\n".join(_facts(page))
    for title, examples in (("Keeps the rule:", page.good), ("Breaks it:", page.bad)):
        for example in examples[:1]:
            yield f"{title}\n\n```yaml\n{example}\n```"


def _facts(page: Page) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    acts = ", ".join(f"{impact}: {_ACTS[page.severity[impact]]}" for impact in ClinicalImpact)
    yield f"| Does | {acts} |"
    if page.scope:
        yield f"| Scope | zones of {', '.join(page.scope)} |"
    yield f"| Reads | {_cell(page.reads)} |"
    if page.running:
        yield f"| What runs and breaks it | {_cell(page.running)} |"
    controls = ", ".join(f"{framework} {control}" for framework, control in page.answers())
    yield f"| Answers to | {_cell(controls)} |"


def _prose(text: str) -> str:
    # `<name>` would be taken for HTML, and vanish.
    return text.replace("<", "&lt;")


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")
