from __future__ import annotations

import pytest


@pytest.fixture
def complaint(refused, good):
    """Return what 'discover' says of options that cannot work."""
    return lambda *options: refused("discover", good, "--no-cache", *options)


@pytest.mark.parametrize("number", ["0", "-3", "abc", "1.5", "", "AUTO", "²", "9" * 5000])
def test_a_number_of_relations_that_is_none(complaint, number):
    assert "expected a whole number above 0, or 'auto'" in complaint("--relations", number)


@pytest.mark.parametrize(
    ("option", "value", "nearest"),
    [
        ("--method", "kmens", "kmeans"),
        ("--format", "fewrell", "fewrel"),
        ("--encoder", "minilmm", "minilm"),
        ("--marking", "typed-marker", "typed-markers"),
        ("--pooling", "span-meen", "span-mean"),
        ("--dtype", "float23", "float32"),
        ("--device", "cud", "cuda"),
        ("--set", "n_int=3", "n_init"),
        ("--set", "start=kmeans", "k-means++"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(complaint, option, value, nearest):
    assert f"did you mean '{nearest}'?" in complaint(option, value)


@pytest.mark.parametrize("value", ["n_init", "=3", "n_init=", "", "n_init=3,,", "n_init=1,n_init=2"])
def test_settings_that_are_malformed(complaint, value):
    assert "error: --set " in complaint("--set", value)


@pytest.mark.parametrize(("value", "what"), [("n_init=x", "expected int"), ("n_init=0", "at least 1")])
def test_a_setting_that_cannot_work(complaint, value, what):
    assert what in complaint("--set", value)


def test_columns_that_are_malformed(complaint):
    assert "--columns has 'text'; expected key=value" in complaint("--columns", "text")


def test_columns_of_what_is_no_table(complaint):
    assert "'columns' is for csv and parquet, but the file is jsonl" in complaint(
        "--columns", "text=sentence"
    )


def test_columns_with_an_unknown_field(refused, tmp_path):
    (tmp_path / "table.csv").write_text("sentence,head,tail\nAda in Rome,Ada,Rome\n")
    said = refused("inspect", tmp_path / "table.csv", "--columns", "txt=sentence")
    assert "unknown column field 'txt': did you mean 'text'?" in said


def test_labels_for_a_format_that_holds_its_own(complaint, good):
    assert "'labels' is for nyt-fb" in complaint("--labels", good)


def test_relation_names_that_are_not_there(complaint, tmp_path):
    assert "nowhere.json: No such file" in complaint("--relation-names", tmp_path / "nowhere.json")


def test_two_ways_to_mark_plain_text(complaint, good):
    assert "give one of them" in complaint("--spacy", "en_core_web_sm", "--gazetteer", good)


@pytest.mark.parametrize(
    "options", [("--types", "PERSON:CITY"), ("--max-distance", 3), ("--directions", "forward")]
)
def test_rules_for_plain_text_without_a_way_to_mark_it(complaint, options):
    assert f"{options[0]}" in (said := complaint(*options))
    assert "give --spacy or --gazetteer too" in said


@pytest.mark.parametrize(
    "options", [("--format", "csv"), ("--on-error", "skip"), ("--columns", "a=b"), ("--entity-types", "x")]
)
def test_options_for_marked_files_with_plain_text(complaint, good, options):
    assert "it is for files with marked entities" in complaint("--gazetteer", good, *options)


def test_types_that_are_malformed(complaint, good):
    assert "expected HEAD:TAIL" in complaint("--gazetteer", good, "--types", "PERSON-CITY")


def test_a_gazetteer_that_is_none(complaint, good):
    assert "good.jsonl, line 1: got 1 fields" in complaint("--gazetteer", good)


def test_a_pipeline_that_is_not_there(complaint):
    assert "no spaCy pipeline 'en_core_web_smm'" in complaint("--spacy", "en_core_web_smm")


def test_a_cache_that_is_not_wanted(complaint, tmp_path):
    assert "contradict each other" in complaint("--cache", tmp_path / "vectors.sqlite")


def test_a_cache_that_is_another_file(refused, good, fast):
    assert "file is not a database" in refused("discover", good, *fast, "--cache", good)


def test_a_folder_that_is_no_encoder(complaint, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "cannot load encoder" in complaint("--encoder", tmp_path / "empty")


def test_a_layer_that_the_encoder_lacks(complaint, fast):
    assert "reads layer 9" in complaint(*fast, "--pooling", "sentence@9")


def test_a_length_that_holds_no_two_entities(complaint):
    assert "max_length is 3" in complaint("--max-length", 3)


def test_options_are_checked_before_anything_is_read(refused, tmp_path):
    assert "unknown setting" in refused("discover", tmp_path / "nowhere.json", "--set", "n_int=3")


def test_labels_for_a_method_that_learns_from_none(complaint, good):
    assert "method 'kmeans' cannot learn from labelled instances" in complaint("--labeled", good)


def test_a_choice_about_labels_without_labels(complaint):
    assert "--known drop has no effect here" in complaint("--known", "drop")


def test_a_pipeline_for_types_that_is_not_there(complaint):
    assert "no spaCy pipeline 'en_core_web_smm'" in complaint("--entity-types", "en_core_web_smm")
