"""Marker tokens that are the entity types (Zhang and Chen 2023, eq. 1 to 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance
from relscout.discovery import discover
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.saved import save_encoder
from relscout.encoders.settings import settings_for
from relscout.encoders.transformer import load_tokenizer, load_weights

Parse = Callable[..., RelationInstance]

SENTENCE = "<h>Mary</h> was born in <t>Paris</t>"


@pytest.fixture(scope="module")
def settings(tiny_bert: Path) -> EncoderSettings:
    return EncoderSettings(
        str(tiny_bert), marking="type-tokens", pooling="start", device="cpu", types=("PERSON", "CITY")
    )


@pytest.fixture(scope="module")
def encoder(settings: EncoderSettings) -> TransformerEncoder:
    return TransformerEncoder(settings)


def embeddings(encoder: TransformerEncoder) -> dict[str, torch.Tensor]:
    """Return the embeddings of the new tokens by their names."""
    new = encoder.vocabulary.new_tokens
    rows = encoder.model.get_input_embeddings().weight[-len(new) :]
    return dict(zip(new, rows, strict=True))


def test_the_pooling_start_reads_the_states_at_the_types(
    encoder: TransformerEncoder, settings: EncoderSettings, instance: Parse
) -> None:
    typed = instance(SENTENCE, head_type="PERSON", tail_type="CITY")
    (only,) = encoder.vocabulary.inputs([typed])
    ids = [*encoder.vocabulary.before, *only.marked.ids, *encoder.vocabulary.after]
    first = int(encoder.model.get_input_embeddings().num_embeddings) - 12
    token = {name: first + place for place, name in enumerate(encoder.vocabulary.new_tokens)}
    places = [ids.index(token["[E1 PERSON]"]), ids.index(token["[E2 CITY]"])]
    with torch.inference_mode():
        states = encoder.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    expected = states[places].ravel().numpy()
    np.testing.assert_allclose(encoder.encode([typed])[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_an_embedding_begins_as_the_words_of_its_type(encoder: TransformerEncoder, tiny_bert: Path) -> None:
    known = load_weights(str(tiny_bert)).get_input_embeddings().weight
    person = known[load_tokenizer(str(tiny_bert)).convert_tokens_to_ids("person")]
    spread = float(known.std(dim=0).mean())
    rows = [row for name, row in embeddings(encoder).items() if "PERSON" in name]
    assert len(rows) == 4
    for row in rows:
        assert 0 < float((row - person).norm()) < 0.3 * spread * len(person) ** 0.5
    assert len({tuple(row.tolist()) for row in rows}) == 4  # head and tail, begin and end


def test_an_embedding_depends_neither_on_the_other_types_nor_on_their_order(
    encoder: TransformerEncoder, settings: EncoderSettings
) -> None:
    more = embeddings(TransformerEncoder(replace(settings, types=("CITY", "AIRPORT", "PERSON"))))
    for name, row in embeddings(encoder).items():
        assert torch.equal(more[name], row)


def test_the_order_of_the_types_changes_nothing(
    encoder: TransformerEncoder, settings: EncoderSettings, few: list[RelationInstance]
) -> None:
    turned = TransformerEncoder(replace(settings, types=("CITY", "PERSON")))
    assert turned.fingerprint == encoder.fingerprint
    assert turned.encode(few[:5]).tobytes() == encoder.encode(few[:5]).tobytes()


def test_the_types_are_part_of_the_fingerprint(
    encoder: TransformerEncoder, settings: EncoderSettings
) -> None:
    assert TransformerEncoder(replace(settings, types=("CITY", "RIVER"))).fingerprint != encoder.fingerprint


def test_a_type_without_tokens_is_read_as_an_entity_and_reported(
    encoder: TransformerEncoder, instance: Parse
) -> None:
    unknown, untyped = (instance(SENTENCE, head_type="PERSON", tail_type=kind) for kind in ("RIVER", None))
    lost: list[str] = []
    vectors = encoder.encode([unknown, untyped], on_loss=lambda _, what: lost.append(what))
    assert np.array_equal(vectors[0], vectors[1])
    assert lost == ["type"]
    listed = instance(SENTENCE, head_type="PERSON", tail_type="CITY")
    assert not np.array_equal(vectors[1], encoder.encode([listed])[0])


def test_no_listed_type_is_an_error_with_advice(settings: EncoderSettings, instance: Parse) -> None:
    with pytest.raises(SettingError, match=r"no type is listed; list those of your data .* types: \[PERSON"):
        TransformerEncoder(replace(settings, types=())).encode([instance(SENTENCE)])


def test_discover_lists_the_types_of_the_data(settings: EncoderSettings, few: list[RelationInstance]) -> None:
    unlisted = TransformerEncoder(replace(settings, types=()))
    found = discover(few, method="kmeans", n_relations=2, encoder=unlisted)
    kinds = {kind for one in few for kind in one.type_pair if kind}
    assert isinstance(found.model.encoder, TransformerEncoder)
    assert found.model.encoder.settings.types == tuple(sorted(kinds))
    bare = [replace(one, head=replace(one.head, type=None), tail=replace(one.tail, type=None)) for one in few]
    with pytest.raises(SettingError, match="no instance has a type; give types with the data, or take"):
        discover(bare, method="kmeans", n_relations=2, encoder=unlisted)


def test_a_saved_encoder_has_the_tokens_and_reads_the_same(
    encoder: TransformerEncoder, few: list[RelationInstance], tmp_path: Path
) -> None:
    save_encoder(tmp_path / "saved", encoder, made={})
    again = TransformerEncoder(settings_for(str(tmp_path / "saved"), device="cpu"))
    assert again.settings.types == encoder.settings.types
    assert again.vocabulary.new_tokens == []
    np.testing.assert_allclose(again.encode(few[:5]), encoder.encode(few[:5]), atol=1e-6)


@pytest.mark.parametrize(
    ("marking", "shown"),
    [
        ("C+T", "[E1] [TYPE PERSON] [/E1] was born in [E2] [TYPE CITY] [/E2]"),
        ("OnlyT", "[E1] [TYPE PERSON] [/E1] [E2] [TYPE CITY] [/E2]"),
    ],
)
def test_a_type_takes_the_place_of_its_mention_as_one_token(
    marking: str, shown: str, tiny_bert: Path, tokens: Any, instance: Parse
) -> None:
    """Peng et al. 2020, section 2.2: ``[person]``, once and not for each token of the mention."""
    found = tokens(tiny_bert, marking, types=("PERSON", "CITY"))
    mary = instance("<h>Mary Ann</h> was born in <t>Paris</t>", head_type="PERSON", tail_type="CITY")
    assert found.of(mary) == shown
    unlisted = replace(mary, tail=replace(mary.tail, type="RIVER"))
    (only,) = found.vocabulary.inputs([unlisted])
    assert "entity" in found.of(unlisted)
    assert only.lost == "type"
    words = tokens(tiny_bert, marking)
    assert "[TYPE" not in words.of(mary)
    assert words.vocabulary.inputs([unlisted])[0].lost == ""


@pytest.mark.parametrize(
    ("marking", "types", "word"), [("OnlyC-roles", (), "subject"), ("C+T", ("PERSON", "CITY"), "person")]
)
def test_a_token_in_place_of_a_mention_begins_as_its_word_and_is_saved(
    marking: str,
    types: tuple[str, ...],
    word: str,
    tiny_bert: Path,
    few: list[RelationInstance],
    tmp_path: Path,
) -> None:
    settings = EncoderSettings(str(tiny_bert), marking=marking, types=types, pooling="start", device="cpu")
    made = TransformerEncoder(settings)
    tokenizer = load_tokenizer(str(tiny_bert))
    known = load_weights(str(tiny_bert)).get_input_embeddings().weight
    meant = known[tokenizer(word, add_special_tokens=False)["input_ids"]].mean(dim=0)
    name = {"subject": "[SUBJ]", "person": "[TYPE PERSON]"}[word]
    spread = float(known.std(dim=0).mean()) * len(meant) ** 0.5
    assert 0 < float((embeddings(made)[name] - meant).norm()) < 0.3 * spread
    alone = embeddings(TransformerEncoder(replace(settings, types=types[:1])))
    assert torch.equal(alone[name], embeddings(made)[name])
    save_encoder(tmp_path / "saved", made, made={})
    again = TransformerEncoder(settings_for(str(tmp_path / "saved"), device="cpu"))
    assert again.vocabulary.new_tokens == []
    np.testing.assert_allclose(again.encode(few[:5]), made.encode(few[:5]), atol=1e-6)
