"""What is generated of every subject of the rulebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from e2e.differential import carriers, configuration, network, storage
from e2e.differential.near import Body, Form
from phiwarden.rulebook.subjects import SUBJECTS

NEW: Final[dict[str, tuple[Form, ...]]] = {
    **carriers.NEW,
    **network.NEW,
    **configuration.NEW,
    **storage.NEW,
}
"""What is created, by the name of its subject."""

CHANGED: Final[dict[str, tuple[Form, ...]]] = {
    **carriers.CHANGED,
    **network.CHANGED,
    **configuration.CHANGED,
    **storage.CHANGED,
}
"""What is changed, by the name of its subject."""

# Of these some fields count only while they are not being deleted.
_LEAVING: Final = {subject.name for subject in SUBJECTS if any(p.living for p in subject.parts)}


def stored_as(subject: str) -> tuple[str, ...]:
    """Return the names of the objects of each kind of a subject that are there to be changed."""
    return ("good", "bad", "leaving") if subject in _LEAVING else ("good", "bad")


def stored() -> Iterator[tuple[Form, Body]]:
    """Yield every object that stands in a zone from before it enforced."""
    for subject, forms in NEW.items():
        for form in forms:
            for name in stored_as(subject):
                body = before(form, name)
                held = {"finalizers": ["example.com/held"]} if name == "leaving" else {}
                yield form, {**body, "metadata": {**body["metadata"], "name": name, **held}}


def before(form: Form, name: str) -> Body:
    """Return what is generated from for changes of a stored object."""
    return form.good if name == "good" else form.bad
