from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest

from relscout.core.instances import Triple
from relscout.io.writers import write

MakeTriple = Callable[..., Triple]
EINSTEIN, ULM = "urn:relscout:entity:Albert%20Einstein", "urn:relscout:entity:Ulm"


def read_back(path: Path) -> nx.MultiDiGraph:
    return nx.read_graphml(path, force_multigraph=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "facts.graphml"


def test_nodes_are_entities_with_label_and_type(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple()], path)
    assert dict(read_back(path).nodes(data=True)) == {
        EINSTEIN: {"label": "Albert Einstein", "type": "PERSON"},
        ULM: {"label": "Ulm", "type": "CITY"},
    }


def test_edges_lead_from_head_to_tail_and_carry_the_sentence(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(instance_id="7", source="a.txt, line 1")], path)
    ((head, tail, content),) = read_back(path).edges(data=True)
    assert (head, tail) == (EINSTEIN, ULM)
    assert content == {
        "label": "was born in",
        "relation_id": 0,
        "confidence": 0.75,
        "polarity": "asserted",
        "sentence": "Albert Einstein was born in Ulm.",
        "head_start": 0,
        "head_end": 15,
        "tail_start": 28,
        "tail_end": 31,
        "instance_id": "7",
        "source": "a.txt, line 1",
    }


def test_it_loads_without_any_option(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(), make_triple(verb="hails from")], path)
    graph = nx.read_graphml(path)
    assert graph.is_directed()
    assert graph.is_multigraph()
    assert graph.number_of_edges(EINSTEIN, ULM) == 2


def test_there_are_as_many_edges_as_triples(path: Path, make_triple: MakeTriple) -> None:
    write((make_triple("Zoë", confidence=number / 9) for number in range(9)), path)
    graph = read_back(path)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (2, 9)


def test_relations_of_the_same_name_stay_apart(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(), make_triple(relation_id=1)], path)
    assert sorted(number for *_, number in read_back(path).edges(data="relation_id")) == [0, 1]


def test_all_types_of_an_entity_are_told_in_one_order(path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(types=("SCIENTIST", None)), make_triple(types=("PERSON", None))], path)
    graph = read_back(path)
    assert graph.nodes[EINSTEIN]["type"] == "PERSON;SCIENTIST"
    assert "type" not in graph.nodes[ULM]


def test_only_what_xml_cannot_hold_is_replaced(path: Path, nasty: str, nasty_triple: Triple) -> None:
    write([nasty_triple], path)
    ((head, _, content),) = read_back(path).edges(data=True)
    # the ranges that XML 1.0 excludes: most control characters, surrogates, two noncharacters
    excluded = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
    assert content["label"] == content["source"] == excluded.sub("\ufffd", nasty)
    assert content["sentence"] == excluded.sub("\ufffd", nasty_triple.instance.text)
    assert content["sentence"][content["tail_start"] : content["tail_end"]] == "Ulm"
    assert read_back(path).nodes[head]["type"] == content["label"]


def test_an_address_with_an_ampersand_is_a_node(path: Path, make_triple: MakeTriple) -> None:
    address = "http://example.org/?a='b'&c=d"
    write([make_triple(ids=(address, None))], path)
    assert address in read_back(path)


def test_no_triples_give_an_empty_directed_graph(path: Path) -> None:
    write([], path)
    graph = nx.read_graphml(path)
    assert graph.is_directed()
    assert len(graph) == 0
