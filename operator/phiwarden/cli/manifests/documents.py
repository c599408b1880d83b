"""YAML and JSON text as documents, each field with its line.

One pass of libyaml gives nodes, which know where they stand. What they mean is
read off them here, as kubectl reads it (`scalars`), so nothing is parsed twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # its stubs do not say so

from phiwarden.cli.manifests import scalars

MAX_DEPTH: Final = 200
"""Levels of nesting; no object of Kubernetes has a quarter of that."""

MAX_EXPANSION: Final = 400_000
"""Values that aliases may add to a document; kubectl refuses a few more."""

MERGE: Final = "<<"

# YAML's own names for what has no tag: written plainly, and quoted.
_PLAIN: Final = "?"
_QUOTED: Final = "!"

_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_SEPARATOR: Final = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_PAIR: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a text, and where; lines and columns count from 1."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """One document that is not empty.

    Attributes:
        node: its root, for the lines of its fields.
        value: what it means, as JSON values.
        repeated: keys that stand twice in one mapping; the last one counts.
    """

    node: yaml.Node
    value: Any
    repeated: tuple[Trouble, ...]


def documents(text: str) -> Iterator[Document | Trouble]:
    """Yield the documents of a text; a broken one as its trouble, and the rest all the same."""
    if text.lstrip()[:1] in ("{", "["):
        # JSON spells a character beyond 16 bits as a pair of escapes, which YAML does not know.
        text = _PAIR.sub(lambda pair: str(_json_pair(pair[0])), text)
    while bad := _UNPRINTABLE.search(text):
        yield Trouble(*_position(text, bad.start()), _unprintable(bad[0]))
        text = _without_document(text, bad.start())
    start = 0
    while True:
        composer = _Composer("\n" * text.count("\n", 0, start) + text[start:])
        try:
            while composer.check_node():
                root = composer.get_node()
                found = _document(root, len(text)) if root is not None else None
                if found is not None:
                    yield found
        except yaml.MarkedYAMLError as error:
            yield _trouble(error)
            following = _SEPARATOR.search(text, max(start + 1, _index(text, error)))
            if following is None:
                return
            start = following.start()
        else:
            return


def pieces(text: str, size: int) -> Iterator[str]:
    """Yield a text in pieces of whole documents, each after as many lines as stand before it.

    Args:
        text: YAML or JSON.
        size: characters that a piece has about.
    """
    begins = 0
    # A directive before a separator belongs to what follows it.
    separators = () if re.search("^%", text, re.MULTILINE) else _SEPARATOR.finditer(text)
    for separator in separators:
        if separator.start() - begins >= size:
            yield "\n" * text.count("\n", 0, begins) + text[begins : separator.start()]
            begins = separator.start()
    yield "\n" * text.count("\n", 0, begins) + text[begins:]


def mentioning(text: str, word: str) -> str:
    """Return the documents of a text in which a word stands; their lines are others then."""
    if word not in text:
        return ""
    # A directive before a separator belongs to what follows it.
    if re.search("^%", text, re.MULTILINE):
        return text
    begins = [0, *(separator.start() for separator in _SEPARATOR.finditer(text)), len(text)]
    parts = (text[start:end] for start, end in pairwise(begins))
    return "\n".join(part for part in parts if word in part)


def _json_pair(escapes: str) -> str:
    high, low = int(escapes[2:6], 16), int(escapes[8:12], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _unprintable(character: str) -> str:
    return f"the character U+{ord(character):04X}, which YAML does not allow"


def _without_document(text: str, index: int) -> str:
    """Return the text with the document around an index left empty, and all lines in place."""
    begins = max((m.end() for m in _SEPARATOR.finditer(text, 0, index)), default=0)
    following = _SEPARATOR.search(text, index)
    ends = following.start() if following else len(text)
    return text[:begins] + "\n" * text.count("\n", begins, ends) + text[ends:]


def _index(text: str, error: yaml.MarkedYAMLError) -> int:
    """Return where the line of an error begins."""
    mark = error.problem_mark or error.context_mark
    index = 0
    for _ in range(mark.line if mark is not None else 0):
        index = text.find("\n", index) + 1
        if index == 0:
            return len(text)
    return index


def _trouble(error: yaml.MarkedYAMLError) -> Trouble:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    message = str(error.problem or "not YAML")
    if message in _CLEARER:
        return Trouble(line, column, _CLEARER[message])
    opened = error.context_mark
    since = (
        f" ({error.context}, line {opened.line + 1})" if opened and opened.line + 1 != line else ""
    )
    return Trouble(line, column, f"{message}{since}")


_CLEARER: Final = {
    "found character that cannot start any token": (
        "a character that nothing can begin with: quote the value, and indent by spaces, not tabs"
    ),
    "found a tab character that violates indentation": "a tab where YAML indents by spaces",
    "mapping values are not allowed in this context": (
        "a second ': ' on one line, or a line with the wrong indentation"
    ),
}


class _Composer(CParser):
    """libyaml, without PyYAML's own ideas of what a scalar means."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:  # noqa: ARG002
        return _PLAIN if kind is not yaml.ScalarNode or implicit[0] else _QUOTED

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:  # noqa: ARG002
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = parent.start_mark if parent is not None else None
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark
            )

    def ascend_resolver(self) -> None:
        self._depth -= 1


