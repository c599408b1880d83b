"""The seal is over the text that helm computes it of."""

import pytest

from phiwarden.rulebook import bundle


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
        ("<a> & 'b'", "\"\\u003ca\\u003e \\u0026 'b'\""),
        ("\u2028\u2029\u00e9\U0001f600", '"\\u2028\\u2029\u00e9\U0001f600"'),
        ('"\\\n\t\x01', '"\\"\\\\\\n\\t\\u0001"'),
        ({"Z": 0, "a": 0, "\u00e9": 0}, '{"Z":0,"a":0,"\u00e9":0}'),
        (10_000_000, "10000000"),
    ],
)
def test_json_is_written_as_go_writes_it(value: object, text: str) -> None:
    """Go's encoding/json with its default escapes; e2e/test_own_rules.py asks helm itself."""
    assert bundle.go_json(value) == text


def test_the_seal_tells_rules_policies_and_versions_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seals = {
        bundle.seal([], []),
        bundle.seal([{"file": "a"}], []),
        bundle.seal([], [{"kind": "a"}]),
    }
    monkeypatch.setattr(bundle, "__version__", "0.0.1")
    seals.add(bundle.seal([], []))
    assert len(seals) == 4
