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
        ("--device", "cud", "cuda"),
        ("--set", "n_int=3", "n_init"),
        ("--set", "start=kmeans", "k-means++"),
    ],
)
def test_an_unknown_name_is_reported_with_the_nearest(complaint, option, value, nearest):
    assert f"did you mean '{nearest}'?" in complaint(option, value)


@pytest.mark.parametrize("value", ["n_init", "=3", "n_init=", "", "n_init=3,,", "n_init=1,n_init=2"])
def test_settings_that_are_malformed(complaint, value):
    assert "error: --set " in complaint("--set", value)


def test_settings_of_several_options_all_count(complaint):
    assert "--set gives 'n_init' twice, as '2' and as '3'" in complaint(
        "--set", "n_init=2", "--set", "n_init=3"
    )
    assert "unknown setting 'hops'" in complaint("--set", "hops=2", "--set", "n_init=3")


@pytest.mark.parametrize(
    ("value", "what"), [("n_init=x", "expected a whole number"), ("n_init=0", "at least 1")]
)
def test_a_setting_that_cannot_work(complaint, value, what):
    assert what in complaint("--set", value)


def test_columns_that_are_malformed(complaint):
    assert "--columns has 'text'; expected key=value" in complaint("--columns", "text")


def test_columns_of_what_is_no_table(complaint):
    assert "'columns' is for csv, xlsx, parquet, but the file is jsonl" in complaint(
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


def test_two_models_that_find_entities(complaint):
    said = complaint("--token-classifier", "some/model", "--gliner", "other/model:person")
    assert "--token-classifier and --gliner both recognise the entities; use one of them" in said


@pytest.mark.parametrize("model", [("--token-classifier", "some/model"), ("--gliner", "other/model:person")])
def test_a_model_that_finds_entities_where_noun_phrases_are_paired(complaint, model):
    assert "cannot be combined with another entity recogniser" in complaint(
        "--mentions", "noun-chunks", *model
    )


@pytest.mark.parametrize(
    "options",
    [
        ("--types", "PERSON:CITY"),
        ("--max-distance", 3),
        ("--max-distance", 0),
        ("--directions", "forward"),
        ("--numbers",),
    ],
)
def test_rules_for_plain_text_with_marked_pairs(complaint, good, options):
    assert f"error: {options[0]}" in (said := complaint(*options))
    assert f"has no effect here: it applies to plain text, but {good} has marked pairs; leave it out" in said


@pytest.mark.parametrize(
    "options",
    [
        ("--spacy", "en_core_web_sm"),
        ("--token-classifier", "some/model"),
        ("--gliner", "other/model:person"),
        ("--mentions", "noun-chunks"),
        ("--numbers",),
    ],
)
def test_rules_for_plain_text_with_a_named_format(complaint, options):
    said = complaint("--format", "jsonl", *options)
    assert "it applies to plain text, but --format is for marked pairs" in said


@pytest.fixture
def notes(tmp_path):
    (tmp_path / "notes.txt").write_text("Ada was born in London.\n")
    return tmp_path / "notes.txt"


@pytest.mark.parametrize(
    "options",
    [("--labels", "x.json"), ("--relation-names", "x.json"), ("--entity-types", "x"), ("--pairs", "all")],
)
def test_options_for_marked_pairs_with_plain_text(refused, notes, options):
    said = refused("discover", notes, "--no-cache", *options)
    assert f"error: {options[0]}" in said
    assert "is plain text, but it applies to marked pairs; leave it out" in said


@pytest.mark.parametrize("share", ["0", "-0.5", "1.5", "nan"])
@pytest.mark.parametrize("command", ["discover", "extract"])
def test_a_precision_that_is_none(refused, notes, finished, command, share):
    run = [finished] if command == "extract" else []
    said = refused(command, *run, notes, "--no-cache", f"--precision={share}")
    assert "expected a share above 0 and up to 1, such as 0.8" in said


def test_a_precision_and_a_share_of_unrelated_pairs(refused, notes, tmp_path):
    (tmp_path / "names.tsv").write_text("Ada\tPERSON\nLondon\tCITY\n")
    said = refused(
        *("discover", notes, "--gazetteer", tmp_path / "names.tsv", "--no-cache"),
        *("--precision", 0.5, "--none", 0.2),
    )
    assert "give one of them" in said


@pytest.mark.parametrize("value", ["model", "model:", ":person"])
def test_a_gliner_model_without_its_types(refused, notes, value):
    said = refused("discover", notes, "--no-cache", "--gliner", value)
    assert f"--gliner is '{value}'; expected MODEL:TYPE,TYPE" in said


def test_types_that_are_malformed(complaint, good):
    assert "expected HEAD:TAIL" in complaint("--gazetteer", good, "--types", "PERSON-CITY")


def test_a_gazetteer_that_is_none(refused, notes, good):
    assert "good.jsonl, line 1: got 1 fields" in refused("discover", notes, "--no-cache", "--gazetteer", good)


def test_a_pipeline_that_is_not_there(refused, notes):
    said = refused("discover", notes, "--no-cache", "--spacy", "en_core_web_smm")
    assert "no spaCy pipeline 'en_core_web_smm'" in said


def test_a_cache_that_is_not_wanted(complaint, tmp_path):
    assert "contradict each other" in complaint("--cache", tmp_path / "vectors.sqlite")


def test_a_cache_that_is_another_file(refused, good, fast):
    assert "file is not a database" in refused("discover", good, *fast, "--cache", good)


def test_a_folder_that_is_no_encoder(complaint, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "cannot load encoder" in complaint("--encoder", tmp_path / "empty")


def test_a_layer_that_the_encoder_lacks(complaint, fast, encoder_config):
    config = encoder_config(pooling="sentence@9")
    assert "reads layer 9" in complaint(*fast, "--encoder-config", config)


def test_options_are_checked_before_the_input_is_read_whole(refused, with_one_more):
    assert "unknown setting" in refused("discover", with_one_more(head=(3, 3)), "--set", "n_int=3")


@pytest.mark.parametrize(
    "options", [("--relations", "0"), ("--none", "2"), ("--types", "A-B"), ("--set", "a")]
)
def test_options_that_are_malformed_are_reported_before_the_input_is_looked_at(refused, tmp_path, options):
    assert f"error: {options[0]} " in refused("discover", tmp_path / "nowhere.json", *options)


def test_labels_for_a_method_that_learns_from_none(complaint, good):
    assert "method 'kmeans' cannot learn from labelled instances" in complaint("--labeled", good)


def test_a_choice_about_labels_without_labels(complaint):
    assert "--known drop has no effect without labelled instances" in complaint("--known", "drop")


def test_a_pipeline_for_types_that_is_not_there(complaint):
    assert "no spaCy pipeline 'en_core_web_smm'" in complaint("--entity-types", "en_core_web_smm")
