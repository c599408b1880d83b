"""Texts judged, on every core where there are many of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from phiwarden.cli.declarations import Zones
from phiwarden.cli.manifests.documents import pieces
from phiwarden.cli.manifests.sources import Source
from phiwarden.cli.verdicts import Verdicts, merged, verdicts
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.model import Rule

ALONE: Final = 400_000
"""Characters that one process has judged before others would have started."""

_MOST: Final = 8
"""Processes; more would wait for the one that puts the report together."""

_SHARES: Final = 4
"""Parts for each process, so that none waits long for the last."""


def judge_texts(texts: Sequence[Source], zones: Zones, judge: Judge) -> Verdicts:
    """Judge every manifest of some texts in the zone whose namespace it names."""
    size = sum(len(text.text) for text in texts)
    workers = min(os.cpu_count() or 1, _MOST)
    if size <= ALONE or workers == 1:
        return merged(verdicts(text, zones, judge) for text in texts)
    share = size // (workers * _SHARES)
    parts = [replace(text, text=piece) for text in texts for piece in pieces(text.text, share)]
    with ProcessPoolExecutor(workers, initializer=_begin, initargs=(judge.rules, zones)) as pool:
        chunk = max(1, len(parts) // (workers * _SHARES))
        return merged(pool.map(_judge_part, parts, chunksize=chunk))


@dataclass(slots=True)
class _Worker:
    """What a process of the pool judges by; compiled programs cannot be sent to it."""

    judge: Judge | None = None
    zones: Zones | None = None


_WORKER: Final = _Worker()


def _begin(rules: tuple[Rule, ...], zones: Zones) -> None:
    _WORKER.judge, _WORKER.zones = Judge(rules), zones


def _judge_part(part: Source) -> Verdicts:
    assert _WORKER.judge is not None, "_begin came first"
    assert _WORKER.zones is not None, "_begin came first"
    return verdicts(part, _WORKER.zones, _WORKER.judge)
