"""What trains the rows of Table 1."""

from __future__ import annotations

from relscout import EncoderSettings, TransformerEncoder
from relscout.finetuning.cnn import CNNClassifier
from relscout.finetuning.supervised import RelationClassifier
from relscout.lab.analysis.table_one import rows_like


def test_classifiers_like_one_differ_in_marking_and_seed_only(tiny_bert):
    start = EncoderSettings(str(tiny_bert), marking="none", pooling="sentence", max_length=40)
    model = RelationClassifier(TransformerEncoder(start), seed=7, epochs=2)
    rows, fingerprint = rows_like(model, cnn=True)
    assert list(rows) == ["CNN", tiny_bert.name]
    made = rows[tiny_bert.name]("OnlyC", 3).settings()
    expected = model.settings()
    assert made == {**expected, "seed": 3, "encoder": {**expected["encoder"], "marking": "OnlyC"}}
    assert fingerprint == model.encoder.fingerprint
    assert rows["CNN"]("OnlyT", 1).settings() == CNNClassifier(seed=1, marking="OnlyT").settings()


def test_a_network_has_others_like_it():
    rows, _ = rows_like(CNNClassifier(seed=7, marking="OnlyM", epochs=3), cnn=True)
    assert list(rows) == ["CNN"]
    assert rows["CNN"]("C+T", 2).settings() == CNNClassifier(seed=2, marking="C+T", epochs=3).settings()
