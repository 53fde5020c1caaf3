from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from relscout.core.errors import InputError, MissingExtraError, OutputError, UnknownNameError
from relscout.lab.figures import DrawnFigure, draw_figures, read_points
from relscout.lab.measuring import write_points
from relscout.lab.schema import Figure, Preset, Published, Row, Sweep
from relscout.lab.summaries import Measured

matplotlib = pytest.importorskip("matplotlib")

SELFORE, FROZEN = Row("SelfORE", "selfore"), Row("frozen", "kmeans", kind="frozen")
SWEEP = Sweep("n_clusters", (10, 250, 1250), ("SelfORE",))
TSNE = Figure("tsne", ("frozen", "SelfORE"))
LOOPS = {
    "loops": [
        {"changed": 0.5, "adaptive_loss": [1.0, 0.5], "classification_loss": [2.0, 1.0]},
        {"changed": 0.1, "adaptive_loss": [0.8, 0.4], "classification_loss": [1.5, 0.7]},
    ]
}


def preset(*figures: Figure, **more: Any) -> Preset:
    return Preset("small", "Small", "bundled", (SELFORE, FROZEN), 10, figures=figures, **more)


def record(row: str = "SelfORE", seed: int = 0, b3: float = 0.5, **more: Any) -> Any:
    """What figures look at in a record."""
    return {
        "preset": "small",
        "row": row,
        "kind": "method",
        "variation": {},
        "seed": seed,
        "protocol": "bundled",
        "scores": {"raw": {"b3_f1": b3}, "majority_mapped": {"b3_f1": b3 + 0.1}},
        "report": {},
        "encoder": None,
        "points": None,
        **more,
    }


def swept(*, seeds: int = 2) -> list[Any]:
    return [
        record(seed=seed, b3=0.4 + 0.01 * seed, variation={"n_clusters": value})
        for value in SWEEP.values
        for seed in range(seeds)
    ]


def draw(chosen: Preset, records: list[Any], folder: Path, kind: str | None = None) -> list[DrawnFigure]:
    return list(draw_figures(Measured(chosen, records), folder, points=folder, kind=kind))


def written(drawn: list[DrawnFigure]) -> list[str]:
    return [file.name for one in drawn for file in one.files]


def texts(path: Path) -> list[str]:
    """All texts of an SVG in which text is text."""
    elements = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own file
    return ["".join(element.itertext()).strip() for element in elements]


def settings() -> dict[str, Any]:
    """Settings of matplotlib; a look at the back end would choose one."""
    return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if "backend" not in name}


@pytest.fixture
def keep_points(tmp_path):
    """Write the points of a run, and return the name of their file."""

    def keep(name: str, vectors: np.ndarray | None = None, gold: list[str] | None = None) -> str:
        random = np.random.default_rng(0)
        points = random.normal(size=(16, 8)) + np.repeat(np.eye(2, 8) * 9, 8, axis=0)
        np.savez(
            tmp_path / name,
            vectors=(points if vectors is None else vectors).astype(np.float16),
            gold=np.array(gold or ["born in"] * 8 + ["$works$ for <x>"] * 8),
            found=np.zeros(16, dtype=np.int64),
        )
        return name

    return keep


def test_all_figures_of_a_preset_are_drawn_as_png_and_svg(tmp_path, keep_points):
    records = [record("frozen", points=keep_points("a.npz")), record(points=keep_points("b.npz")), *swept()]
    drawn = draw(preset(TSNE, Figure("sweep"), sweep=SWEEP), records, tmp_path)
    assert written(drawn) == [
        "small-tsne.png",
        "small-tsne.svg",
        "small-sweep-b3-f1-raw.png",
        "small-sweep-b3-f1-raw.svg",
        "small-sweep-b3-f1-majority-mapped.png",
        "small-sweep-b3-f1-majority-mapped.svg",
    ]
    assert all(one.missing == "" for one in drawn)
    for file in (file for one in drawn for file in one.files):
        start = {".png": b"\x89PNG\r\n", ".svg": b"<?xml "}[file.suffix]
        assert file.read_bytes().startswith(start)


def test_only_figures_of_one_kind_are_drawn_when_asked(tmp_path, keep_points):
    chosen = preset(TSNE, Figure("sweep"), sweep=SWEEP)
    drawn = draw(chosen, [record(points=keep_points("a.npz")), *swept()], tmp_path, "sweep")
    assert {one.kind for one in drawn} == {"sweep"}


def test_the_same_records_give_the_same_bytes(tmp_path, keep_points):
    records = [record("frozen", points=keep_points("a.npz")), *swept()]
    chosen = preset(Figure("tsne", ("frozen",)), Figure("sweep"), sweep=SWEEP)
    first, second = (
        [file.read_bytes() for one in draw(chosen, records, tmp_path) for file in one.files] for _ in range(2)
    )
    assert first == second


