"""Text becomes documents, whatever is in it; what is broken is told with its line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.cli.manifests.documents import Document, Trouble, documents, mentioning, pieces


def values(text: str) -> list[Any]:
    found = list(documents(text))
    assert all(isinstance(each, Document) for each in found), found
    return [each.value for each in found if isinstance(each, Document)]


def troubles(text: str) -> list[tuple[int, str]]:
    return [(each.line, each.message) for each in documents(text) if isinstance(each, Trouble)]


@pytest.mark.parametrize(
    ("what", "text", "expected"),
    [
        ("several documents", "a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("empty documents", "---\n---\n# only a comment\n---\na: 1\n---\n", [{"a": 1}]),
        ("a comment after the separator", "--- # first\na: 1\n", [{"a": 1}]),
        ("three dashes in a block", "a: |\n  x\n  ---\n  y\n", [{"a": "x\n---\ny\n"}]),
        ("three dashes in quotes", 'a: "x --- y"\n', [{"a": "x --- y"}]),
        ("an end marker", "a: 1\n...\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a directive", "%YAML 1.1\n---\na: 1\n", [{"a": 1}]),
        ("an alias", "a: &x [1]\nb: *x\n", [{"a": [1], "b": [1]}]),
        ("the last of a repeated key", "a: 1\na: 2\n", [{"a": 2}]),
        ("a merge", "x: &x {a: 1, b: 2}\nz: {<<: *x, b: 3}\n", [{"x": {"a": 1, "b": 2}, "z": {"a": 1, "b": 3}}]),
        ("a merge covers what stands before it", "x: &x {a: 1}\nz: {a: 2, <<: *x}\n", [{"x": {"a": 1}, "z": {"a": 1}}]),
        ("the first of several merged", "z: {<<: [{a: 1}, {a: 2, b: 3}]}\n", [{"z": {"a": 1, "b": 3}}]),
        ("a quoted <<", 'z: {"<<": {a: 1}}\n', [{"z": {"<<": {"a": 1}}}]),
        ("keys that are no text", "1: a\nyes: b\n1.5: c\n", [{"1": "a", "true": "b", "1.5": "c"}]),
        ("a quoted number", "a: '010'\nb: \"yes\"\n", [{"a": "010", "b": "yes"}]),
        ("a tag", "a: !!str 010\nb: !custom 5\n", [{"a": "010", "b": "5"}]),
        ("a day", "expires: 2027-06-30\n", [{"expires": "2027-06-30"}]),
        ("JSON", '{"a": "\\ud83d\\ude00\\/", "b":[1,\n\t2.5e3]}', [{"a": "\N{GRINNING FACE}/", "b": [1, 2500.0]}]),
        ("nothing", "", []),
    ],
)  # fmt: skip
def test_text_is_read_as_kubectl_reads_it(what: str, text: str, expected: list[Any]) -> None:
    assert values(text) == expected, what


@pytest.mark.parametrize(
    ("what", "text", "line", "says"),
    [
        ("an open bracket", "a: 1\nb: [1\n", 3, "expected"),
        ("a tab", "a:\n\tb: 1\n", 2, "tab"),
        ("two colons", "a: b: c\n", 1, "second ': '"),
        ("an unknown alias", "a: 1\nb: *nobody\n", 2, "undefined alias"),
        ("a control character", "a: 1\nb: \x07\n", 2, "U+0007"),
        ("an anchor that holds itself", "a: &a [*a]\n", 1, "holds itself"),
        ("a key that is a list", "? [1]\n: 2\n", 1, "a key must be text"),
        ("a key that is null", "~: 2\n", 1, "a key must be text"),
        ("a tag that lies", "a: 1\nb: !!int x\n", 2, "its tag !!int"),
        ("a merge of a list", "a: 1\nb: {<<: [1]}\n", 2, "merges mappings"),
        ("brackets without end", "[" * 50_000, 1, "nested deeper"),
    ],
)
def test_what_is_broken_is_told_with_its_line(what: str, text: str, line: int, says: str) -> None:
    ((found, message),) = troubles(text)
    assert (found, says in message) == (line, True), (what, message)


def test_the_rest_is_read_around_a_broken_document() -> None:
    text = "a: 1\n---\nb: [\n---\nc: 3\n---\nd: 'x\n---\ne: \x01\n---\nf: 6\n"
    found = list(documents(text))
    assert [d.value for d in found if isinstance(d, Document)] == [{"a": 1}, {"c": 3}, {"f": 6}]
    assert sorted(t.line for t in found if isinstance(t, Trouble)) == [4, 8, 9]
    (last,) = [d for d in found if isinstance(d, Document) and d.value == {"f": 6}]
    assert last.node.start_mark.line + 1 == 11


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    ((_, message),) = troubles("\n".join(lines))
    assert "too large" in message


def test_a_repeated_key_is_told_with_its_line() -> None:
    (found,) = documents("a: 1\nb: {x: 1,\n  x: 2}\na: 3\n")
    assert isinstance(found, Document)
    assert [(each.line, each.message) for each in found.repeated] == [(3, "x"), (4, "a")]


_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# YAML ends a key after 1,024 characters, six of which JSON may take for one. No field has as many.
_KEY = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEY, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_KEY, _JSON, min_size=1, max_size=4), st.booleans())
def test_every_json_object_reads_back_as_itself(value: dict[str, Any], indented: bool) -> None:
    assert values(json.dumps(value, indent=2 if indented else None)) == [value]


@given(st.text(st.sampled_from("ab:-#&*!|>'\"%@`{}[],? \n\t.<0")) | st.text())
def test_no_text_whatever_ends_the_reading(text: str) -> None:
    for found in documents(text):
        if isinstance(found, Trouble):
            assert 1 <= found.line <= len(text.splitlines()) + 1


@given(
    st.lists(st.sampled_from(["a: 1", "b: [1", "c: |\n  x\n", "", "%YAML 1.1", "..."]), max_size=9)
)
def test_a_text_in_pieces_is_the_text(parts: list[str]) -> None:
    text = "\n---\n".join(parts)

    def read(texts: Iterable[str]) -> list[tuple[int, Any]]:
        found = [each for text in texts for each in documents(text)]
        return [
            (each.line, each.message)
            if isinstance(each, Trouble)
            else (each.node.start_mark.line + 1, each.value)
            for each in found
        ]

    assert read(pieces(text, 4)) == read([text])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("a: 1\n---\nb: 2\n", ""),
        ("a: 1\n---\nword: 2\n---\nc: 3\n", "---\nword: 2\n"),
        ("word: 1\n---\nb: 2\n--- # word\n", "word: 1\n\n--- # word\n"),
        ("a: |\n  ---\n  word\n", "a: |\n  ---\n  word\n"),
        ("%YAML 1.1\n---\na: 1\n---\nword: 2\n", "%YAML 1.1\n---\na: 1\n---\nword: 2\n"),
    ],
)
def test_documents_that_mention_a_word_are_found_unread(text: str, found: str) -> None:
    assert mentioning(text, "word") == found
