"""What is remembered of one workload, and how memory grows: pure, and bounded."""

from __future__ import annotations

import datetime as dt
from typing import Final

from phiwarden.api.history import MAX_ACTS, MAX_WORKED, Act, Cause, HistoryStatus, Worked

Memory = HistoryStatus
"""One name for what is remembered, whoever keeps it."""

FIGHT: Final = 3
"""Times that the same template is put back before somebody else's will is taken for firm."""

NOTHING: Final = Memory()


def worked(memory: Memory, template: str) -> bool:
    """Return whether a template is known to have worked."""
    return any(entry.template == template for entry in memory.worked)


def with_worked(memory: Memory, template: str, revision: int | None, now: dt.datetime) -> Memory:
    """Return the memory with a template that works now.

    One that is known already and newest stays as it is: nothing has to be written. But one that
    was put back is noted anew, since that ends its trial.
    """
    if proven(memory, template) and on_trial(memory, template) is None:
        return memory
    time = now.replace(microsecond=0)
    trial = on_trial(memory, template)
    if trial is not None:
        # Times are in whole seconds, and much can happen in one.
        time = max(time, trial.time + dt.timedelta(seconds=1))
    entry = Worked(template=template, revision=revision, time=time)
    rest = tuple(known for known in memory.worked if known.template != template)
    return memory.model_copy(update={"worked": (entry, *rest)[:MAX_WORKED]})


def proven(memory: Memory, template: str) -> bool:
    """Return whether the template that stands now has worked since any other did.

    What goes wrong with it later, such as a node that fails, is no rollout that failed.
    """
    return bool(memory.worked) and memory.worked[0].template == template


def without_worked(memory: Memory, template: str) -> Memory:
    """Return the memory without a template that did not work when it was brought back."""
    rest = tuple(known for known in memory.worked if known.template != template)
    return memory.model_copy(update={"worked": rest})


def intending(memory: Memory, act: Act) -> Memory:
    """Return the memory with what is about to be done."""
    return memory.model_copy(update={"pending": act})


def forgoing(memory: Memory) -> Memory:
    """Return the memory without what was about to be done, and was not."""
    return memory.model_copy(update={"pending": None})


def done(memory: Memory) -> Memory:
    """Return the memory once what was pending is done."""
    act = memory.pending
    assert act is not None  # the caller did it
    stops = act.action != "RolledBack"
    # What was scaled to zero already was so by us, and what is put back after that is so still:
    # its number is known.
    replicas = act.replicas if stops and act.replicas else memory.replicas
    return memory.model_copy(
        update={
            "pending": None,
            "acts": (act, *memory.acts)[:MAX_ACTS],
            "stopped": memory.stopped or stops,
            "replicas": replicas,
        }
    )


def let_go(memory: Memory) -> Memory:
    """Return the memory once what was stopped runs again, or is somebody else's to start."""
    return memory.model_copy(update={"stopped": False, "replicas": None})


def times_put_back(memory: Memory, template: str) -> int:
    """Return how often a violating template was put back or stopped.

    A template that differs is a new one: whoever changes what they want is not fighting.
    """
    return sum(act.template == template for act in memory.acts if act.cause is Cause.VIOLATION)


def taken_back(memory: Memory, template: str) -> bool:
    """Return whether the rollout of a template failed once, and was taken back."""
    return any(
        act.template == template and act.cause is Cause.FAILED_ROLLOUT for act in memory.acts
    )


def on_trial(memory: Memory, template: str) -> Act | None:
    """Return the newest deed, if it brought back the template that stands now and is on trial.

    The trial ends once that works: a node that fails months later is not held against it.
    """
    if not memory.acts or memory.acts[0].to_template != template:
        return None
    act = memory.acts[0]
    works = (entry for entry in memory.worked if entry.template == template)
    return None if any(entry.time > act.time for entry in works) else act
