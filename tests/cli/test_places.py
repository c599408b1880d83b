"""A field is found in its text, or the nearest of its parents that is there."""

from __future__ import annotations

import pytest

from phiwarden.cli.manifests.documents import Document, documents
from phiwarden.cli.manifests.places import place_of

TEXT = """\
base: &base
  image: nginx
spec:
  first: 1
  containers:
    - name: app
      env: [{name: A}, {name: B}]
      empty: {}
    - <<: *base
      name: second
  containers2: &c
    - name: x
metadata:
  annotations:
    example.com/dsn: "postgres://"
  first: 1
  first: 2
again: *c
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ("", 1, 1),
        ("spec", 3, 1),
        ("spec.containers[0]", 6, 7),
        ("spec.containers[0].name", 6, 7),
        ("spec.containers[0].env[1].name", 7, 25),
        ("spec.containers[0].empty", 8, 7),
        ("spec.containers[0].empty.missing", 8, 7),
        ("spec.containers[0].securityContext.privileged", 6, 7),
        ("spec.containers[1].image", 2, 3),
        ("spec.containers[1].name", 10, 7),
        ("spec.containers[7].name", 5, 3),
        ("spec.containers[not shown]", 5, 3),
        ("spec.missing", 3, 1),
        ("metadata.annotations[example.com/dsn]", 15, 5),
        ("metadata.annotations[other]", 14, 3),
        ("metadata.first", 17, 3),
        ("again[0].name", 12, 7),
        ("spec.first.below", 4, 3),
    ],
)
def test_a_field_is_found_by_its_path(path: str, line: int, column: int) -> None:
    (document,) = documents(TEXT)
    assert isinstance(document, Document)
    place = place_of(document.node, path)
    assert (place.line, place.column) == (line, column)
    assert place.column < place.end <= len(TEXT.splitlines()[line - 1]) + 1


def test_the_place_of_a_field_covers_it_and_its_value() -> None:
    (document,) = documents(TEXT)
    assert isinstance(document, Document)
    place = place_of(document.node, "spec.containers[1].image")
    assert TEXT.splitlines()[place.line - 1][place.column - 1 : place.end - 1] == "image: nginx"


def test_json_has_places_too() -> None:
    (document,) = documents('{"spec": {\n  "image": "nginx"}}')
    assert isinstance(document, Document)
    place = place_of(document.node, "spec.image")
    assert (place.line, place.column, place.end) == (2, 3, 19)
