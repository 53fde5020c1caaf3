"""The adapter in the box: small, for the bundled encoder, and taught none of the relations that it is tested on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.settings import about, base_of, description, locate, settings_for, weights_hash
from relscout.encoders.transformer import load_weights

MEBIBYTE = 2**20
#: FewRel's validation relations, which RoCORE calls novel, by their names in Wikidata.
NOVEL = {
    "child",
    "competition class",
    "constellation",
    "crosses",
    "follows",
    "located in or next to body of water",
    "main subject",
    "member of",
    "military rank",
    "mother",
    "original language of film or TV show",
    "part of",
    "position played on team / speciality",
    "sport",
    "spouse",
    "voice type",
}


def test_it_is_small() -> None:
    folder = Path(locate("relation"))
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 8 * MEBIBYTE
    assert "# " in (folder / "README.md").read_text(encoding="utf-8")


def test_it_has_learnt_none_of_the_novel_relations() -> None:
    relations = about("relation")["relations"]
    assert len(relations) == 64
    assert not NOVEL & set(relations)


def test_it_is_for_the_bundled_encoder_and_is_read_like_it() -> None:
    assert base_of("relation") == "minilm"
    assert description("relation")["base_hash"] == weights_hash(load_weights("minilm", dtype="float32"))
    assert settings_for("relation") == EncoderSettings(model="relation")
    own = EncoderSettings(marking="C+M", pooling="start", max_length=64)
    assert settings_for("relation", default=own) == replace(own, model="relation")


def test_it_brings_sentences_of_a_relation_closer_together(corpus: list[RelationInstance]) -> None:
    few = [one for one in corpus if one.relation in ("spouse", "capital of", "composer", "founded by")][::5]
    names = np.array([one.relation for one in few])

    def kept_apart(model: str) -> float:
        vectors = TransformerEncoder(EncoderSettings(model=model)).encode(few)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        alike = vectors @ vectors.T
        same = names[:, None] == names
        np.fill_diagonal(same, False)
        return float(alike[same].mean() - alike[names[:, None] != names].mean())

    assert kept_apart("relation") > kept_apart("minilm") + 0.05
