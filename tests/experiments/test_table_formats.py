from __future__ import annotations

import re

import pytest

from relscout.lab.table_formats import (
    FORMATS,
    Cell,
    Column,
    Note,
    Table,
    escape_latex,
    escape_markdown,
    latex,
    markdown,
)

HOSTILE = r"a|b & 100% of $x_1$ {y} #1 ~^\ <b> [link](x) `code` *bold*"


def table(*rows: list[Cell], columns: int = 2, notes: list[Note] | None = None) -> Table:
    titles = [Column("row", numeric=False), *(Column(f"B³ {place}") for place in range(1, columns))]
    return Table("small", "A title", "What it means.", titles, [rows], notes or [])


def body(text: str) -> list[str]:
    """The rows of a LaTeX table, below its head."""
    return text.split("\\midrule\n")[1].split("\\bottomrule")[0].splitlines()


def test_markdown_is_readable_as_it_is():
    text = markdown(table([Cell("k-means"), Cell("49.1", bold=True)], [Cell("x"), Cell("9.0")]))
    assert text == (
        "**A title.** What it means.\n"
        "\n"
        "| row     |     B³ 1 |\n"
        "| ------- | -------: |\n"
        "| k-means | **49.1** |\n"
        "| x       |      9.0 |\n"
    )


def test_latex_is_a_table_with_booktabs():
    text = latex(table([Cell("k-means"), Cell("49.1 ± 0.4", bold=True)]))
    assert text == (
        "\\begin{table*}[t]\n"
        "\\centering\n"
        "\\caption{\\textbf{A title.} What it means.}\n"
        "\\label{tab:small}\n"
        "\\begin{tabular}{@{}lr@{}}\n"
        "\\toprule\n"
        "row & B$^3$ 1 \\\\\n"
        "\\midrule\n"
        "k-means & \\textbf{49.1 $\\pm$ 0.4} \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\\end{table*}\n"
    )


def test_markdown_escapes_what_would_mean_something():
    line = markdown(table([Cell(HOSTILE), Cell("1")])).splitlines()[-1]
    assert len(re.findall(r"(?<!\\)\|", line)) == 3
    assert escape_markdown(HOSTILE) == (
        r"a\|b &amp; 100% of \$x\_1\$ {y} #1 \~^\\ &lt;b&gt; \[link\](x) \`code\` \*bold\*"
    )


def test_latex_escapes_what_would_mean_something():
    assert escape_latex(HOSTILE) == (
        r"a\textbar{}b \& 100\% of \$x\_1\$ \{y\} \#1 \textasciitilde{}\textasciicircum{}\textbackslash{} "
        r"\textless{}b\textgreater{} [link](x) `code` *bold*"
    )


def test_latex_has_commands_for_the_signs_of_our_tables():
    assert escape_latex("B³ 4.1 ± 0.2 (−1.3) – … Δ") == r"B$^3$ 4.1 $\pm$ 0.2 ($-$1.3) -- \ldots{} $\Delta$"


@pytest.mark.parametrize("name", ["[CLS]", "*"])
def test_a_bracket_or_star_that_starts_a_row_is_no_option_of_the_row_before(name):
    first, second = body(latex(table([Cell("a"), Cell("1")], [Cell(name), Cell("2")])))
    assert first.endswith("\\\\")
    assert second.startswith("{}" + name)


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("breaking", ["\n", "\r\n", "\x1b", "\u2028", "\x00"])
def test_a_name_with_control_characters_stays_on_its_line(write, breaking):
    plain = write(table([Cell("a b"), Cell("1")]))
    broken = write(table([Cell(f"a{breaking}b"), Cell("1")]))
    assert len(broken.splitlines()) == len(plain.splitlines())
    assert breaking not in "".join(broken.splitlines())


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_what_spells_a_word_in_other_scripts_is_kept(write):
    assert "می\u200cخواهم" in write(table([Cell("می\u200cخواهم"), Cell("1")]))


def test_notes_stand_below_with_their_letters():
    marked = table([Cell("x", mark="a"), Cell("1")], notes=[Note("All of it."), Note("100 %", "a")])
    assert markdown(marked).endswith("|\n\n- All of it.\n- <sup>a</sup> 100 %\n")
    assert "x<sup>a</sup>" in markdown(marked)
    assert "All of it. \\\\\n\\textsuperscript{a}100 \\%\n\\end{table*}" in latex(marked)
    assert "x\\textsuperscript{a} & 1" in latex(marked)


def test_latex_rules_off_the_blocks():
    blocks = [[[Cell("a"), Cell("1")]], [[Cell("b"), Cell("2")]]]
    text = latex(Table("small", "T", "", [Column("row", numeric=False), Column("x")], blocks))
    assert text.count("\\midrule") == 2


def test_a_wide_table_is_shrunk_to_the_page_in_latex():
    wide, small = (latex(table([Cell("x")] * columns, columns=columns)) for columns in (12, 3))
    assert "\\resizebox{\\textwidth}{!}{%" in wide
    assert "\\end{tabular}}" in wide
    assert "\\resizebox" not in small
    assert wide.count("{") == wide.count("}")
