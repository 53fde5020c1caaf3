"""Lines of N-Triples."""

from __future__ import annotations

import pytest

from relscout.alignment.graph import Statement, parse
from relscout.core.errors import InputError


def test_a_statement_between_two_iris() -> None:
    assert parse("<http://a/Q1> <http://p/P19> <http://a/Q2> .") == Statement(
        "http://a/Q1", "http://p/P19", "http://a/Q2", None, ""
    )


def test_a_literal_with_its_language_and_escapes() -> None:
    line = r'<http://a/Q1>	<http://p/l>	"say \"Zo\u00EB\"\t\U0001F600."@EN-gb. # a comment'
    assert parse(line) == Statement("http://a/Q1", "http://p/l", None, 'say "Zoë"\t😀.', "en-gb")


@pytest.mark.parametrize("literal", ['"3"^^<http://www.w3.org/2001/XMLSchema#integer>', '""', '"a . <b>"'])
def test_literals_without_a_language(literal: str) -> None:
    statement = parse(f"<s:1> <p:1> {literal} .")
    assert statement is not None
    assert (statement.target, statement.language) == (None, "")
    assert statement.literal == literal.split("^^")[0][1:-1]


def test_iris_may_be_escaped() -> None:
    statement = parse(r"<http://a/Zo\u00EB> <p:1> <o:1> .")
    assert statement is not None
    assert statement.subject == "http://a/Zoë"


def test_blank_nodes_are_nothing() -> None:
    assert parse("_:b1 <p:1> _:b2 .") == Statement(None, "p:1", None, None, "")


def test_a_comment_states_nothing() -> None:
    assert parse("  # <s:1> <p:1> <o:1> .") is None


@pytest.mark.parametrize(
    "line",
    [
        "<s:1> <p:1> <o:1>",
        "<s:1> <p:1> .",
        "<s:1> <p:1> <o:1> <g:1> .",
        '"literal" <p:1> <o:1> .',
        "<s:1> _:b <o:1> .",
        '<s:1> <p:1> "open .',
        "<s 1> <p:1> <o:1> .",
        r'<s:1> <p:1> "\uD800" .',
        r'<s:1> <p:1> "\U00110000" .',
    ],
)
def test_anything_else_is_an_error(line: str) -> None:
    with pytest.raises(InputError, match=r"not N-Triples|is not a Unicode character"):
        parse(line)
