"""A discovery as HTML for notebooks: its largest relations with examples, and its most supported facts.

All text is escaped; there is no script, and nothing is loaded. Colours are those of the report, in light and dark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from relscout.core.wording import counted, pieces, shortened, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from relscout.core.instances import Fact, RelationInstance
    from relscout.discovery.relation import Assignments, Relation

#: Number of relations, of example sentences of each, and of facts that are shown.
MOST_RELATIONS, MOST_EXAMPLES, MOST_FACTS = 20, 2, 10
#: Longest name and longest sentence, in characters.
LONGEST_NAME, LONGEST_SENTENCE = 80, 200
#: Largest corpus whose facts are computed in order to be shown; in a larger one this takes seconds.
MOST_INSTANCES = 20_000

_LIGHT = (
    "--ink:#1d2125;--soft:#5a636b;--line:#dfe2e1;--head:#cfe6f7;--head-line:#0a6ebd;--tail:#d3f0df;--tail-line:#0b7a4b;"
    "--card:#ffffff"
)
_DARK = (
    "--ink:#e7e9ea;--soft:#a7b0b7;--line:#353b41;--head:#123c5a;--head-line:#6bb5ea;--tail:#124030;--tail-line:#5fcf9a;"
    "--card:#1c2024"
)
_STYLE = f"""
.relscout{{{_LIGHT};color:var(--ink);background:var(--card);padding:.6rem .9rem;border:1px solid var(--line);
border-radius:.6rem;overflow-x:auto;font:14px/1.45 system-ui,sans-serif}}
@media (prefers-color-scheme:dark){{.relscout{{{_DARK}}}}}
[data-jp-theme-light="true"] .relscout,.vscode-light .relscout{{{_LIGHT}}}
[data-jp-theme-light="false"] .relscout,.vscode-dark .relscout{{{_DARK}}}
.relscout p{{margin:.3rem 0;color:var(--soft)}}
.relscout table{{border-collapse:collapse;width:100%;margin:.4rem 0;color:inherit;background:none}}
.relscout caption{{text-align:left;color:var(--soft)}}
.relscout th,.relscout td{{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;background:none;
color:inherit;border-bottom:1px solid var(--line);overflow-wrap:anywhere;white-space:normal}}
.relscout .n{{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}}
.relscout div{{margin:.1rem 0}}
.relscout mark{{color:inherit;border-radius:.2rem;padding:0 .12em}}
.relscout .h{{background:var(--head);border-bottom:2px solid var(--head-line)}}
.relscout .t{{background:var(--tail);border-bottom:2px solid var(--tail-line)}}
.relscout .ht{{background:var(--head);border-bottom:2px double var(--tail-line)}}
"""


def as_html(
    relations: Sequence[Relation],
    assignments: Assignments,
    examples: Callable[[int, int], Sequence[RelationInstance]],
    facts: Sequence[Fact],
) -> str:
    """Return a discovery as HTML without a document around it, of at most about 100 kB.

    Args:
        relations: The relations.
        assignments: The relation of each instance.
        examples: Returns examples of a relation, given its id and how many.
        facts: The facts, the most supported first; empty if they are not shown.
    """
    largest = sorted(relations, key=lambda relation: (-relation.size, relation.id))
    shown = largest[:MOST_RELATIONS]
    instances = counted(len(assignments.instances), "instance")
    without = int((assignments.relation_ids < 0).sum())
    lead = f"{counted(len(largest), 'relation')} of {instances}, {without:,} of them without a relation."
    parts = [
        _table(
            _caption("largest relations", len(shown), len(largest)),
            ("relation", "size", "sure", "examples"),
            (_relation(relation, examples(relation.id, MOST_EXAMPLES)) for relation in shown),
        )
    ]
    if facts:
        parts.append(
            _table(
                _caption("most supported facts", min(len(facts), MOST_FACTS), len(facts)),
                ("head", "relation", "tail", "support"),
                map(_fact, facts[:MOST_FACTS]),
            )
        )
    whole = Markup('<div class="relscout"><style>{}</style><p>{}</p>{}</div>').format(
        Markup(_STYLE),  # noqa: S704 - our own text
        lead,
        Markup("").join(parts),
    )
    return str(whole)


def _caption(what: str, shown: int, total: int) -> str:
    return f"All {what}" if shown == total else f"{shown} {what} of {total:,}"


def _table(caption: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Markup:
    """Return a table; columns of numbers are those named ``size``, ``sure`` and ``support``."""
    of_numbers = [name in ("size", "sure", "support") for name in columns]
    head = Markup("").join(_cell("th", *each) for each in zip(columns, of_numbers, strict=True))
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(_cell("td", *each) for each in zip(row, of_numbers, strict=True))
        )
        for row in rows
    )
    return Markup("<table><caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(
        caption, head, body
    )


def _cell(tag: str, content: str, is_number: bool) -> Markup:
    opening = {("th", True): '<th class="n">', ("th", False): "<th>", ("td", True): '<td class="n">'}
    begin, end = opening.get((tag, is_number), "<td>"), f"</{tag}>"
    return Markup(begin) + escape(content) + Markup(end)  # noqa: S704 - our own tags


def _relation(relation: Relation, examples: Iterable[RelationInstance]) -> tuple[str, ...]:
    sentences = Markup("").join(Markup("<div>{}</div>").format(_sentence(each)) for each in examples)
    return _name(relation.name), f"{relation.size:,}", f"{relation.confidence:.0%}", sentences


def _fact(fact: Fact) -> tuple[str, ...]:
    return _name(fact.head.name), _name(fact.relation), _name(fact.tail.name), f"{fact.support:,}"


def _sentence(instance: RelationInstance) -> Markup:
    return Markup("").join(
        Markup('<mark class="{}">{}</mark>').format(piece.role, piece.text) if piece.role else piece.text
        for piece in pieces(instance, longest=LONGEST_SENTENCE)
    )


def _name(text: str) -> str:
    return shortened(visible(text), LONGEST_NAME)