def test_a_panel_for_each_row_and_a_colour_for_each_gold_relation(tmp_path, keep_points):
    records = [record("frozen", points=keep_points("a.npz")), record(points=keep_points("b.npz"))]
    (drawn,) = draw(preset(TSNE), records, tmp_path)
    assert sorted(texts(drawn.files[1])) == ["$works$ for <x>", "SelfORE", "born in", "frozen"]


def test_an_earlier_moment_has_a_panel_before_the_last(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    gold = ["x", "y"] * 4
    write_points(
        tmp_path / "a.npz", vectors=vectors, earlier=vectors[:, :2], gold=gold, found=np.zeros(8, np.int64)
    )
    panels = read_points(tmp_path / "a.npz", "RoCORE")
    assert [one.row for one in panels] == ["RoCORE, after pre-training", "RoCORE"]
    assert [one.vectors.shape for one in panels] == [(8, 2), (8, 4)]
    (drawn,) = draw(preset(Figure("tsne", ("SelfORE",))), [record(points="a.npz")], tmp_path)
    assert len(drawn.files) == 2


def test_a_row_without_points_is_told_and_the_others_are_drawn(tmp_path, keep_points):
    (drawn,) = draw(preset(TSNE), [record(points=keep_points("a.npz"))], tmp_path)
    assert drawn.missing == "no points of 'frozen'"
    assert "frozen" not in texts(drawn.files[1])


def test_points_that_are_all_equal_are_drawn(tmp_path, keep_points):
    kept = keep_points("a.npz", np.ones((16, 4)))
    (drawn,) = draw(preset(Figure("tsne", ("SelfORE",))), [record(points=kept)], tmp_path)
    assert len(drawn.files) == 2


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive", b"text"])
def test_damaged_points_are_an_error_that_names_the_file(tmp_path, content):
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz.*run it again"):
        draw(preset(TSNE), [record("frozen", points="a.npz")], tmp_path)


def test_points_without_gold_relations_are_an_error(tmp_path, keep_points):
    kept = keep_points("a.npz", gold=["x"])
    with pytest.raises(InputError, match=r"a\.npz: expected finite vectors"):
        draw(preset(TSNE), [record("frozen", points=kept)], tmp_path)


def test_too_few_points_are_an_error(tmp_path, keep_points):
    kept = keep_points("a.npz", np.eye(3), ["x", "y", "z"])
    with pytest.raises(InputError, match="has 3 points; expected at least 4"):
        draw(preset(TSNE), [record("frozen", points=kept)], tmp_path)


def test_a_sweep_names_its_values_its_rows_and_the_best_published_figure(tmp_path):
    published = tuple(
        Published(row, scoring, "Table 1", {"b3_f1": value})
        for row, scoring, value in (
            ("frozen", "majority-mapped", 31.5),
            ("SelfORE", "majority-mapped", 49.1),
            ("SelfORE", "raw", 41.4),
        )
    )
    (drawn,) = draw(preset(Figure("sweep"), sweep=SWEEP, published=published), swept(), tmp_path)
    raw, mapped = (texts(file) for file in drawn.files if file.suffix == ".svg")
    assert {"10", "250", "1250", "number of clusters", "SelfORE"} <= set(raw)
    assert "published: SelfORE, 41.4" in raw
    assert "published: SelfORE, 49.1" in mapped
    assert not any("31.5" in text or "41.4" in text for text in mapped)


def test_a_sweep_draws_the_accuracy_of_an_open_world(tmp_path):
    records = [one | {"scores": {"open_world": {"novel_accuracy": 0.4}}} for one in swept(seeds=1)]
    drawn = draw(preset(Figure("sweep", score="novel_accuracy"), sweep=SWEEP), records, tmp_path)
    assert written(drawn)[1] == "small-sweep-novel-accuracy-open-world.svg"
    assert "novel acc., open-world (%)" in texts(drawn[0].files[1])


def test_a_sweep_over_names_is_drawn_at_equal_distances(tmp_path):
    records = [record(variation={"start": value}, b3=0.4) for value in ("k-means++", "neighbours", "random")]
    chosen = preset(
        Figure("sweep"), sweep=Sweep("start", ("k-means++", "neighbours", "random"), ("SelfORE",))
    )
    (drawn,) = draw(chosen, records, tmp_path)
    assert {"k-means++", "neighbours", "random", "start"} <= set(texts(drawn.files[1]))


def test_values_that_would_run_into_each_other_are_not_all_named(tmp_path):
    values = (10, 12, 1250)
    records = [record(variation={"n_clusters": value}) for value in values]
    chosen = preset(Figure("sweep"), sweep=Sweep("n_clusters", values, ("SelfORE",)))
    (drawn,) = draw(chosen, records, tmp_path)
    found = texts(drawn.files[1])
    assert {"10", "1250"} <= set(found)
    assert "12" not in found


def test_values_that_were_not_run_are_told(tmp_path):
    (drawn,) = draw(preset(Figure("sweep"), sweep=SWEEP), swept(seeds=1)[:2], tmp_path)
    assert drawn.missing == "no record of 'SelfORE' with n_clusters 1250"
    assert len(drawn.files) == 4


def test_a_row_of_a_sweep_that_was_not_run_stands_in_no_legend(tmp_path):
    both = Sweep("n_clusters", SWEEP.values, ("SelfORE", "frozen"))
    (drawn,) = draw(preset(Figure("sweep"), sweep=both), swept(seeds=1), tmp_path)
    found = texts(drawn.files[1])
    assert "SelfORE" in found
    assert "frozen" not in found


def test_a_sweep_that_the_preset_does_not_have_is_an_error(tmp_path):
    with pytest.raises(InputError, match="'small' has no sweep"):
        draw(preset(), [record()], tmp_path, "sweep")


def test_losses_are_drawn_of_rows_whose_reports_hold_them(tmp_path):
    (drawn,) = draw(preset(), [record(report=LOOPS), record("frozen")], tmp_path, "losses")
    found = texts(drawn.files[1])
    assert {"changed pseudo labels (%)", "loss of the adaptive clustering", "SelfORE"} <= set(found)
    assert "frozen" not in found


@pytest.mark.parametrize(
    ("loop", "title"),
    [
        ({"changed": 0.3}, "changed pseudo labels (%)"),
        ({"changed": None, "adaptive_loss": [1.0]}, "loss of the adaptive clustering"),
        ({"adaptive_loss": [], "classification_loss": 0.4}, "loss of the classification"),
    ],
)
def test_only_curves_that_are_there_have_a_panel(tmp_path, loop, title):
    (drawn,) = draw(preset(), [record(report={"loops": [loop]})], tmp_path, "losses")
    assert sorted(text for text in texts(drawn.files[1]) if "loss" in text or "changed" in text) == [title]


@pytest.mark.parametrize("report", [{}, {"loops": []}, {"loops": None}, {"loops": [{"kl": 1}]}])
def test_reports_without_curves_are_told(tmp_path, report):
    (drawn,) = draw(preset(), [record(report=report)], tmp_path / "new", "losses")
    assert (list(drawn.files), drawn.missing) == ([], "no report holds curves")
    assert not (tmp_path / "new").exists()


PROBES = {
    "neighbours": {"1": 0.9, "5": 0.7},
    "clusters": {
        "largest": [{"relation": "born in", "in_cluster": 9, "in_all": 12}],
        "smallest": [{"relation": "spouse", "in_cluster": 2, "in_all": 3}],
    },
    "sizes": [12, 3],
}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("purity", {"SelfORE", "number of nearest neighbours"}),
        (
            "clusters",
            {"largest cluster", "smallest cluster", "born in", "spouse", "in the cluster", "in all"},
        ),
        ("sizes", {"gold relation, by frequency", "instances", "10"}),
    ],
)
def test_what_was_probed_is_drawn(tmp_path, kind, expected):
    records = [record(seed=seed, probes=PROBES) for seed in (0, 1)]
    (drawn,) = draw(preset(Figure(kind, ("SelfORE",))), records, tmp_path)
    assert expected <= set(texts(drawn.files[1]))
    assert drawn.missing == ""
    (without,) = draw(preset(Figure(kind, ("SelfORE",))), [record()], tmp_path)
    assert not without.files
    assert "no record of 'SelfORE'" in without.missing


