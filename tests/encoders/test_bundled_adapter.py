"""The adapter in the box: small, for the bundled encoder, and taught none of the relations that it is tested on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from relscout.core.errors import ArtifactError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.settings import (
    MPNET,
    MPNET_VARIABLE,
    about,
    absolute,
    base_of,
    description,
    locate,
    settings_for,
    unknown_encoder,
    weights_hash,
)
from relscout.encoders.transformer import load_weights
from relscout.encoders.whitening import Whitening

MEBIBYTE = 2**20
#: FewRel's validation relations, which RoCORE calls novel, by their identifiers and names in Wikidata.
NOVEL = {
    *[
        "P25",
        "P26",
        "P40",
        "P59",
        "P155",
        "P177",
        "P206",
        "P361",
        "P364",
        "P410",
        "P412",
        "P413",
        "P463",
        "P641",
        "P921",
        "P2094",
    ],
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
    made = about("relation")
    assert not NOVEL & set(made["relations"])
    # the relatedness model is trained on Re-DocRED, and calibrated with vectors of this encoder
    assert sorted(made["sets"]) == ["chemprot", "nyt-fb", "semeval", "wiki80"]


def test_it_is_for_the_bundled_encoder_and_is_read_like_it() -> None:
    assert base_of("relation") == "minilm"
    assert description("relation")["base_hash"] == weights_hash(load_weights("minilm"))
    assert settings_for("relation") == EncoderSettings(model="relation")
    own = EncoderSettings(marking="C+M", pooling="start", max_length=64)
    assert settings_for("relation", default=own) == replace(own, model="relation")


def test_the_larger_adapter_is_for_a_model_of_the_hub_or_of_a_folder(
    monkeypatch: pytest.MonkeyPatch, tiny_bert: Path
) -> None:
    assert base_of("relation-base") == MPNET
    monkeypatch.setenv(MPNET_VARIABLE, str(tiny_bert))
    assert locate(MPNET) == str(tiny_bert)
    assert absolute(MPNET) == MPNET  # the name of the variable's folder is not stored
    with pytest.raises(ArtifactError, match=r"is for weights of .*all-mpnet-base-v2' with hash"):
        load_weights("relation-base")
    monkeypatch.setenv(MPNET_VARIABLE, str(tiny_bert / "missing"))
    with pytest.raises(
        SettingError, match=r"RELSCOUT_MPNET is '.*missing', which is not a folder; expected one"
    ):
        load_weights("relation-base")


def test_where_its_model_cannot_be_had_the_error_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(MPNET_VARIABLE, raising=False)
    error = str(unknown_encoder(MPNET, "the hub cannot be reached"))
    assert "set RELSCOUT_MPNET to a folder with its files (the hub cannot be reached)" in error
    monkeypatch.setenv(MPNET_VARIABLE, str(tmp_path))
    with pytest.raises(SettingError, match=rf"RELSCOUT_MPNET is '{tmp_path}', where .* cannot be read"):
        load_weights("relation-base")


def test_the_larger_adapter_is_read_in_its_own_way_and_is_small() -> None:
    settings = settings_for("relation-base", default=EncoderSettings(pooling="start", marking="C+M"))
    assert settings.pooling == "span-mean@6+span-mean@10+sentence@8+between@10"
    assert settings.marking == "none"
    of_text = EncoderSettings(pooling="sentence+coarse-types*1.5")
    assert settings_for("relation-base", default=of_text).pooling == settings.pooling + "+coarse-types*1.5"
    assert settings_for("relation-base", default=of_text, pooling="sentence").pooling == "sentence"
    folder = Path(locate("relation-base"))
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 8 * MEBIBYTE
    whitening = Whitening.load(folder)
    assert whitening is not None
    assert whitening.directions.shape == (256, 4608)
    assert not NOVEL & set(about("relation-base")["relations"])


def test_it_brings_sentences_of_a_relation_closer_together(corpus: list[RelationInstance]) -> None:
    few = [one for one in corpus if one.relation in ("spouse", "capital of", "composer", "founded by")][::5]
    names = np.array([one.relation for one in few])

    def in_order(model: str) -> float:
        """Return the share of pairs of one relation that are closer than a pair of two relations."""
        vectors = TransformerEncoder(EncoderSettings(model=model)).encode(few)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        pairs = np.triu_indices(len(few), 1)
        same = (names[:, None] == names)[pairs]
        return float(roc_auc_score(same, (vectors @ vectors.T)[pairs]))

    assert in_order("relation") > in_order("minilm") + 0.02