def _document(root: yaml.Node, size: int) -> Document | None:
    reading = _Reading(size + MAX_EXPANSION)
    value = reading.value(root, 0)
    if value is None:
        return None
    return Document(root, value, tuple(reading.repeated))


class _Reading:
    """What the nodes of one document mean."""

    def __init__(self, budget: int) -> None:
        self.repeated: list[Trouble] = []
        self._left = budget

    def value(self, node: yaml.Node, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _at(node, "its aliases make it too large")
        if depth > MAX_DEPTH:
            raise _at(node, f"nested deeper than {MAX_DEPTH} levels, or an anchor holds itself")
        if type(node) is yaml.ScalarNode:
            return _scalar(node)
        if type(node) is yaml.SequenceNode:
            return [self.value(item, depth + 1) for item in node.value]
        found: dict[str, Any] = {}
        written = set()
        for key_node, value_node in node.value:
            if is_merge(key_node):
                # kubectl merges where the `<<` stands: it covers what was written before it.
                for merged in merged_mappings(value_node):
                    found |= self.value(merged, depth + 1)
                continue
            key = _key(key_node)
            if key in written:
                mark = key_node.start_mark
                self.repeated.append(Trouble(mark.line + 1, mark.column + 1, key))
            written.add(key)
            found[key] = self.value(value_node, depth + 1)
        return found


def is_merge(key: yaml.Node) -> bool:
    """Return whether a key of a mapping merges other mappings into it."""
    return key.value == MERGE and key.tag in (_PLAIN, "tag:yaml.org,2002:merge")


def merged_mappings(node: yaml.Node) -> list[yaml.MappingNode]:
    """Return what a merge key merges, in the order in which one covers another.

    Raises:
        yaml.MarkedYAMLError: something in it is no mapping.
    """
    merged = node.value[::-1] if isinstance(node, yaml.SequenceNode) else [node]
    for each in merged:
        if not isinstance(each, yaml.MappingNode):
            raise _at(each, "'<<' merges mappings, and this is none")
    return list(merged)


def key_text(key: yaml.Node) -> str | None:
    """Return a key of a mapping as JSON spells it, None for what cannot be a key."""
    try:
        return _key(key)
    except yaml.MarkedYAMLError:
        return None


def _key(node: yaml.Node) -> str:
    value = _scalar(node) if type(node) is yaml.ScalarNode else None
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
    raise _at(node, "a key must be text")


def _scalar(node: yaml.Node) -> scalars.Scalar:
    tag = node.tag
    if tag == _PLAIN:
        return scalars.plain(node.value)
    if tag == _QUOTED:
        return str(node.value)
    try:
        return scalars.tagged(tag, node.value)
    except ValueError as error:
        raise _at(node, str(error)) from error


def _at(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
