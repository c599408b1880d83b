"""The parse tree says what the text says, as the library that evaluates it reads it."""

import json

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phiwarden.rulebook.chart import installed
from phiwarden.rulebook.model import RulebookError
from phiwarden.rulebook.syntax import (
    CHAINED,
    DEPTH,
    LOOPS,
    OPERATORS,
    Call,
    Field,
    Index,
    Items,
    Literal,
    Name,
    Node,
    Table,
    parse,
    walk,
)

NAMES = st.sampled_from(["object", "variables", "entry", "a_1", "inside", "trueish"])
LITERALS = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(0, 2**63 - 1),
    st.floats(0, 1e9, allow_nan=False).filter(lambda number: "e" not in repr(number)),
    st.text(st.characters(exclude_categories=["Cs"])),
).map(Literal)


def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Return nodes made of others, as the parser makes them: chains are one call."""
    several = st.lists(inner, max_size=3).map(tuple)
    pair = st.tuples(inner, inner)
    chain = st.tuples(st.sampled_from(CHAINED), st.lists(inner, min_size=2, max_size=4)).filter(
        lambda made: not (isinstance(made[1][0], Call) and made[1][0].function == made[0])
    )
    plain = st.sampled_from([sign for sign in OPERATORS if sign not in CHAINED])
    return st.one_of(
        st.builds(Field, inner, NAMES),
        st.builds(Index, inner, inner),
        st.builds(Items, several),
        st.builds(Table, st.lists(pair, max_size=2).map(tuple)),
        chain.map(lambda made: Call(made[0], None, tuple(made[1]))),
        st.builds(Call, plain, st.none(), pair),
        st.builds(Call, st.just("!"), st.none(), st.tuples(inner)),
        st.builds(Call, st.just("-x"), st.none(), st.tuples(inner)),
        st.builds(Call, st.just("?:"), st.none(), st.tuples(inner, inner, inner)),
        st.builds(Call, st.sampled_from(["size", "string"]), st.none(), st.tuples(inner)),
        st.builds(Call, st.sampled_from(["contains", "join"]), inner, several),
        st.builds(Call, st.sampled_from(LOOPS), inner, st.tuples(NAMES.map(Name), inner)),
    )


NODES = st.recursive(st.one_of(LITERALS, NAMES.map(Name)), joined, max_leaves=12)


def written(node: Node) -> str:
    """Return CEL of a tree, with brackets wherever they may stand."""
    match node:
        case Literal(str() as text):
            return "'" + "".join(f"\\U{ord(sign):08x}" for sign in text) + "'"
        case Literal(value):
            return json.dumps(value)
        case Name(name):
            return name
        case Field(of, name):
            return f"({written(of)}).{name}"
        case Index(of, key):
            return f"({written(of)})[{written(key)}]"
        case Items(items):
            return f"[{', '.join(map(written, items))}]"
        case Table(entries):
            return "{" + ", ".join(f"{written(k)}: {written(v)}" for k, v in entries) + "}"
        case Call():
            return called(node)


def called(node: Call) -> str:
    match node:
        case Call("!" | "-x" as sign, None, (inner,)):
            return f"({sign[0]}({written(inner)}))"
        case Call("?:", None, (condition, one, other)):
            return f"(({written(condition)}) ? ({written(one)}) : ({written(other)}))"
        case Call(sign, None, args) if sign in OPERATORS:
            return "(" + f" {sign} ".join(f"({written(arg)})" for arg in args) + ")"
        case Call(function, None, args):
            return f"{function}({', '.join(map(written, args))})"
    assert node.target is not None
    return f"({written(node.target)}).{node.function}({', '.join(map(written, node.args))})"


# hypothesis writes down every tree as it goes, for a failure that there may be.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(NODES)
def test_what_is_written_is_read_back(node: Node) -> None:
    assert parse(written(node)) == node


SIGNS = "1 2 7 + - * / % < <= == != true false && || ! ( ) ? : in [1,2] 'a'"
BARE = st.lists(st.sampled_from(SIGNS.split()), min_size=1, max_size=12).map(" ".join)


@settings(max_examples=3000, deadline=None, derandomize=True, database=None)
@given(BARE)
def test_the_library_takes_the_same_texts_and_finds_the_same_in_them(text: str) -> None:
    """Operators bind as they do there: brackets in the places of the tree change nothing."""
    try:
        program = cel.compile(text)
    except ValueError:
        with pytest.raises(RulebookError):
            parse(text)
        return
    bracketed = cel.compile(written(parse(text)))
    assert outcome(program) == outcome(bracketed)


def outcome(program: cel.Program) -> object:
    try:
        return program.execute(cel.Context())
    except (RuntimeError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return "error"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a || b && c", "a || (b && c)"),
        ("!a.b == c", "(!(a.b)) == c"),
        ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
        ("a + b * c - d", "(a + (b * c)) - d"),
        ("a in b && c", "(a in b) && c"),
        ("-a[0].b(c).d", "-((((a)[0]).b(c)).d)"),
        ("--a", "-(-a)"),
        ("[a,]", "[a]"),
        ("r'\\d'", "'\\\\d'"),
        ('"it\'s"', "'it\\'s'"),
        ("0x1F", "31"),
        ("all(x)", "all((x))"),
    ],
)
def test_the_same_thing_in_other_words_is_the_same_tree(text: str, same: str) -> None:
    assert parse(text) == parse(same)


UNFINISHED = ["", " ", "a +", "a b", "(a", "a)", "[a", "{a}", "a.", "a.1", "a ? b", "a[]", "f(,)"]
UNKNOWN = ["&& a", "a = b", "a & b", "@operator@", "in", "as", "'a", "'a\nb'", "'\\q'", "'\\ud800'"]
LEFT_OUT = ["a?.b", "a[?b]", "b'x'", "1u", "12U", ".a", "T{a: 1}", "a // c", "'''a'''"]
TOO_DEEP = "(" * (DEPTH + 1) + "a" + ")" * (DEPTH + 1)


@pytest.mark.parametrize("text", [*UNFINISHED, *UNKNOWN, *LEFT_OUT, TOO_DEEP])
def test_what_is_no_portable_cel_is_refused(text: str) -> None:
    with pytest.raises(RulebookError):
        parse(text)


def test_every_expression_of_the_rulebook_is_read() -> None:
    read = 0
    for manifest in installed("system:serviceaccount:a:b", ["system:masters"]):
        for variable in manifest["spec"].get("variables", ()):
            read += sum(1 for _ in walk(parse(variable["expression"])))
    assert read > 10_000
