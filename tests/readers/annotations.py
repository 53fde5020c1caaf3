"""One small file of every format of annotation tools and of the field, with what is read of it."""

from __future__ import annotations

import json
from typing import Any

TEXT = "Ina Roth lives in Graz."
TOKENS = ["Ina", "Roth", "lives", "in", "Graz", "."]

#: Records of JSON formats: format → a record of one relation, ``lives_in`` from PER to LOC.
RECORDS: dict[str, dict[str, Any]] = {
    "jsonl": {
        "text": TEXT,
        "head": {"start": 0, "end": 8, "type": "PER"},
        "tail": {"start": 18, "end": 22, "type": "LOC"},
        "relation": "lives_in",
    },
    "opennre": {
        "token": TOKENS,
        "h": {"name": "Ina Roth", "pos": [0, 2], "type": "PER"},
        "t": {"name": "Graz", "pos": [4, 5], "type": "LOC"},
        "relation": "lives_in",
    },
    "tacred": {
        "token": TOKENS,
        "subj_start": 0,
        "subj_end": 1,
        "obj_start": 4,
        "obj_end": 4,
        "subj_type": "PER",
        "obj_type": "LOC",
        "relation": "lives_in",
    },
    "spert": {
        "tokens": TOKENS,
        "entities": [{"type": "PER", "start": 0, "end": 2}, {"type": "LOC", "start": 4, "end": 5}],
        "relations": [{"type": "lives_in", "head": 0, "tail": 1}],
    },
    "docred": {
        "title": "Ina",
        "sents": [TOKENS],
        "vertexSet": [
            [{"name": "Ina Roth", "pos": [0, 2], "sent_id": 0, "type": "PER"}],
            [{"name": "Graz", "pos": [4, 5], "sent_id": 0, "type": "LOC"}],
        ],
        "labels": [{"r": "lives_in", "h": 0, "t": 1, "evidence": [0]}],
    },
    "trex": {
        "docid": "Q1",
        "title": "Ina",
        "text": TEXT,
        "triples": [
            {
                "subject": {"uri": "Q1", "boundaries": [0, 8], "surfaceform": "Ina Roth"},
                "predicate": {"uri": "lives_in", "boundaries": None, "surfaceform": None},
                "object": {"uri": "Q2", "boundaries": [18, 22], "surfaceform": "Graz"},
                "sentence_id": 0,
            }
        ],
    },
    "label-studio": {
        "id": 7,
        "data": {"text": TEXT},
        "annotations": [
            {
                "id": 1,
                "was_cancelled": False,
                "result": [
                    {
                        "id": "a",
                        "type": "labels",
                        "from_name": "label",
                        "to_name": "text",
                        "value": {"start": 0, "end": 8, "text": "Ina Roth", "labels": ["PER"]},
                    },
                    {
                        "id": "b",
                        "type": "labels",
                        "from_name": "label",
                        "to_name": "text",
                        "value": {"start": 18, "end": 22, "text": "Graz", "labels": ["LOC"]},
                    },
                    {
                        "type": "relation",
                        "from_id": "a",
                        "to_id": "b",
                        "direction": "right",
                        "labels": ["lives_in"],
                    },
                ],
            }
        ],
        "predictions": [],
    },
    "doccano": {
        "id": 1,
        "text": TEXT,
        "entities": [
            {"id": 4, "label": "PER", "start_offset": 0, "end_offset": 8},
            {"id": 5, "label": "LOC", "start_offset": 18, "end_offset": 22},
        ],
        "relations": [{"id": 1, "from_id": 4, "to_id": 5, "type": "lives_in"}],
        "Comments": [],
    },
    "prodigy": {
        "text": TEXT,
        "_input_hash": 12,
        "spans": [
            {"start": 0, "end": 8, "token_start": 0, "token_end": 1, "label": "PER"},
            {"start": 18, "end": 22, "token_start": 4, "token_end": 4, "label": "LOC"},
        ],
        "relations": [
            {
                "head": 1,
                "child": 4,
                "head_span": {"start": 0, "end": 8, "token_start": 0, "token_end": 1, "label": "PER"},
                "child_span": {"start": 18, "end": 22, "token_start": 4, "token_end": 4, "label": "LOC"},
                "label": "lives_in",
            }
        ],
        "answer": "accept",
    },
    "pubannotation": {
        "text": TEXT,
        "denotations": [
            {"id": "T1", "span": {"begin": 0, "end": 8}, "obj": "PER"},
            {"id": "T2", "span": {"begin": 18, "end": 22}, "obj": "LOC"},
        ],
        "relations": [{"id": "R1", "subj": "T1", "pred": "lives_in", "obj": "T2"}],
    },
    "scierc": {
        "doc_key": "d1",
        "sentences": [["Rain", "fell", "."], TOKENS],
        "ner": [[], [[3, 4, "PER"], [7, 7, "LOC"]]],
        "relations": [[], [[3, 4, 7, 7, "lives_in"]]],
    },
    "glirel": {
        "tokenized_text": TOKENS,
        "ner": [[0, 1, "PER", "Ina Roth"], [4, 4, "LOC", "Graz"]],
        "relations": [
            {
                "head": {"mention": "Ina Roth", "position": [0, 1], "type": "PER"},
                "tail": {"mention": "Graz", "position": [4, 4], "type": "LOC"},
                "relation_text": "lives_in",
            }
        ],
    },
    "casrel": {"text": TEXT, "triple_list": [["Ina Roth", "lives_in", "Graz"]]},
    "duie": {
        "text": TEXT,
        "spo_list": [
            {
                "subject": "Ina Roth",
                "predicate": "lives_in",
                "object": {"@value": "Graz"},
                "subject_type": "PER",
                "object_type": {"@value": "LOC"},
            }
        ],
    },
    "bioc": {
        "id": "12",
        "infons": {"type": "title"},
        "passages": [
            {
                "offset": 5,
                "infons": {"type": "title"},
                "text": TEXT,
                "annotations": [
                    {
                        "id": "T1",
                        "infons": {"type": "PER"},
                        "text": "Ina Roth",
                        "locations": [{"offset": 5, "length": 8}],
                    },
                    {
                        "id": "T2",
                        "infons": {"type": "LOC"},
                        "text": "Graz",
                        "locations": [{"offset": 23, "length": 4}],
                    },
                ],
                "relations": [],
                "sentences": [],
            }
        ],
        "relations": [
            {
                "id": "R1",
                "infons": {"type": "lives_in"},
                "nodes": [{"refid": "T1", "role": "Arg1"}, {"refid": "T2", "role": "Arg2"}],
            }
        ],
    },
}

