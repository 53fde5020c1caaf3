"""Table 1 by classifiers that learn by heart what they are shown."""

from __future__ import annotations

import pytest

from relscout.core.errors import InputError
from relscout.lab.analysis.table_one import TableOne, table_one


class ByRule:
    """Answers what its format and seed are told to answer."""

    fits: list[tuple[str, int, int]] = []
    devs: list[int | None] = []

    def __init__(self, format: str, seed: int) -> None:
        self.format, self.seed = format, seed

    def fit(self, train, dev=None, *, progress=None, checkpoints=None):
        ByRule.fits.append((self.format, self.seed, len(train)))
        ByRule.devs.append(None if dev is None else len(dev))
        if stops and self.format == stops[-1]:
            raise KeyboardInterrupt
        return self

    def predict(self, instances, *, progress=None):
        assert all(one.relation is None for one in instances)
        by_word = {"C+M": ("born", "works", "of"), "C+T": ("born", "works"), "OnlyC": ("born",)}
        known = by_word.get(self.format, ())
        wrong = "works" if self.seed == 0 else "Other"
        return [
            next((answer(word) for word in one.text.split() if word in known), wrong) for one in instances
        ]

    def settings(self):
        return {"seed": self.seed, "format": self.format}


def answer(word: str) -> str:
    return {"born": "born", "works": "works", "of": "born"}[word]


stops: list[str] = []


@pytest.fixture(autouse=True)
def fresh():
    ByRule.fits.clear()
    ByRule.devs.clear()
    stops.clear()


@pytest.fixture
def train(said):
    return [
        said("Zoe", phrase, "Rome", name) for phrase, name in (("b", "born"), ("w", "works"), ("v", "Other"))
    ]


def test_scores_and_shares_are_those_of_hand(ten, train):
    table = table_one({"rule": ByRule}, train, ten, seeds=(0, 1))
    assert (table.score, table.formats, table.n_train) == (
        "micro-F1",
        ["C+M", "C+T", "OnlyC", "OnlyM", "OnlyT"],
        3,
    )
    # seed 0 in C+M: right are 4 born, 2 works and "leads" (the guess); wrong are "of Acme" and both visits
    # seed 1: the guess is Other, which is right for the visits, and never a positive
    first, second = 2 * 7 / (10 + 8), 2 * 6 / (7 + 8)
    assert table.scores("rule", "C+M") == pytest.approx([first, second])
    assert table.median("rule", "C+M") == pytest.approx((first + second) / 2)
    assert table.spread("rule", "C+M").std == pytest.approx((second - first) / 2**0.5)
    # C+M is right 7 + 8 times; C+T loses "of Rome" and "of Oslo" with both seeds
    assert table.right_shared("rule", "C+T") == pytest.approx((15 - 4) / 15)
    assert table.wrong_same("rule", "C+T") == pytest.approx(
        3 / 5
    )  # both visits with seed 0, "leads" with seed 1
    assert table.majority == pytest.approx(2 * 4 / (10 + 8))
    assert table.as_dict()["rows"]["rule"]["C+M"]["seeds"] == pytest.approx([first, second], abs=1e-6)


def test_what_is_tested_on_is_not_learnt(ten, train):
    table = table_one({"rule": ByRule}, [*train, ten[0]], ten, seeds=(0,))
    assert {fit[2] for fit in ByRule.fits} == {3}
    assert table.warnings == ("1 of 4 instances to learn from are tested on, too, and were left out",)


def test_what_is_tested_on_chooses_no_epoch(ten, train):
    table = table_one({"rule": ByRule}, train, ten, [*train[:2], *ten[:3]], seeds=(0,))
    assert set(ByRule.devs) == {2}
    told = "3 of 5 instances to choose the epoch on are tested on, too, and were left out"
    assert table.warnings == (told,)
    ByRule.devs.clear()
    table = table_one({"rule": ByRule}, train, ten, ten, seeds=(0,))
    assert set(ByRule.devs) == {None}
    assert table.warnings[1].startswith("no instance is left to choose the epoch on")


def test_the_order_is_told_over_instances_and_seeds():
    gold = ["a", "b"] * 100
    rest = {"C+T": gold, "OnlyM": ["a"] * 200, "OnlyT": ["c"] * 200}
    formats = {"C+M": [gold, gold], **{format: [labels, labels] for format, labels in rest.items()}}
    formats["OnlyC"] = [
        [*gold[:160], *["c"] * 40],
        [*gold[:60], *["c"] * 140],
    ]  # 0.8 and 0.3, about 0.5 of OnlyM
    formats = {format: formats[format] for format in ("C+M", "C+T", "OnlyC", "OnlyM", "OnlyT")}
    told = TableOne(gold, {"row": formats}, (0, 1), 5).order("row")
    assert told.startswith(
        "The scores of row do not contradict the order that the paper reports for TACRED (C+M ≈ C+T > "
    )
    assert "no significant difference: OnlyC and OnlyM." in told
    assert told.endswith("if it is significant over the instances and holds for all 2 seeds.")
    first = {format: seeds[:1] for format, seeds in formats.items()}
    table = TableOne(gold, {"row": first}, (0,), 5)
    assert table.order("row").startswith(
        "The scores of row follow the order that the paper reports for TACRED"
    )
    assert "This is one seed" in table.order("row")
    assert table.as_dict()["order"] == {"row": table.order("row")}


def test_relations_that_are_not_learnt_count_as_mistakes(ten, train):
    (warning,) = table_one({"rule": ByRule}, train[:2], ten, seeds=(0,)).warnings
    assert warning == "2 of 10 instances have a relation that is not learnt ('Other'): mistakes"


def test_an_interrupted_table_goes_on(ten, train, tmp_path):
    stops.append("OnlyC")
    with pytest.raises(KeyboardInterrupt):
        table_one({"rule": ByRule}, train, ten, seeds=(0,), checkpoints=tmp_path)
    stops.clear()
    ByRule.fits.clear()
    table = table_one({"rule": ByRule}, train, ten, seeds=(0,), checkpoints=tmp_path)
    assert [fit[0] for fit in ByRule.fits] == ["OnlyC", "OnlyM", "OnlyT"]
    assert table.as_dict() == table_one({"rule": ByRule}, train, ten, seeds=(0,)).as_dict()
    assert list(tmp_path.iterdir()) == []


def test_unlabelled_data_are_refused(ten, train):
    with pytest.raises(InputError, match="1 of 3 labelled instances have no gold relation"):
        table_one({"rule": ByRule}, [train[0].without_relation(), *train[1:]], ten, seeds=(0,))
    with pytest.raises(InputError, match="1 of 10 instances to test on"):
        table_one({"rule": ByRule}, train, [ten[0].without_relation(), *ten[1:]], seeds=(0,))
