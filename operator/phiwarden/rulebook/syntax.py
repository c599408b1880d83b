"""The parse tree of portable CEL: the part of the language that rules are written in.

The library that evaluates CEL here shows no tree, those that show one weigh more than all of
phiwarden, and cost and names need one. What is left out on purpose: bytes, unsigned numbers,
optional syntax, messages and comments. Rules need none of them, and a rule that uses one is
refused rather than misread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from phiwarden.rulebook.model import RulebookError

DEPTH: Final = 48
"""Brackets within brackets that are followed."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, truth value or null."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of something: `of.name`."""

    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """An entry of a list or map: `of[key]`."""

    of: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function, macro or operator.

    Attributes:
        function: its name; an operator's is its sign, `?:` of the conditional, `-x` of the negative.
        target: what it is called on; None for an operator or a function that stands alone.
        args: the arguments. A chain of `&&`, `||` or `+` is one call with as many of them.
    """

    function: str
    target: Node | None
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list: `[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A map: `{key: value}`."""

    entries: tuple[tuple[Node, Node], ...]


Node = Literal | Name | Field | Index | Call | Items | Table

CHAINED: Final = ("&&", "||", "+")
OPERATORS: Final = {
    **dict.fromkeys(("||",), 1),
    **dict.fromkeys(("&&",), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
"""How tightly operators between two terms bind."""

_OTHERS: Final = ("!", "-x", "?:")
LOOPS: Final = ("all", "exists", "exists_one", "filter", "map")
"""Macros that bind a name, their first argument, for each item of their target."""

# https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    | (?P<int>0[xX][0-9a-fA-F]+|\d+)(?![uU\w])
    | (?P<raw>[rR](?:'[^'\n]*'|"[^"\n]*"))
    | (?P<text>'(?!'')(?:\\.|[^'\\\n])*'|"(?!"")(?:\\.|[^"\\\n])*")
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)(?!['"])
    | (?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()[\]{}])
    )""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|[abfnrtv\\?\"'`])|\\"
)
_SHORT: Final = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_WORDS: Final = {"true": True, "false": False, "null": None}
# fmt: off
_RESERVED: Final = frozenset((
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let",
    "loop", "package", "namespace", "return", "var", "void", "while",
))
# fmt: on


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Raises:
        RulebookError: it is not portable CEL; says where.
    """
    return _Parser(text).whole()


def is_operator(node: Call) -> bool:
    """Return whether a call is written as a sign between or before its arguments."""
    return node.function in OPERATORS or node.function in _OTHERS


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, outer ones first."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> tuple[Node, ...]:
    """Return what a node is made of, in the order of the text."""
    match node:
        case Field(of, _):
            return (of,)
        case Index(of, key):
            return (of, key)
        case Call(_, target, args):
            return args if target is None else (target, *args)
        case Items(items):
            return items
        case Table(entries):
            return tuple(part for entry in entries for part in entry)
        case Literal() | Name():
            return ()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


class _Parser:
    """A Pratt parser: operators are taken in as long as they bind tightly enough."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._next.kind != "end":
            raise self._wrong(f"unexpected {self._next.text!r}")
        return node

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _skip(self, sign: str) -> bool:
        """Take in a sign if it is the next, and say whether it was."""
        found = self._next.kind == "sign" and self._next.text == sign
        self._at += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._skip(sign):
            raise self._wrong(f"{sign!r} is missing before {self._next.text!r}")

    def _wrong(self, fault: str) -> RulebookError:
        return RulebookError(f"{fault} at character {self._next.start + 1}")

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH:
            raise self._wrong(f"more than {DEPTH} brackets within brackets")
        node = self._binary(0)
        if self._skip("?"):
            chosen = self._binary(0)
            self._expect(":")
            node = Call("?:", None, (node, chosen, self._expression()))
        self._depth -= 1
        return node

    def _binary(self, tighter_than: int) -> Node:
        left = self._unary()
        while OPERATORS.get(self._next.text, 0) > tighter_than and self._next.kind in _OPERATING:
            operator = self._take().text
            right = self._binary(OPERATORS[operator])
            match left:
                case Call(function, None, args) if function == operator and operator in CHAINED:
                    left = Call(operator, None, (*args, right))
                case _:
                    left = Call(operator, None, (left, right))
        return left

    def _unary(self) -> Node:
        signs = []
        while self._next.kind == "sign" and self._next.text in {"!", "-"}:
            signs.append(self._take().text)
        node = self._member(self._primary())
        for sign in reversed(signs):
            node = Call("!" if sign == "!" else "-x", None, (node,))
        return node

    def _member(self, node: Node) -> Node:
        while True:
            if self._skip("."):
                name = self._take()
                if name.kind != "name":
                    self._at -= 1
                    raise self._wrong(f"a field's name is missing before {name.text!r}")
                if self._skip("("):
                    node = Call(name.text, node, self._list(")"))
                else:
                    node = Field(node, name.text)
            elif self._skip("["):
                node = Index(node, self._expression())
                self._expect("]")
            else:
                return node

    def _primary(self) -> Node:
        if self._skip("("):
            node = self._expression()
            self._expect(")")
            return node
        if self._skip("["):
            return Items(self._list("]"))
        if self._skip("{"):
            return self._table()
        token = self._next
        match token.kind:
            case "int":
                value: Node = Literal(int(token.text, 0 if token.text[:2] in {"0x", "0X"} else 10))
            case "float":
                value = Literal(float(token.text))
            case "raw":
                value = Literal(token.text[2:-1])
            case "text":
                value = Literal(_ESCAPE.sub(self._unescaped, token.text[1:-1]))
            case "name" if token.text in _WORDS:
                value = Literal(_WORDS[token.text])
            case "name" if token.text not in _RESERVED:
                self._take()
                return (
                    Call(token.text, None, self._list(")")) if self._skip("(") else Name(token.text)
                )
            case _:
                raise self._wrong(f"unexpected {token.text!r}")
        self._take()
        return value

    def _list(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._skip(end):
            if items:
                self._expect(",")
                if self._skip(end):
                    break
            items.append(self._expression())
        return tuple(items)

    def _table(self) -> Table:
        entries: list[tuple[Node, Node]] = []
        while not self._skip("}"):
            if entries:
                self._expect(",")
                if self._skip("}"):
                    break
            key = self._expression()
            self._expect(":")
            entries.append((key, self._expression()))
        return Table(tuple(entries))

    def _unescaped(self, match: re.Match[str]) -> str:
        code = match[1]
        if code is None:
            raise self._wrong(f"unknown escape in {self._next.text}")
        if code[0] in "xuU":
            number = int(code[1:], 16)
        elif code[0] in "0123":
            number = int(code, 8)
        else:
            return _SHORT.get(code, code)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise self._wrong(f"no character has the code \\{code}")
        return chr(number)


_OPERATING: Final = ("sign", "name")


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at, end)
        if found is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise RulebookError(
                f"unreadable at character {start + 1}: {text[start : start + 12]!r}"
            )
        kind = str(found.lastgroup)
        yield _Token(kind, found[kind], found.start(kind))
        at = found.end()
    yield _Token("end", "the end", end)