#: Formats whose lists mix numbers and strings, which no column of Parquet can.
MIXED = frozenset({"scierc", "glirel"})

WEBANNO = """#FORMAT=WebAnno TSV 3.3
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
#T_RL=webanno.custom.Relation|label|BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity


#Text=Ina Roth lives in Graz.
1-1\t0-3\tIna\tNNP\t*[1]\tPER[1]\t_\t_\t
1-2\t4-8\tRoth\tNNP\t*[1]\tPER[1]\t_\t_\t
1-3\t9-14\tlives\tVBZ\t_\t_\t_\t_\t
1-4\t15-17\tin\tIN\t_\t_\t_\t_\t
1-5\t18-22\tGraz\tNNP\t*\tLOC\tlives\\_in\t1-1[1_0]\t
1-6\t22-23\t.\t.\t_\t_\t_\t_\t
"""

CONLL04 = "\n".join(
    f"5\t{kind}\t{row}\tO\t{tag}\t{word}\tO\tO\tO"
    for row, (kind, tag, word) in enumerate(
        [("PER", "NNP/NNP", "Ina/Roth"), ("O", "VBZ", "lives"), ("O", "IN", "in"), ("LOC", "NNP", "Graz")]
    )
)
CONLL04 += "\n\n0\t3\tlives_in\n\n6\tO\t0\tO\tNN\tRain\tO\tO\tO\n\n\n"

MULTI_HEAD = """#doc 1
0\tIna\tB-PER\t['N']\t[0]
1\tRoth\tI-PER\t['lives_in']\t[4]
2\tlives\tO\t['N']\t[2]
3\tin\tO\t['N']\t[3]
4\tGraz\tB-LOC\t['N']\t[4]
#doc 2
0\tRain\tO\t['N']\t[0]
"""

CONLLU = "# newdoc id = d1\n# text = Ina Roth lives in Graz.\n" + "\n".join(
    f"{number}\t{form}\t_\t_\t_\t_\t{head}\t_\t_\t{misc}"
    for number, form, head, misc in [
        (1, "Ina", 3, "Entity=(e1-PER|Relation=lives_in:5"),
        (2, "Roth", 1, "Entity=e1)"),
        (3, "lives", 0, "_"),
        (4, "in", 5, "_"),
        (5, "Graz", 3, "Entity=(e2-LOC)|SpaceAfter=No"),
        (6, ".", 3, "_"),
    ]
)
CONLLU += "\n\n"

BIOC_XML = """<?xml version="1.0"?><collection><source>x</source><date/><key/><document><id>12</id><passage>
<offset>5</offset><text>Ina Roth lives in Graz.</text>
<annotation id="T1"><infon key="type">PER</infon><location offset="5" length="8"/><text>Ina Roth</text></annotation>
<annotation id="T2"><infon key="type">LOC</infon><location offset="23" length="4"/><text>Graz</text></annotation>
<relation id="R1"><infon key="type">lives_in</infon>
<node refid="T1" role="Arg1"/><node refid="T2" role="Arg2"/></relation>
</passage></document></collection>"""

TYPE_SYSTEM = """<?xml version="1.0" encoding="UTF-8"?>
<typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier"><types>
<typeDescription><name>custom.Span</name><supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>label</name><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
</features></typeDescription>
<typeDescription><name>custom.Relation</name><supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>label</name><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
<featureDescription><name>Governor</name><rangeTypeName>uima.tcas.Annotation</rangeTypeName></featureDescription>
<featureDescription><name>Dependent</name><rangeTypeName>uima.tcas.Annotation</rangeTypeName></featureDescription>
</features></typeDescription></types></typeSystemDescription>"""

XMI = """<?xml version="1.0" encoding="UTF-8"?>
<xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmlns:cas="http:///uima/cas.ecore"
 xmlns:custom="http:///custom.ecore" xmi:version="2.0"><cas:NULL xmi:id="0"/>
<custom:Span xmi:id="2" sofa="1" begin="0" end="8" label="PER"/>
<custom:Span xmi:id="3" sofa="1" begin="18" end="22" label="LOC"/>
<custom:Relation xmi:id="4" sofa="1" begin="18" end="22" label="lives_in" Governor="2" Dependent="3"/>
<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text/plain" sofaString="Ina Roth lives in Graz."/>
<cas:View sofa="1" members="2 3 4"/></xmi:XMI>"""

#: Text files: name → (format, content).
FILES = {
    "webanno-tsv": ("webanno-tsv", WEBANNO),
    "conll04": ("conll04", CONLL04),
    "conll04 of multi-head models": ("conll04", MULTI_HEAD),
    "conllu": ("conllu", CONLLU),
    "bioc": ("bioc", BIOC_XML),
    **{f"{name} record": (name, json.dumps(record)) for name, record in RECORDS.items()},
}
