from __future__ import annotations

import json

from relscout.methods import METHODS


def test_all_methods_are_listed_with_their_papers(relscout):
    assert json.loads(relscout("methods", "--json").out).keys() == METHODS.keys()
    assert "Unsupervised Open Relation Extraction. ESWC 2017" in relscout("methods").out


def test_the_settings_of_a_method_are_explained(relscout):
    settings = json.loads(relscout("methods", "kmeans", "--json").out)["settings"]
    known = {name: settings["n_init"][name] for name in ("type", "default", "minimum")}
    assert known == {"type": "integer", "default": 10, "minimum": 1}
    assert settings["start"]["enum"] == ["consensus", "neighbours", "spectral", "k-means++"]
    assert all(setting["description"] for setting in settings.values())


def test_the_table_of_settings_has_no_code_marks(relscout):
    out = relscout("methods", "kmeans").out
    assert "n_init" in out
    assert "`" not in out


def test_an_unknown_method_names_the_nearest(refused):
    assert "did you mean 'kmeans'?" in refused("methods", "kmens")
