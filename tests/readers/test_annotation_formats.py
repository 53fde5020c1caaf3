"""The formats of annotation tools and of the field: each is recognised, read, and names the place of what is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import FORMATS, read, reader, recognise
from relscout.io.readers.source import Source

from .annotations import CONLLU, FILES, MIXED, RECORDS, TYPE_SYSTEM, WEBANNO, XMI

UNTYPED = {"casrel", "trex"}


def saved(tmp_path: Path, content: Any, name: str = "input") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def facts(path: Path, **options: Any) -> list[tuple[str, str | None, str]]:
    return [(one.head_text, one.relation, one.tail_text) for one in read(path, **options)]


def errors(path: Path, **options: Any) -> list[RecordError]:
    skipped: list[RecordError] = []
    list(read(path, on_error="skip", on_skip=skipped.append, **options))
    return skipped


def changed(name: str, **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(RECORDS[name]), **changes}


IN = [("Ina Roth", "lives_in", "Graz")]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_by_one_format_and_read(tmp_path: Path, name: str) -> None:
    expected, content = FILES[name]
    path = saved(tmp_path, content)
    assert [one for one in FORMATS if reader(one).sniff(Source(path))] == [expected]
    (found,) = read(path)
    assert (found.head_text, found.relation, found.tail_text) == IN[0]
    assert found.type_pair == ((None, None) if expected in UNTYPED else ("PER", "LOC"))


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize(
    "container", ["list", "pretty list", "lines", "pretty objects", "parquet", "datasets"]
)
def test_a_record_is_read_alike_in_whatever_holds_it(tmp_path: Path, name: str, container: str) -> None:
    if container in ("parquet", "datasets") and name in MIXED:
        pytest.skip("Arrow has no lists of numbers and strings")
    record = RECORDS[name]
    (expected,) = read(saved(tmp_path, [record]))
    path = tmp_path / "held"
    both = [record, record]
    match container:
        case "list" | "pretty list":
            saved(tmp_path, json.dumps(both, indent=2 if container == "pretty list" else None), "held")
        case "lines" | "pretty objects":
            indent = 1 if container == "pretty objects" else None
            saved(tmp_path, "\n".join(json.dumps(one, indent=indent) for one in both), "held")
        case "parquet":
            pq.write_table(pa.Table.from_pylist(both), path)
        case "datasets":
            dataset(path, both)
    assert recognise(Source(path)) == name
    found = list(read(path))
    assert [(one.text, one.head, one.tail, one.relation) for one in found] == [
        (expected.text, expected.head, expected.tail, expected.relation)
    ] * 2


def dataset(folder: Path, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> None:
    """Write a folder as save_to_disk of Hugging Face datasets does."""
    folder.mkdir()
    table = pa.Table.from_pylist(rows, schema=schema)
    arrow = str(folder / "data-00000-of-00001.arrow")
    with pa.OSFile(arrow, "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]})
    )
    (folder / "dataset_info.json").write_text("{}")


def test_class_labels_of_a_dataset_are_named(tmp_path: Path) -> None:
    features = {"relation": {"names": ["born_in", "lives_in"], "_type": "ClassLabel"}}
    schema = pa.schema(
        [("text", pa.string()), ("head", pa.string()), ("tail", pa.string()), ("relation", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    row = {"text": "Ina Roth lives in Graz.", "head": "Ina Roth", "tail": "Graz", "relation": 1}
    dataset(tmp_path / "set", [row], schema)
    assert recognise(Source(tmp_path / "set")) == "parquet"
    assert facts(tmp_path / "set") == IN


def test_several_splits_are_named_and_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for split in ("train", "test"):
        dataset(tmp_path / "all" / split, [RECORDS["doccano"]])
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(InputError, match=r"several splits \(train, test\).*all/train"):
        read(tmp_path / "all")
    assert facts(tmp_path / "all" / "test") == IN
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["test"]}')
    assert facts(tmp_path / "all") == IN


@pytest.mark.parametrize(
    "state", ["{", "[]", '{"_data_files": [{"filename": "../x.arrow"}]}', '{"_data_files": []}']
)
def test_a_damaged_folder_of_a_dataset_is_an_error(tmp_path: Path, state: str) -> None:
    dataset(tmp_path / "set", [RECORDS["doccano"]])
    (tmp_path / "set" / "state.json").write_text(state)
    with pytest.raises(InputError, match="set"):
        list(read(tmp_path / "set"))


@pytest.mark.parametrize("name", ["doccano", "pubannotation", "casrel", "label-studio"])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_record_with_the_text_of_a_book_is_recognised(
    tmp_path: Path, name: str, indent: int | None
) -> None:
    record = changed(name)
    (record["data"] if name == "label-studio" else record)["text"] += " So it goes." * 10_000
    path = saved(tmp_path, json.dumps([record], indent=indent))
    assert recognise(Source(path)) == name
    assert facts(path) == IN


#: Format → a change that makes its record wrong, the place of the error, and a part of its text.
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("label-studio", {"data": {"text": "Ina"}}, "line 2, annotations[0], result[2]", "does not fit the text"),
    (
        "label-studio",
        {"annotations": [{"result": 3}]},
        "line 2, annotations[0]",
        "'result' is a whole number",
    ),
    ("doccano", {"text": 7}, "line 2", "'text' is a whole number"),
    (
        "doccano",
        {"relations": [{"from_id": 4, "to_id": 9, "type": "x"}]},
        "line 2, relations[0]",
        "the tail is 9",
    ),
    ("prodigy", {"relations": [{"head": 1, "child": 7, "label": "x"}]}, "line 2, relations[0]", "'token 7'"),
    ("prodigy", {"spans": "none"}, "line 2", "'spans' is a string"),
    ("pubannotation", {"denotations": []}, "line 2, relations[0]", "the head is 'T1'"),
    (
        "scierc",
        {"relations": [[[0, 0, 99, 99, "x"]]]},
        "line 2, relations[0][0]",
        "does not fit the document's 9 tokens",
    ),
    ("scierc", {"sentences": [["a"], "b"]}, "line 2", "sentences[1] is no list of strings"),
    (
        "glirel",
        {"relations": [{"head": {"position": [0, 9]}, "tail": {}}]},
        "line 2, relations[0]",
        "head token span",
    ),
    (
        "casrel",
        {"triple_list": [["Ina Roth", "in", "Linz"]]},
        "line 2, triple_list[0]",
        "'Linz' does not occur",
    ),
    (
        "casrel",
        {"triple_list": [["Ina Roth", "Graz"]]},
        "line 2, triple_list[0]",
        "expected a triple of strings",
    ),
    ("duie", {"spo_list": [{"subject": "Ina"}]}, "line 2, spo_list[0]", "'predicate' is missing"),
    ("bioc", {"passages": [{"offset": 0, "text": "Ina"}]}, "line 2, relations[0]", "which is no annotation"),
    ("trex", {"triples": [{"predicate": {"uri": "x"}}]}, "line 2, triple 1", "'subject' is missing"),
    ("docred", {"labels": [{"r": "x", "h": 0, "t": 5}]}, "line 2, labels[0]", "'t' is 5"),
]


@pytest.mark.parametrize(("name", "changes", "place", "reason"), WRONG)
def test_a_wrong_record_is_an_error_at_its_place_and_the_others_are_read(
    tmp_path: Path, name: str, changes: dict[str, Any], place: str, reason: str
) -> None:
    good = RECORDS[name]
    path = saved(tmp_path, "\n".join(map(json.dumps, [good, changed(name, **changes), good])))
    (error,) = errors(path)
    assert error.place == place
    assert reason in error.reason
    assert facts(path, on_error="skip") == IN * 2


@pytest.mark.parametrize(
    ("name", "old", "new", "place"),
    [
        ("webanno-tsv", "18-22\tGraz", "19-23\tGraz", "line 12"),
        ("webanno-tsv", "1-1[1_0]", "1-3[1_0]", "line 12"),
        ("webanno-tsv", "1-4\t15-17\tin", "1-4 15", "line 11"),
        ("conll04", "0\t3\tlives_in", "0\t2\tlives_in", "line 6"),
        ("conll04", "0\t3\tlives_in", "0\t3", "line 6"),
        ("conll04 of multi-head models", "[4]\n2", "[4, 5]\n2", "line 3"),
        ("conllu", "lives_in:5", "lives_in:4", "line 3, word 1"),
        ("conllu", "4\tin\t_", "4\tin", "line 6"),
        ("bioc", 'refid="T2"', 'refid="T7"', "document 1, passages[0].relations[0]"),
        ("bioc", 'offset="23"', 'offset="x"', "document 1"),
        ("bioc", "</document>", "</doc>", "document 1"),
    ],
)
def test_a_wrong_line_is_an_error_at_its_place(
    tmp_path: Path, name: str, old: str, new: str, place: str
) -> None:
    content = FILES[name][1]
    assert old in content
    with pytest.raises(RecordError) as caught:
        list(read(saved(tmp_path, content.replace(old, new))))
    assert caught.value.place == place


def only(path: Path) -> RelationInstance:
    (found,) = read(path)
    return found


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("left", [("Graz", "lives_in", "Ina Roth")]),
        ("bi", [*IN, ("Graz", "lives_in", "Ina Roth")]),
        (None, IN),
    ],
)
def test_label_studio_has_directions(tmp_path: Path, direction: str | None, expected: Any) -> None:
    record = changed("label-studio")
    record["annotations"][0]["result"][2]["direction"] = direction
    assert facts(saved(tmp_path, [record])) == expected


def test_label_studio_gives_each_label_and_none(tmp_path: Path) -> None:
    record = changed("label-studio")
    relation = record["annotations"][0]["result"][2]
    relation["labels"] = ["lives_in", "works_in"]
    assert [one[1] for one in facts(saved(tmp_path, [record]))] == ["lives_in", "works_in"]
    relation["labels"] = []
    assert [one[1] for one in facts(saved(tmp_path, [record]))] == [None]


def test_label_studio_counts_what_two_people_annotated_once_and_leaves_out_the_cancelled(
    tmp_path: Path,
) -> None:
    record = changed("label-studio")
    other = copy.deepcopy(record["annotations"][0])
    other["result"][2]["labels"] = ["lives_in", "works_in"]
    cancelled = {"was_cancelled": True, "result": [3]}
    record["annotations"] += [cancelled, other]
    assert [one[1] for one in facts(saved(tmp_path, [record]))] == ["lives_in", "works_in"]


def test_label_studio_predictions_count_where_nobody_annotated(tmp_path: Path) -> None:
    record = changed("label-studio")
    record["predictions"], record["annotations"] = record["annotations"], []
    assert facts(saved(tmp_path, [record])) == IN


def test_label_studio_offsets_in_utf_16_are_recognised_by_the_surface(tmp_path: Path) -> None:
    record = changed("label-studio")
    record["data"]["text"] = "😀" + record["data"]["text"]
    for region in record["annotations"][0]["result"][:2]:
        region["value"]["start"] += 2
        region["value"]["end"] += 2
    assert only(saved(tmp_path, [record])).head.start == 1


def test_label_studio_json_min_gives_pairs_of_unknown_relation(tmp_path: Path) -> None:
    regions = [
        {"start": 0, "end": 8, "text": "Ina Roth", "labels": ["PER"]},
        {"start": 18, "end": 22, "text": "Graz", "labels": ["LOC"]},
    ]
    path = saved(tmp_path, [{"id": 1, "text": "Ina Roth lives in Graz.", "label": regions, "annotator": 1}])
    assert recognise(Source(path)) == "label-studio"
    assert facts(path) == [("Ina Roth", None, "Graz")]


@pytest.mark.parametrize(
    "entities", [{"label": [[0, 8, "PER"], [18, 22, "LOC"]]}, {"entities": RECORDS["doccano"]["entities"]}]
)
def test_doccano_without_relations_gives_pairs_of_unknown_relation(
    tmp_path: Path, entities: dict[str, Any]
) -> None:
    path = saved(tmp_path, {"id": 1, "text": "Ina Roth lives in Graz.", **entities})
    assert recognise(Source(path)) == "doccano"
    assert facts(path) == [("Ina Roth", None, "Graz")]


def test_a_text_that_was_judged_to_have_no_relation_gives_none(tmp_path: Path) -> None:
    for name in ("doccano", "pubannotation", "prodigy", "scierc", "glirel"):
        assert facts(saved(tmp_path, [changed(name, relations=[])])) == []


def test_prodigy_leaves_out_what_was_rejected_and_finds_the_spans_of_tokens(tmp_path: Path) -> None:
    assert facts(saved(tmp_path, [changed("prodigy", answer="reject")])) == []
    bare = changed("prodigy", relations=[{"head": 0, "child": 4, "label": "lives_in"}])
    assert facts(saved(tmp_path, [bare])) == IN


def test_scierc_reads_relations_across_sentences_and_predictions(tmp_path: Path) -> None:
    across = changed("scierc", relations=[[[0, 0, 7, 7, "wets"]]])
    found = only(saved(tmp_path, [across]))
    assert (found.text, found.head_text) == ("Rain fell . Ina Roth lives in Graz .", "Rain")
    predicted = changed("scierc")
    predicted["predicted_relations"] = [[[3, 4, 7, 7, "lives_in", 0.9, 0.8]]]
    del predicted["relations"]
    assert facts(saved(tmp_path, [predicted])) == IN


def test_glirel_positions_with_an_exclusive_end_are_recognised_by_the_mention(tmp_path: Path) -> None:
    record = changed("glirel")
    record["relations"][0]["head"]["position"] = [0, 2]
    record["relations"][0]["tail"]["position"] = [4, 5]
    assert facts(saved(tmp_path, [record])) == IN


@pytest.mark.parametrize(
    ("text", "head", "tail", "starts"),
    [
        ("Rome, Ann: in Rome.", "Ann", "Rome", (6, 0)),
        ("Annual Ann of Rome", "Ann", "Rome", (7, 14)),
        ("Porto Brill lies east of Porto.", "Porto Brill", "Porto", (0, 25)),
        ("University of Paris", "University of Paris", "Paris", (0, 14)),
        ("ANN of Rome", "Ann", "Rome", (0, 7)),
        ("Ann met Ann", "Ann", "Ann", (0, 8)),
        ("北京大学在北京", "北京大学", "北京", (0, 5)),
    ],
)
def test_strings_are_located_at_the_nearest_whole_words(
    tmp_path: Path, text: str, head: str, tail: str, starts: tuple[int, int]
) -> None:
    found = only(saved(tmp_path, [{"text": text, "triple_list": [[head, "r", tail]]}]))
    assert (found.head.start, found.tail.start) == starts


def test_casrel_of_nyt10_has_types(tmp_path: Path) -> None:
    record = {
        "sentText": "Ina Roth lives in Graz.",
        "relationMentions": [{"em1Text": "Ina Roth", "em2Text": "Graz", "label": "lives_in"}],
        "entityMentions": [{"start": 0, "label": "PER", "text": "Ina Roth"}],
    }
    assert only(saved(tmp_path, record)).type_pair == ("PER", None)


def test_duie_gives_an_instance_for_each_part_of_an_object(tmp_path: Path) -> None:
    triple = {
        "subject": "Ina",
        "predicate": "票房",
        "object": {"@value": "Roth", "inArea": "Graz", "period": ""},
    }
    path = saved(tmp_path, [changed("duie", spo_list=[triple])])
    assert facts(path) == [("Ina", "票房", "Roth"), ("Ina", "票房/inArea", "Graz")]


def test_bioc_takes_the_nearest_annotations_of_entities_that_a_relation_identifies(tmp_path: Path) -> None:
    record = changed(
        "bioc", relations=[{"infons": {"relation": "CID", "Chemical": "D1", "Disease": "D2"}, "nodes": []}]
    )
    for annotation, entity in zip(record["passages"][0]["annotations"], ("MESH:D1", "D2"), strict=True):
        annotation["infons"]["identifier"] = entity
    assert facts(saved(tmp_path, {"documents": [record]})) == [("Ina Roth", "CID", "Graz")]


def test_docred_reads_labels_across_sentences(tmp_path: Path) -> None:
    record = changed("docred", sents=[["Ina", "Roth", "."], ["She", "left", "."], ["In", "Graz", "."]])
    record["vertexSet"][1][0] |= {"sent_id": 2, "pos": [1, 2]}
    record["labels"][0]["evidence"] = [0, 2]
    found = only(saved(tmp_path, [record]))
    assert (found.text, found.tail_text) == ("Ina Roth. She left. In Graz.", "Graz")
    record["labels"][0]["evidence"] = []
    assert facts(saved(tmp_path, [record])) == IN


def test_docred_of_hugging_face_has_labels_in_columns(tmp_path: Path) -> None:
    labels = {
        "head": [0],
        "tail": [1],
        "relation_id": ["lives_in"],
        "relation_text": ["x"],
        "evidence": [[0]],
    }
    assert facts(saved(tmp_path, [changed("docred", labels=labels)])) == IN


def test_webanno_escapes_stacks_and_counts_utf_16(tmp_path: Path) -> None:
    content = """#FORMAT=WebAnno TSV 3.2
