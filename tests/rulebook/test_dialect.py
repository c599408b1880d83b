"""What Python's CEL adds to its library means what the API server means."""

import cel
import pytest

from phiwarden.rulebook.dialect import FUNCTIONS, program


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("203.0.113.7", True),
        ("2001:db8::1", True),
        ("::ffff:203.0.113.7", False),
        ("fe80::1%eth0", False),
        ("203.0.113.07", False),
        ("203.0.113.0/24", False),
        ("collector.example", False),
        ("", False),
    ],
)
def test_addresses(text: str, is_one: bool) -> None:
    assert FUNCTIONS["isIP"](text) is is_one


@pytest.mark.parametrize(
    ("network", "address", "inside"),
    [
        ("203.0.113.0/24", "203.0.113.7", True),
        ("203.0.113.0/24", "203.0.114.7", False),
        ("203.0.113.0/24", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8::1", True),
    ],
)
def test_networks(network: str, address: str, inside: bool) -> None:
    assert FUNCTIONS["containsIP"](FUNCTIONS["cidr"](network), address) is inside


@pytest.mark.parametrize(
    ("value", "size"),
    [("", 0), ("abc", 3), ("\u00e9", 1), ("\U0001f600" * 2, 2), (["a", "b"], 2), ({"a": "b"}, 1)],
)
def test_a_size_counts_characters_and_not_bytes(value: object, size: int) -> None:
    context = cel.Context(variables={"value": value}, functions=FUNCTIONS)
    assert program("value.size()", "a test").execute(context) == size
