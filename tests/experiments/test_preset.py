from __future__ import annotations

import re

import pytest

from relscout.core.errors import InputError, RelscoutError, SettingError
from relscout.lab.preset import preset, presets


@pytest.fixture
def complaint(written):
    """Read a wrong preset and return what is said about it."""

    def read(description):
        path = written(description)
        with pytest.raises(RelscoutError) as caught:
            preset(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return read


@pytest.mark.parametrize("name", presets())
def test_every_shipped_preset_means_something_to_the_code(name):
    read = preset(name)
    assert read.name == name
    assert read.rows


def test_the_presets_of_the_floor_are_there():
    assert {"kmeans-bundled", "kmeans-fewrel", "kmeans-fewrel-nyt", "kmeans-nytfb"} <= set(presets())


@pytest.mark.parametrize("name", presets())
def test_the_published_march_stands_next_to_the_hybrid_model_that_it_is(name):
    read = preset(name)
    published = {row.row for row in read.published if not row.reference} & {"March", "VAE"}
    assert all(read.settings_of(read.row(row)).get("bilinear") is True for row in published)


@pytest.mark.parametrize(
    "name", ["rocore-news", "rocore-web", "rocore-web-back", "rocore-fewrel-to-tacred-paper"]
)
def test_across_domains_both_networks_of_rsn_run_next_to_rocore(name):
    """RoCORE, tables 4 and 6."""
    read = preset(name)
    assert [row.name for row in read.rows][:4] == ["frozen + k-means", "RSN", "RSN-BERT", "RoCORE"]
    assert read.settings_of(read.row("RSN"))["reads"] == "words"


def test_a_preset_of_the_user_is_called_like_its_file(written, description):
    assert preset(written(description)).name == "small"


def test_what_a_preset_leaves_out_has_defaults(written, description):
    del description["seeds"]
    read = preset(written(description))
    assert (read.seeds, read.sweep, read.figures, read.published, read.notes) == ((0, 1, 2), None, (), (), "")
    assert [row.kind for row in read.rows] == ["frozen", "method"]


def test_a_row_has_the_settings_of_its_method_and_its_own_over_them(written, description):
    description["rows"][1]["settings"] = {"n_init": 3}
    read = preset(written(description))
    plain, spans = read.rows
    assert read.settings_of(plain) == {"start": "k-means++", "n_init": 1}
    assert read.settings_of(spans) == {"start": "k-means++", "n_init": 3}
    assert read.settings_of(spans, {"n_init": 5}) == {"start": "k-means++", "n_init": 5}
    assert read.encoder_of(spans)["pooling"] == "span-mean"


def test_a_row_may_have_another_number_of_relations(written, description):
    description["rows"][1]["n_relations"] = "auto"
    read = preset(written(description))
    assert [read.n_relations_of(row) for row in read.rows] == ["gold", "auto"]


def test_a_sweep_makes_one_more_variation_for_each_value(written, description):
    description["sweep"] = {"setting": "n_init", "values": [1, 2], "rows": ["plain"]}
    read = preset(written(description))
    assert read.variations(read.row("plain")) == [{}, {"n_init": 1}, {"n_init": 2}]
    assert read.variations(read.row("spans")) == [{}]


def test_published_numbers_stand_beside_rows_and_trivial_rows(written, description):
    description["published"] = [
        {"row": "one cluster", "scoring": "raw", "source": "Table 1, page 2", "b3_f1": 7, "ari": 0.0},
    ]
    (published,) = preset(written(description)).published
    assert published.scores == {"b3_f1": 7.0, "ari": 0.0}


def test_a_misspelt_name_of_a_preset_names_the_nearest():
    with pytest.raises(SettingError, match="did you mean 'kmeans-fewrel'"):
        preset("kmeans-fewrl")


def test_a_missing_file_is_told():
    with pytest.raises(InputError, match=r"^mine\.yaml: No such file"):
        preset("mine.yaml")


def changed(description, *way, to):
    *path, last = way
    place = description
    for step in path:
        place = place[step]
    place[last] = to
    return description


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        (("titel",), "x", r"unknown setting 'titel': did you mean 'title'\?"),
        (("rows", 0, "metod"), "x", r"rows\[0\]: unknown setting 'metod': did you mean 'method'\?"),
        (("sweep",), {"seting": 1}, r"sweep: unknown setting 'seting': did you mean 'setting'\?"),
        (("figures",), [{"knd": 1}], r"figures\[0\]: unknown setting 'knd': did you mean 'kind'\?"),
        (("title",), 3, "title is 3, expected a text"),
        (("title",), "", "title is '', expected a text that is not empty"),
        (("n_relations",), "all", "n_relations: 'all' is none; expected a whole number from 1, 'gold' or 'auto'"),
        (("n_relations",), True, "n_relations: True is none; expected"),
        (("n_relations",), 0, "n_relations: 0 is none; expected"),
        (("seeds",), [0, "1"], r"seeds\[1\] is '1', expected a whole number"),
        (("seeds",), [0, 0], "seeds: holds a value twice"),
        (("seeds",), [-1], r"seeds\[0\] is -1, expected at least 0"),
        (("seeds",), [], r"seeds is \[\], expected a list that is not empty"),
        (("rows",), [], r"rows is \[\], expected a list that is not empty"),
        (("rows",), {"name": "x"}, "rows is .* expected a list"),
        (("rows", 0), "kmeans", r"rows\[0\] is 'kmeans', expected a mapping"),
        (("rows", 0, "kind"), "frosen", r"rows\[0\]: unknown kind 'frosen': did you mean 'frozen'\?"),
        (("rows", 0, "method"), "kmean", r"rows\[0\] \(plain\): unknown method 'kmean'"),
        (("rows", 0, "settings"), {"n_int": 1}, r"rows\[0\] \(plain\): unknown setting 'n_int': did you mean 'n_init'"),
        (("rows", 0, "settings"), {"n_init": 0}, "n_init is 0, expected at least 1"),
        (("rows", 0, "settings"), {"n_init": 1.5}, "n_init is 1.5, expected a whole number"),
        (("rows", 0, "encoder"), {"poling": "x"}, "unknown setting 'poling': did you mean 'pooling'"),
        (("rows", 0, "encoder"), {"pooling": "spam"}, r"rows\[0\] \(plain\): .*'spam'"),
        (("rows", 1, "name"), "plain", "rows: two rows have the name 'plain'"),
        (("rows", 1, "name"), "singletons", "rows: two rows have the name 'singletons'"),
        (("settings",), {"kmens": {}}, "settings, kmens: unknown method 'kmens'"),
        (("settings",), {"kmeans": {"k": 1}}, "unknown setting 'k'"),
        (("protocol",), "fewrel", "protocol: unknown protocol 'fewrel'"),
        (("sweep",), {"setting": "n_init", "values": [1], "rows": ["plan"]}, "unknown row 'plan': did you mean"),
        (("sweep",), {"setting": "k", "values": [1], "rows": ["plain"]}, "unknown setting 'k'"),
        (("sweep",), {"setting": "n_init", "values": [0], "rows": ["plain"]}, "n_init is 0"),
        (("sweep",), {"setting": "n_init", "values": [1, 1], "rows": ["plain"]}, "values: holds a value twice"),
        (("figures",), [{"kind": "tsne", "rows": ["x"]}], r"figures\[0\]: unknown row 'x'"),
        (("figures",), [{"kind": "tsne"}], "needs the key 'rows'"),
        (("figures",), [{"kind": "sweep"}], "needs the key 'sweep'"),
        (("figures",), [{"kind": "purity"}], "'purity' needs the key 'neighbours' of the preset's probes"),
        (("probes",), {"shots": [0]}, r"probes: shots\[0\] is 0, expected at least 1|probes, shots.* is 0"),
        (("sweep",), {"setting": "types.corrupted", "values": [2], "rows": ["plain"]}, "a share from 0 to 1"),
        (("figures",), [{"kind": "tsne", "rows": ["plain"], "relations": 0}], "relations is 0"),
        (("figures",), [{"kind": "tsne", "rows": ["plain"]}] * 2, "'plain' is in another figure 'tsne'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(complaint, description, way, value, said):
    assert re.search(said, complaint(changed(description, *way, to=value)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"row": "none"}, "unknown row 'none'"),
        ({"scoring": "mapped"}, "unknown scoring 'mapped': did you mean 'majority-mapped'?"),
        ({"b3_f1": "49.1"}, "b3_f1 is '49.1', expected a number"),
        ({"b3": 1}, "published[0]: unknown key 'b3': did you mean 'b3_f1'?"),
        ({"b3_f1": 491}, "b3_f1 is 491, expected a number from -100 to 100"),
    ],
)
def test_wrong_published_numbers_are_told(complaint, description, values, said):
    right = {"row": "plain", "scoring": "raw", "source": "Table 1", "b3_f1": 49.1}
    description["published"] = [right | values]
    assert said in complaint(description)


@pytest.mark.parametrize("key", ["title", "protocol", "n_relations", "rows"])
def test_what_is_required_is_missed(complaint, description, key):
    del description[key]
    assert f"{key} is missing" in complaint(description)


def test_a_key_that_is_given_twice_is_an_error(complaint):
    assert "line 2: the key 'title' is given twice" in complaint("title: one\ntitle: two\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: [", "line"),
        ("- one\n", "expected a mapping"),
        ("", "expected a mapping"),
        ("no: 1", "the key False is not a text"),
        ("title: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_a_file_that_is_no_mapping_in_yaml_is_told(complaint, text, said):
    assert said in complaint(text)
