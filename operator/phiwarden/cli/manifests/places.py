"""Where a field stands in its file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import yaml

from phiwarden.cli.manifests.documents import is_merge, key_text, merged_mappings

_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Place:
    """Part of one line; lines and columns count from 1.

    Attributes:
        line: its line.
        column: its first column.
        end: the column after its last.
    """

    line: int
    column: int
    end: int


def node_at(root: yaml.Node, path: str) -> yaml.Node | None:
    """Return the node of a field, None where it is not there."""
    node = root
    for step in _STEP.finditer(path):
        found = _child(node, step[1] if step[1] is not None else step[2])
        if found is None:
            return None
        node, _ = found
    return node


def place_of(root: yaml.Node, path: str) -> Place:
    """Return where a field stands, or the nearest of its parents that is there.

    Args:
        root: node of the object.
        path: such as `spec.containers[0].image` or `metadata.annotations[example.com/key]`.
    """
    node, place = root, _start(root)
    for step in _STEP.finditer(path):
        found = _child(node, step[1] if step[1] is not None else step[2])
        if found is None:
            break
        node, place = found
    return place


def _child(node: yaml.Node, step: str) -> tuple[yaml.Node, Place] | None:
    if isinstance(node, yaml.SequenceNode):
        if not step.isdecimal() or int(step) >= len(node.value):
            return None
        item = node.value[int(step)]
        return item, _start(item)
    if not isinstance(node, yaml.MappingNode):
        return None
    # The last of several counts, and a merge covers what stands before it.
    for key, value in reversed(node.value):
        if is_merge(key):
            for merged in reversed(merged_mappings(value)):
                found = _child(merged, step)
                if found is not None:
                    return found
        elif key_text(key) == step:
            return value, _entry(key, value)
    return None


def _start(node: yaml.Node) -> Place:
    """Return the first line of a value: of a mapping, its first field."""
    if isinstance(node, yaml.MappingNode) and node.value:
        return _entry(*node.value[0])
    start, end = node.start_mark, node.end_mark
    last = end.column if end.line == start.line else start.column + 1
    return Place(start.line + 1, start.column + 1, max(last, start.column + 1) + 1)


def _entry(key: yaml.Node, value: yaml.Node) -> Place:
    start = key.start_mark
    end = value.end_mark if value.end_mark.line == start.line else key.end_mark
    # What an alias stands for may have been written earlier.
    last = end.column if (end.line, end.column) > (start.line, start.column) else start.column + 1
    return Place(start.line + 1, start.column + 1, last + 1)
