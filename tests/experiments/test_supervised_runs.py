"""Presets whose relations are given, run on small data with learners that take no time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.encoders.saved import save_encoder
from relscout.lab.learners import LEARNERS, Learner
from relscout.lab.preset import preset
from relscout.lab.records import current_records, read_records
from relscout.lab.runner import run_preset


@dataclass(frozen=True)
class VerbSettings:
    iterations: int = 0
    rate: float = 0.1


class Score(NamedTuple):
    accuracy: float
    standard_error: float = 0.01
    warnings: tuple[str, ...] = ("left out",)


class Verbs:
    """Knows a relation by the verb between the mentions, as training had it; else it says what is first by name."""

    told = []

    def __init__(self, encoder=None, *, seed=0, **settings):
        self.encoder, self.seed, self._settings = encoder, seed, settings
        self.report_ = {"warnings": []}

    def fit(self, train, dev=None, *, progress, checkpoints):
        if self._settings.get("rate") == 0.9 and not checkpoints.exists():
            checkpoints.mkdir()
            (checkpoints / "epoch").touch()
            raise KeyboardInterrupt
        self.told.append((None if self.encoder is None else self.encoder.settings, dev))
        self.known = {one.text.split()[1]: str(one.relation) for one in train}
        self.report_ = {"epochs": [1], "warnings": ["a warning"]}
        return self

    def predict(self, instances, *, progress):
        assert all(one.relation is None for one in instances), "gold relations never reach a learner"
        return [self.known.get(one.text.split()[1], min(self.known.values())) for one in instances]

    def evaluate_grid(self, instances, *, ways, shots, episodes, seed, progress):
        assert all(one.relation is not None for one in instances)
        return [Score(few / many) for many in ways for few in shots]

    def settings(self):
        return {"seed": self.seed, "encoder": {}, **self._settings}


@pytest.fixture(autouse=True)
def _learners(monkeypatch):
    for name, kind, reads in (
        ("classifier", "supervised", "encoder"),
        ("cnn", "supervised", "words"),
        ("fewshot", "few-shot", "encoder"),
    ):
        monkeypatch.setitem(
            LEARNERS, name, Learner(kind, f"{__name__}:Verbs", f"{__name__}:VerbSettings", reads)
        )
    monkeypatch.setattr(Verbs, "told", [])


@pytest.fixture(scope="session")
def cache():
    return VectorCache()


@pytest.fixture
def supervised(tiny_bert):
    return {
        "title": "A task",
        "protocols": ["semeval-1", "semeval-10"],
        "encoder": {"model": str(tiny_bert), "marking": "C+M", "pooling": "start"},
        "rows": [
            {"name": "CNN", "method": "cnn"},
            {"name": "OnlyC", "method": "classifier", "encoder": {"marking": "OnlyC"}},
            {"name": "own", "method": "classifier", "encoder": {"model": "given"}},
        ],
        "seeds": [0, 1],
    }


@pytest.fixture
def few_shot(tiny_bert):
    return {
        "title": "Episodes",
        "protocol": "fewshot-dev-A",
        "encoder": {"model": str(tiny_bert), "marking": "C+M", "pooling": "start"},
        "rows": [
            {"name": "frozen", "method": "fewshot", "kind": "frozen", "settings": {"iterations": 0}},
            {"name": "tuned", "method": "fewshot", "settings": {"iterations": 5}},
        ],
        "seeds": [0],
    }


@pytest.fixture
def run(tmp_path, written, cache):
    def run_described(description, data, **options):
        skipped = []
        path = tmp_path / "results.jsonl"
        chosen = preset(written(description))
        fresh = run_preset(chosen, data=data, results=path, cache=cache, on_skip=skipped.append, **options)
        return list(fresh), skipped

    return run_described


def lines(records):
    return [(one["protocol"], one["row"], one["seed"]) for one in records]


def test_every_row_runs_under_every_protocol_and_seed_but_those_that_wait(run, supervised, supervised_data):
    fresh, _ = run(supervised, supervised_data)
    assert lines(fresh) == [
        (protocol, row, seed)
        for protocol in ("semeval-1", "semeval-10")
        for row, seed in [
            ("most frequent relation", None),
            *((row, seed) for seed in (0, 1) for row in ("CNN", "OnlyC")),
        ]
    ]


def test_scores_leave_out_what_is_no_relation(run, supervised, supervised_data):
    frequent, learnt = run(supervised, supervised_data, rows=["most frequent relation", "CNN"], seeds=[0])[0][
        :2
    ]
    assert learnt["scores"]["test"] | {"n_instances": 8, "n_classes": 2} == learnt["scores"]["test"]
    assert learnt["scores"]["test"]["micro_f1"] == 1.0
    # "born" for all eight: right four times, of eight positive predictions and six positive instances
    assert frequent["scores"]["test"]["micro_f1"] == pytest.approx(2 * 4 / (8 + 6))


def test_a_record_tells_what_a_table_asks_for(run, supervised, supervised_data):
    fresh, _ = run(supervised, supervised_data, rows=["OnlyC", "CNN"], seeds=[1])
    of_words, of_encoder = fresh[:2]
    assert of_encoder["encoder"]["marking"] == "OnlyC"
    assert of_encoder["encoder"]["parameters"] > 1000
    assert of_words["encoder"] is None
    told = ("kind", "method", "labeled", "scored", "n_relations")
    assert [of_words[key] for key in told] == ["method", "cnn", 4, 8, 3]
    assert of_words["warnings"] == ["a warning"]
    assert of_words["report"] == {"epochs": [1]}
    assert of_words["seconds"]["total"] >= of_words["seconds"]["fit"]
    assert "seed" not in of_words["settings"]
    assert [None if given is None else given.marking for given, _ in Verbs.told] == [None, "OnlyC"] * 2
    assert all(len(dev) == 4 for _, dev in Verbs.told)


def test_what_was_run_is_not_run_again_and_more_seeds_are_added(run, supervised, supervised_data):
    first, _ = run(supervised, supervised_data, seeds=[0])
    assert run(supervised, supervised_data, seeds=[0]) == ([], first)
    fresh, _ = run(supervised, supervised_data, seeds=range(2), rows=["CNN"])
    assert lines(fresh) == [("semeval-1", "CNN", 1), ("semeval-10", "CNN", 1)]


def test_other_training_data_is_another_run_of_that_protocol_only(run, supervised, supervised_data):
    run(supervised, supervised_data, rows=["CNN"])
    file = supervised_data / "semeval/train_0.01.txt"
    file.write_text(file.read_text().replace("town0", "town99"))
    fresh, _ = run(supervised, supervised_data, rows=["CNN"])
    assert {one["protocol"] for one in fresh} == {"semeval-1"}


def test_an_interrupted_run_goes_on_and_says_so(run, supervised, supervised_data, tmp_path):
    supervised["rows"][0]["settings"] = {"rate": 0.9}
    with pytest.raises(KeyboardInterrupt):
        run(supervised, supervised_data, rows=["CNN"], seeds=[0])
    assert len(list(tmp_path.glob("results-*.partial/epoch"))) == 1
    with pytest.raises(KeyboardInterrupt):  # under the other protocol
        run(supervised, supervised_data, rows=["CNN"], seeds=[0])
    (done,) = read_records(tmp_path / "results.jsonl")
    assert done["warnings"][0].startswith("went on after an interruption")
    assert len(list(tmp_path.glob("results-*.partial"))) == 1, "what is done leaves nothing behind"


def test_a_row_without_an_encoder_runs_with_the_encoder_that_is_given(
    run, supervised, supervised_data, tiny_bert, tmp_path
):
    fresh, _ = run(supervised, supervised_data, rows=["own"], seeds=[0], encoder=str(tiny_bert))
    assert [one["encoder"]["model"] for one in fresh] == [str(tiny_bert)] * 2
    other, _ = run(supervised, supervised_data, rows=["own"], seeds=[0], encoder="minilm")
    assert len(other) == 2
    # what two encoders gave is never averaged
    kept = current_records(read_records(tmp_path / "results.jsonl"))
    assert [one["encoder"]["model"] for one in kept if one["row"] == "own"] == ["minilm"] * 2


@pytest.fixture
def several(supervised):
    """A preset whose rows take two encoders by their names, and one without a name."""
    named = [
        {"name": name, "method": "classifier", "encoder": {"model": f"given:{name}"}}
        for name in ("mtb", "cp")
    ]
    return {**supervised, "protocols": ["semeval-1"], "rows": [*supervised["rows"], *named], "seeds": [0]}


def test_rows_take_the_encoders_of_their_names(run, several, supervised_data, tiny_bert, tmp_path):
    settings = EncoderSettings(model=str(tiny_bert), marking="C+M", pooling="start")
    layer = "encoder.layer.0.output.dense.weight"
    weights = {layer: 2 * TransformerEncoder(settings).model.state_dict()[layer].numpy()}
    save_encoder(tmp_path / "learnt", TransformerEncoder(settings, weights=weights), made={})
    given = {"mtb": str(tiny_bert), "cp": str(tmp_path / "learnt")}
    fresh, _ = run(several, supervised_data, encoder=given)
    assert {one["row"]: one["encoder"]["model"] for one in fresh if one["row"] in given} == given
    assert "own" not in {one["row"] for one in fresh}, "it waits for the encoder without a name"
    again, _ = run(several, supervised_data, encoder={"": "minilm", **given})
    assert [(one["row"], one["encoder"]["model"]) for one in again] == [("own", "minilm")]


@pytest.mark.parametrize(
    ("rows", "encoder", "said"),
    [
        (["cp"], {"mtb": "minilm"}, r"row 'cp' needs an encoder; give it \(--encoder cp=DIR\)"),
        (["own"], {"mtb": "minilm"}, r"row 'own' needs an encoder; give it \(--encoder NAME\|DIR\)"),
        (None, {"mbt": "minilm"}, "unknown encoder of preset 'small' 'mbt': did you mean 'mtb'"),
    ],
)
def test_an_encoder_without_a_row_or_a_row_without_an_encoder_is_an_error(
    run, several, supervised_data, rows, encoder, said
):
    with pytest.raises((SettingError, UnknownNameError), match=said):
        run(several, supervised_data, rows=rows, encoder=encoder)


def test_an_encoder_without_a_name_is_no_use_where_all_have_names(run, several, supervised_data):
    several["rows"] = several["rows"][3:]
    with pytest.raises(
        SettingError, match="would not be used; give it as --encoder mtb=DIR or --encoder cp=DIR"
    ):
        run(several, supervised_data, encoder="minilm")


def test_a_score_on_relations_whose_labels_the_encoder_has_seen_says_so(
    run, supervised, supervised_data, tiny_bert, tmp_path
):
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), marking="C+M", pooling="start"))
    save_encoder(tmp_path / "taught", encoder, made={"relations": ["born", "something else"]})
    fresh, _ = run(supervised, supervised_data, rows=["own"], seeds=[0], encoder=str(tmp_path / "taught"))
    noted = [text for text in fresh[0]["warnings"] if "has learnt 1 of the" in text]
    assert len(noted) == 1
    clean, _ = run(supervised, supervised_data, rows=["OnlyC"], seeds=[0])
    assert not any("has learnt" in text for text in clean[0]["warnings"])


def test_a_row_without_an_encoder_is_not_run_without_an_encoder(run, supervised, few_shot, supervised_data):
    with pytest.raises(SettingError, match=r"row 'own' needs an encoder; give it \(--encoder"):
        run(supervised, supervised_data, rows=["own"])
    with pytest.raises(
        SettingError, match="no row of preset 'small' needs an encoder, so 'minilm' would not"
    ):
        run(few_shot, supervised_data, encoder="minilm")


def test_episodes_are_scored_of_each_kind(run, few_shot, transfer_data):
    guessed, frozen, tuned = run(few_shot, transfer_data)[0]
    assert [(one["row"], one["kind"]) for one in (guessed, frozen)] == [
        ("chance", "trivial"),
        ("frozen", "frozen"),
    ]
    accuracies = {name: scores["accuracy"] for name, scores in tuned["scores"].items()}
    assert accuracies == {
        "5-way-1-shot": 0.2,
        "5-way-5-shot": 1.0,
        "10-way-1-shot": 0.1,
        "10-way-5-shot": 0.5,
    }
    assert guessed["scores"]["10-way-5-shot"]["accuracy"] == 0.1
    assert (guessed["labeled"], frozen["labeled"], tuned["labeled"]) == (0, 0, 16)
    assert len(Verbs.told) == 1, "what is frozen is not fitted"
    assert frozen["warnings"] == ["left out"]
    assert all(scores["episodes"] >= 2000 for scores in tuned["scores"].values())


def test_missing_data_of_any_protocol_is_told_before_anything_is_written(
    run, supervised, supervised_data, tmp_path
):
    (supervised_data / "semeval/train_0.1.txt").unlink()
    with pytest.raises(InputError, match=r"'semeval-10' needs .*relscout datasets get semeval"):
        run(supervised, supervised_data)
    assert not (tmp_path / "results.jsonl").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "semeval-1"}, "'protocol' and 'protocols' are given"),
        ({"protocols": ["semeval-1", "fewshot"]}, "'semeval-1' is supervised and 'fewshot' is few-shot"),
        ({"protocols": ["semeval-1", "semeval-5"]}, "protocols: unknown protocol 'semeval-5'"),
        ({"protocols": ["bundled"]}, "a preset for discovery has one protocol"),
        ({"n_relations": "gold"}, r"rows\[0\] \(CNN\): n_relations is for discovery"),
        ({"figures": [{"kind": "losses"}]}, "has no figures"),
        ({"settings": {"kmeans": {}}}, "settings, kmeans: unknown supervised method 'kmeans'"),
        ({"settings": {"cnn": {"rat": 1}}}, "unknown setting 'rat': did you mean 'rate'"),
        ({"rows": [{"name": "x", "method": "fewshot"}]}, "unknown supervised method 'fewshot'"),
        ({"rows": [{"name": "x", "method": "cnn", "kind": "frozen"}]}, "a frozen row is not trained"),
        ({"rows": [{"name": "x", "method": "cnn", "kind": "supervised"}]}, "a supervised row is for discovery"),
        ({"rows": [{"name": "most frequent relation", "method": "cnn"}]}, "two rows have the name"),
        ({"published": [{"row": "CNN", "source": "x", "b3_f1": 1}]}, "unknown key 'b3_f1'"),
        ({"published": [{"row": "CNN", "source": "x", "scoring": "raw", "semeval-1": 1}]}, "applies to discovery only"),
        ({"sweep": {"setting": "labeled.share", "values": [0.5], "rows": ["CNN"]}}, "and this row gets none"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(written, supervised, changes, said):
    with pytest.raises(SettingError, match=said):
        preset(written({**supervised, **changes}))


def test_discovery_needs_a_named_encoder(written, description):
    description["encoder"]["model"] = "given"
    with pytest.raises(SettingError, match="row 'plain' has no encoder"):
        preset(written(description))