#T_SP=custom.Span|label
#T_RL=custom.Rel|label|BT_custom.Span

#Text=😀 A\\\\b \\[x
1-1\t0-2\t😀\t_\t_\t_\t
1-2\t3-6\tA\\\\b\tPER[1]|ORG\\|X[2]\t_\t_\t
1-3\t7-9\t\\[x\tLOC\tin|at\t1-2[1_0]|1-2[2_0]\t
"""
    first, second = read(saved(tmp_path, content))
    assert (first.text, first.head_text, first.tail_text) == ("😀 A\\b [x", "A\\b", "[x")
    assert [(one.head.type, one.relation) for one in (first, second)] == [("PER", "in"), ("ORG|X", "at")]


def test_webanno_without_a_layer_of_relations_gives_pairs(tmp_path: Path) -> None:
    lines = [line for line in WEBANNO.split("\n") if not line.startswith("#T_RL")]
    assert facts(saved(tmp_path, "\n".join(lines))) == [("Ina Roth", None, "Graz")]


def test_conllu_without_relations_gives_pairs_of_a_sentence(tmp_path: Path) -> None:
    rows = [
        "1-2\tIm\t_\t_\t_\t_\t_\t_\t_\t_",
        "1\tIn\t_\t_\t_\t_\t3\t_\t_\t_",
        "2\tdem\t_\t_\t_\t_\t3\t_\t_\t_",
        "3\tTal\t_\t_\t_\t_\t0\t_\t_\tNER=B-LOC",
        "3.1\twar\t_\t_\t_\t_\t_\t_\t_\t_",
        "4\tIna\t_\t_\t_\t_\t3\t_\t_\tNER=B-PER",
        "5\tRoth\t_\t_\t_\t_\t4\t_\t_\tNER=I-PER|SpaceAfter=No",
        "6\t.\t_\t_\t_\t_\t3\t_\t_\tNER=O",
    ]
    found = only(saved(tmp_path, "\n".join(rows) + "\n"))
    assert (found.text, found.head_text, found.tail_text) == ("Im Tal Ina Roth.", "Tal", "Ina Roth")


def test_conllu_takes_the_type_that_the_header_names(tmp_path: Path) -> None:
    rows = [
        "# global.Entity = eid-minspan-etype",
        "1\tIna\t_\t_\t_\t_\t0\t_\t_\tEntity=(e1-1-person)",
        "2\tGraz\t_\t_\t_\t_\t1\t_\t_\tEntity=(e2-1-place)",
    ]
    assert only(saved(tmp_path, "\n".join(rows))).type_pair == ("person", "place")


@pytest.mark.parametrize("given", ["folder", "file"])
def test_xmi_is_read_with_the_type_system_next_to_it(tmp_path: Path, given: str) -> None:
    saved(tmp_path, TYPE_SYSTEM, "TypeSystem.xml")
    path = saved(tmp_path, XMI, "doc.xmi")
    found = only(tmp_path if given == "folder" else path)
    assert (found.head_text, found.relation, found.tail_text) == IN[0]
    assert found.type_pair == ("PER", "LOC")


def test_xmi_without_its_type_system_or_damaged_is_an_error(tmp_path: Path) -> None:
    path = saved(tmp_path, XMI, "doc.xmi")
    with pytest.raises(InputError, match=r"expected TypeSystem\.xml"):
        list(read(path))
    saved(tmp_path, TYPE_SYSTEM, "TypeSystem.xml")
    saved(tmp_path, XMI[:-30], "doc.xmi")
    with pytest.raises(RecordError, match="not a UIMA CAS"):
        list(read(path))


def test_rows_of_a_table_may_be_json_lines(tmp_path: Path) -> None:
    row = {"text": "Ina Roth lives in Graz.", "head": "Ina Roth", "tail": "Graz", "relation": "lives_in"}
    assert facts(saved(tmp_path, row)) == IN


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('[{"text": "a", "entities": [{"id": 1, "begin": 0}]}]', r"doccano \(missing: label\)|jsonl"),
        (
            '{"tokenised_text": [], "ner": [], "relations": [{"head": {"position": []}}]}',
            r"glirel \(missing: tokenized_text",
        ),
        ("1\tAnn\tNNP\n", r"conllu \(missing: 10 columns, there are 3\)"),
        ("<doc/>", r"bioc \(missing: <collection>"),
    ],
)
def test_an_unknown_format_says_what_it_resembles(tmp_path: Path, content: str, expected: str) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(InputError, match=f"resembles .*{expected}"):
        recognise(Source(path))


def test_a_table_that_lacks_columns_says_which_and_how_to_map_those_it_has(tmp_path: Path) -> None:
    path = saved(tmp_path, "sentence,subj,obj\nAnn in Rome,Ann,Rome\n")
    with pytest.raises(
        InputError, match=r"a table, but no column for 'text'.*the columns are 'sentence', 'subj', 'obj'"
    ) as caught:
        recognise(Source(path))
    assert str(caught.value).endswith(
        f"run: relscout inspect {path} --columns text=sentence,head=subj,tail=obj"
    )
    assert facts(path, columns={"text": "sentence", "head": "subj", "tail": "obj"}) == [("Ann", None, "Rome")]


def test_a_relation_of_webanno_stands_in_the_row_of_its_target_and_names_its_source(tmp_path: Path) -> None:
    # as INCEpTION's guide has it: a stacked target next to a source without a number, several lines, sub-tokens
    layers = "#T_SP=custom.Span|value\n#T_RL=custom.Relation|value|BT_custom.Span\n\n\n"
    document = (
        "#FORMAT=WebAnno TSV 3.3\n" + layers + "#Sentence.id=s1\n#Text=Graz 😀 is\n#Text=Ina's home.\n"
        "1-1\t0-4\tGraz\tLOC\t_\t_\t\n1-2\t5-7\t😀\t_\t_\t_\t\n1-3\t8-10\tis\t_\t_\t_\t\n"
        "1-4\t11-16\tIna's\t_\t_\t_\t\n1-4.1\t11-14\tIna\tPER[1]|HUM[2]\thome\\->of\t1-1[0_2]\t\n"
        "1-5\t17-21\thome\tPLACE\tof|is\t1-4.1[1_0]|1-1\t\n"
    )
    instances = list(read(saved(tmp_path, document)))
    assert [(one.head_text, one.relation, one.tail_text) for one in instances] == [
        ("Graz", "home->of", "Ina"),
        ("Ina", "of", "home"),
        ("Graz", "is", "home"),
    ]
    assert [one.type_pair for one in instances] == [("LOC", "HUM"), ("PER", "PLACE"), ("LOC", "PLACE")]
    assert instances[0].text == "Graz 😀 is\nIna's home."


@pytest.mark.parametrize("skipped", ["was_cancelled", "skipped"])
def test_label_studio_before_2021_has_completions(tmp_path: Path, skipped: str) -> None:
    task = copy.deepcopy(RECORDS["label-studio"])
    completion = task.pop("annotations")[0]
    del completion["was_cancelled"]
    for result in completion["result"]:
        result.pop("labels", None)
    task["completions"] = [
        {"lead_time": 3.2, **completion},
        {**completion, skipped: True, "result": [{"type": "relation"}]},
    ]
    path = saved(tmp_path, [task])
    assert recognise(Source(path)) == "label-studio"
    assert facts(path) == [("Ina Roth", None, "Graz")]


def test_scierc_reads_the_names_of_fields_that_models_write(tmp_path: Path) -> None:
    record = RECORDS["scierc"]
    for names in (
        {"ner": "predicted_ner", "relations": "predicted_relations"},
        {"ner": "ner_with_subtoken", "relations": "relations_with_subtoken"},
    ):
        path = saved(tmp_path, {names.get(name, name): value for name, value in record.items()})
        assert facts(path) == IN


def test_a_relation_of_conllu_names_a_word_or_an_entity_of_its_tail(tmp_path: Path) -> None:
    for tail in ("5", "e2"):
        assert facts(saved(tmp_path, CONLLU.replace("lives_in:5", f"lives_in:{tail}"))) == IN


def test_an_error_is_one_line_of_unicode_whatever_the_record_has_for_names(tmp_path: Path) -> None:
    record = changed("bioc")
    record["passages"][0]["annotations"][0] |= {"id": "T\n1", "locations": []}
    del record["relations"]
    assert [
        "annotation T 1: the annotation has 0 locations" in str(error)
        for error in errors(saved(tmp_path, record))
    ] == [True]
    (error,) = errors(saved(tmp_path, changed("scierc", relations=[["\ud83d\r\n"], []])))
    assert "\n" not in str(error)
    assert str(error).encode().endswith(rb"got \ud83d  ")


def test_predictions_of_a_task_that_a_person_skipped_do_not_count(tmp_path: Path) -> None:
    record = changed("label-studio")
    record["predictions"] = record["annotations"]
    record["annotations"] = [{"was_cancelled": True, "result": []}]
    assert facts(saved(tmp_path, [record, changed("label-studio")])) == IN


def test_the_place_of_an_error_counts_cancelled_annotations(tmp_path: Path) -> None:
    record = changed("label-studio")
    record["annotations"].insert(0, {"was_cancelled": True, "result": []})
    record["annotations"][1]["result"][2]["to_id"] = "nowhere"
    (error,) = errors(saved(tmp_path, [record]))
    assert error.place.startswith("record 1, annotations[1], ")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("kind", "said"),
    [("choices", {"text": "Ina Roth", "choices": ["pleased"]}), ("textarea", {"text": ["a note"]})],
)
def test_what_is_said_about_a_region_of_label_studio_is_not_its_type(
    tmp_path: Path, kind: str, said: dict[str, Any], first: bool
) -> None:
    record = changed("label-studio")
    results = record["annotations"][0]["result"]
    about = {"id": results[0]["id"], "type": kind, "value": {"start": 0, "end": 8, **said}}
    results.insert(0 if first else len(results), about)
    assert only(saved(tmp_path, [record])).type_pair == ("PER", "LOC")


def test_several_labels_of_a_region_are_announced(tmp_path: Path) -> None:
    record = changed("label-studio")
    record["annotations"][0]["result"][0]["value"]["labels"].append("ARTIST")
    notes: list[str] = []
    (found,) = read(saved(tmp_path, [record]), on_warning=notes.append)
    assert found.head.type == "PER"
    assert "1 region with several labels, of which the first is read as the type" in notes[0]


@pytest.mark.parametrize(
    ("name", "field"),
    [("doccano", "entities"), ("pubannotation", "denotations")],
    ids=["doccano", "pubannotation"],
)
def test_an_id_of_two_entities_is_an_error_of_the_relations_that_name_it(
    tmp_path: Path, name: str, field: str
) -> None:
    record = changed(name)
    record[field][1]["id"] = record[field][0]["id"]
    record[field].append({**changed(name)[field][1]})
    (error,) = errors(saved(tmp_path, [record]))
    assert "two entities of this text have this id" in error.reason


def test_a_denotation_may_have_a_list_of_one_span(tmp_path: Path) -> None:
    record = changed("pubannotation")
    record["denotations"][0]["span"] = [record["denotations"][0]["span"]]
    assert facts(saved(tmp_path, record)) == IN


def test_a_convention_that_changes_nothing_is_not_named(tmp_path: Path) -> None:
    record = changed("label-studio")
    record["annotations"][0]["result"][0]["value"]["text"] = "Ida Roth"
    (error,) = errors(saved(tmp_path, [record]))
    assert "--offsets" not in error.reason