def test_a_name_in_a_script_that_the_font_lacks_is_drawn(tmp_path, keep_points):
    kept = keep_points("a.npz", gold=["出生地"] * 16)
    (drawn,) = draw(preset(Figure("tsne", ("SelfORE",))), [record(points=kept)], tmp_path)
    assert "出生地" in texts(drawn.files[1])


def test_the_folder_is_made(tmp_path):
    draw(preset(), [record(report=LOOPS)], tmp_path / "a" / "b", "losses")
    assert (tmp_path / "a" / "b" / "small-losses.svg").is_file()


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        draw(preset(), [record(report=LOOPS)], tmp_path / "file", "losses")


def test_an_unknown_kind_is_an_error_that_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'tsne'"):
        draw(preset(), [record()], tmp_path, "t-sne")


def test_without_matplotlib_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"relscout\[figures\]"):
        draw(preset(), [record(report=LOOPS)], tmp_path, "losses")


def test_settings_of_matplotlib_do_not_matter_and_stay_as_they_are(tmp_path):
    chosen, records = preset(), [record(report=LOOPS)]
    plain = [file.read_bytes() for one in draw(chosen, records, tmp_path, "losses") for file in one.files]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 10}):
        before = settings()
        (drawn,) = draw(chosen, records, tmp_path, "losses")
        assert settings() == before
    assert [file.read_bytes() for file in drawn.files] == plain


def test_matplotlib_is_loaded_for_the_first_figure_and_what_is_global_in_it_never():
    code = (
        "import sys, relscout.lab.tables, relscout.lab.figures\n"
        "from relscout.report.figures import figure_style, new_figure\n"
        "print('matplotlib' in sys.modules)\n"
        "with figure_style(): new_figure(1, 1)\n"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
