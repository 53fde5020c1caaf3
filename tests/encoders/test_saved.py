from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer

from relscout.core.errors import ArtifactError, OutputError, SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.saved import save_adapter, save_encoder
from relscout.encoders.settings import about, base_of, settings_for
from relscout.encoders.transformer import load_config, load_language_model, load_tokenizer, load_weights

READ = {"marking": "C+M", "pooling": "start", "max_length": 64}
QUERY, OUTPUT = "encoder.layer.0.attention.self.query", "encoder.layer.2.output.dense"


def encoder(model: Path, **settings: Any) -> TransformerEncoder:
    return TransformerEncoder(EncoderSettings(model=str(model), **{**READ, **settings}))


def factors(*, rank: int = 2, width: int = 32, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    shapes = {QUERY: (width, width), OUTPUT: (width, 2 * width)}
    found = {}
    for module, (outputs, inputs) in shapes.items():
        found[f"{module}.lora_A.weight"] = random.standard_normal((rank, inputs)).astype(np.float32)
        found[f"{module}.lora_B.weight"] = random.standard_normal((outputs, rank)).astype(np.float32)
    return found


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_bert_without_unused", "tiny_roberta"])
def test_a_saved_encoder_gives_the_same_vectors(
    fixture: str, request: pytest.FixtureRequest, tmp_path: Path, corpus: list[RelationInstance]
) -> None:
    model = request.getfixturevalue(fixture)
    name = "encoder.layer.1.output.dense.weight"
    base = encoder(model, seed=3)
    weight = base.model.state_dict()[name].numpy() * 2
    trained = TransformerEncoder(base.settings, weights={name: weight})
    save_encoder(tmp_path / "saved", base, weights={name: weight}, made={"by": "a test"})
    again = TransformerEncoder(settings_for(str(tmp_path / "saved")))
    assert (again.settings.marking, again.settings.pooling, again.settings.max_length) == tuple(READ.values())
    assert np.array_equal(again.encode(corpus[:20]), trained.encode(corpus[:20]))
    assert not np.allclose(again.encode(corpus[:20]), base.encode(corpus[:20]))
    assert about(str(tmp_path / "saved")) == {"by": "a test"}


def test_a_saved_encoder_loads_elsewhere_with_all_its_layers(tiny_bert: Path, tmp_path: Path) -> None:
    save_encoder(tmp_path / "saved", encoder(tiny_bert, pooling="start@1"), made={})
    known = load_weights(str(tiny_bert)).state_dict()
    for name, tensor in AutoModel.from_pretrained(tmp_path / "saved").state_dict().items():
        assert "pooler" in name or torch.equal(tensor, known[name]), name
    assert (
        len(AutoTokenizer.from_pretrained(tmp_path / "saved"))
        == known["embeddings.word_embeddings.weight"].shape[0]
    )


def test_text_cannot_fake_the_markers_of_a_saved_encoder(
    tiny_bert_without_unused: Path, tmp_path: Path
) -> None:
    base = encoder(tiny_bert_without_unused)
    save_encoder(tmp_path / "saved", base, made={})
    again = TransformerEncoder(settings_for(str(tmp_path / "saved")))
    instance = RelationInstance(
        text="[E1] mary [BLANK] lives in paris", head=Mention(5, 9), tail=Mention(27, 32)
    )
    found = [one.vocabulary.inputs([instance])[0].marked.ids for one in (base, again)]
    assert found[0] == found[1]


OWN = EncoderSettings(marking="markers", pooling="span-max@2", max_length=99)


def test_what_is_read_as_usual_is_not_left_to_the_method(tiny_bert: Path, tmp_path: Path) -> None:
    usual = EncoderSettings(model=str(tiny_bert))
    save_encoder(tmp_path / "e", TransformerEncoder(usual), made={})
    save_adapter(tmp_path / "a", TransformerEncoder(usual), factors(), rank=2, alpha=6, made={})
    usually = {
        "marking": usual.marking,
        "pooling": usual.pooling,
        "max_length": usual.max_length,
        "types": [],
    }
    for name in ("e", "a"):
        # as it was, should the defaults change
        assert json.loads((tmp_path / name / "relscout.json").read_text())["read_by"] == usually
        found = settings_for(str(tmp_path / name), default=OWN)
        assert found == replace(usual, model=str(tmp_path / name))


def test_only_a_flexible_adapter_is_left_to_the_method(tiny_bert: Path, tmp_path: Path) -> None:
    save_adapter(tmp_path / "a", encoder(tiny_bert), factors(), rank=2, alpha=6, made={}, flexible=True)
    assert settings_for(str(tmp_path / "a"), default=OWN) == replace(OWN, model=str(tmp_path / "a"))
    assert settings_for(str(tmp_path / "a"), default=OWN, pooling="cls").pooling == "cls"


def test_what_is_given_comes_first(tiny_bert: Path, tmp_path: Path) -> None:
    save_encoder(tmp_path / "saved", encoder(tiny_bert), made={})
    found = settings_for(str(tmp_path / "saved"), marking="OnlyC", pooling=None)
    assert (found.marking, found.pooling) == ("OnlyC", "start")


def test_an_adapter_is_added_to_the_weights(tiny_bert: Path, tmp_path: Path) -> None:
    lora = factors()
    marker = np.full(32, 7, dtype=np.float32)
    save_adapter(
        tmp_path / "a",
        encoder(tiny_bert),
        lora,
        rank=2,
        alpha=6,
        markers={1: marker},
        card="# Card",
        made={"seed": 4},
    )
    assert base_of(str(tmp_path / "a")) == str(tiny_bert.resolve())
    assert about(str(tmp_path / "a")) == {"seed": 4}
    before = load_weights(str(tiny_bert)).state_dict()
    after = load_weights(str(tmp_path / "a")).state_dict()
    changed = {name for name in before if "pooler" not in name and not torch.equal(before[name], after[name])}
    assert changed == {f"{QUERY}.weight", f"{OUTPUT}.weight", "embeddings.word_embeddings.weight"}
    for module in (QUERY, OUTPUT):
        expected = before[f"{module}.weight"].numpy() + 3 * (
            lora[f"{module}.lora_B.weight"] @ lora[f"{module}.lora_A.weight"]
        )
        assert np.allclose(after[f"{module}.weight"].numpy(), expected, atol=1e-5)
    embeddings = after["embeddings.word_embeddings.weight"].numpy()
    assert np.array_equal(embeddings[1], marker)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of transformers about peft
def test_peft_reads_an_adapter(tiny_bert: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    save_adapter(tmp_path / "a", encoder(tiny_bert), factors(), rank=2, alpha=6, made={})
    theirs = peft.PeftModel.from_pretrained(
        AutoModel.from_pretrained(tiny_bert), tmp_path / "a"
    ).merge_and_unload()
    ours = load_weights(str(tmp_path / "a")).state_dict()
    for name, tensor in theirs.state_dict().items():
        assert "pooler" in name or torch.allclose(tensor, ours[name], atol=1e-6), name


def test_an_adapter_stands_for_an_encoder(
    tiny_bert: Path, tmp_path: Path, corpus: list[RelationInstance]
) -> None:
    save_adapter(tmp_path / "a", encoder(tiny_bert), factors(), rank=2, alpha=6, made={})
    found = TransformerEncoder(settings_for(str(tmp_path / "a")))
    base = encoder(tiny_bert)
    assert found.settings.marking == "C+M"
    assert found.fingerprint != base.fingerprint
    vectors = found.encode(corpus[:8])
    assert not np.allclose(vectors, base.encode(corpus[:8]))
    # a model of the merged weights is the same encoder
    save_encoder(tmp_path / "merged", found, made={})
    merged = TransformerEncoder(settings_for(str(tmp_path / "merged")))
    assert merged.fingerprint == found.fingerprint
    assert np.array_equal(merged.encode(corpus[:8]), vectors)


def test_an_adapter_of_another_model_is_refused_with_both_hashes(tiny_bert: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_bert, tmp_path / "base"))
    save_adapter(tmp_path / "a", encoder(base), factors(), rank=2, alpha=6, made={})
    expected = json.loads((tmp_path / "a" / "relscout.json").read_text())["base_hash"]
    model = AutoModel.from_pretrained(base)
    with torch.no_grad():
        model.encoder.layer[1].output.dense.weight += 1
    model.save_pretrained(base)
    with pytest.raises(
        ArtifactError, match=rf"hash {expected}, but that model has hash (?!{expected})[0-9a-f]+"
    ):
        load_weights(str(tmp_path / "a"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peft_type": "IA3"}, "does not describe a low-rank adapter"),
        ({"use_dora": True}, "use_dora True, which is not read here"),
        ({"base_model_name_or_path": None}, "names no base model"),
        ({"r": 0}, "does not describe"),
        ({"lora_alpha": "6"}, "lora_alpha '6'"),
        ({"rank_pattern": {QUERY: 4}}, "rank_pattern"),
        ({"alpha_pattern": {QUERY: 4}}, "alpha_pattern"),
        ({"layer_replication": [[0, 2], [1, 3]]}, "layer_replication"),
        ({"r": 1}, "and rank 1, which does not go with"),
    ],
)
def test_an_adapter_that_is_not_read_here_is_refused(
    change: dict[str, Any], message: str, tiny_bert: Path, tmp_path: Path
) -> None:
    save_adapter(tmp_path / "a", encoder(tiny_bert), factors(), rank=2, alpha=6, made={})
    path = tmp_path / "a" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ArtifactError, match=message):
        load_weights(str(tmp_path / "a"))


def test_what_peft_leaves_empty_is_not_in_the_way(tiny_bert: Path, tmp_path: Path) -> None:
    save_adapter(tmp_path / "a", encoder(tiny_bert), factors(), rank=2, alpha=6, made={})
    path = tmp_path / "a" / "adapter_config.json"
    empty = {"rank_pattern": {}, "alpha_pattern": {}, "layer_replication": None, "modules_to_save": []}
    path.write_text(json.dumps({**json.loads(path.read_text()), **empty}))
    weights = tmp_path / "a" / "adapter_model.safetensors"
    save_file({name: one.bfloat16() for name, one in load_file(weights).items()}, weights)
    assert load_weights(str(tmp_path / "a"))


@pytest.mark.parametrize("ids", [None, [1, 2], [9999], ["1"]])
def test_embeddings_of_tokens_that_are_not_told_are_refused(
    ids: list[Any] | None, tiny_bert: Path, tmp_path: Path
) -> None:
    markers = {1: np.zeros(32, dtype=np.float32)}
    save_adapter(tmp_path / "a", encoder(tiny_bert), factors(), rank=2, alpha=6, markers=markers, made={})
    path = tmp_path / "a" / "relscout.json"
    told = json.loads(path.read_text())
    del told["marker_ids"]
    path.write_text(json.dumps(told if ids is None else {**told, "marker_ids": ids}))
    with pytest.raises(ArtifactError, match=r"embeddings of shape \(1, 32\) for the marker tokens"):
        load_weights(str(tmp_path / "a"))


def test_an_adapter_is_not_written_over_what_it_is_for(tiny_bert: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_bert, tmp_path / "base"))
    save_adapter(tmp_path / "a", encoder(base), factors(), rank=2, alpha=6, made={})
    for folder in (base, tmp_path / "a"):
        before = sorted(file.name for file in folder.iterdir())
        with pytest.raises(OutputError, match="holds the model that the adapter is for"):
            save_adapter(folder, encoder(tmp_path / "a"), factors(), rank=2, alpha=6, made={})
        assert sorted(file.name for file in folder.iterdir()) == before
    # a whole model needs nothing beside it
    merged = load_weights(str(tmp_path / "a")).state_dict()
    save_encoder(tmp_path / "a", encoder(tmp_path / "a"), made={})
    assert base_of(str(tmp_path / "a")) is None
    again = load_weights(str(tmp_path / "a")).state_dict()
    assert all(torch.equal(again[name], merged[name]) for name in merged if "pooler" not in name)


@pytest.mark.parametrize("load", [load_config, load_tokenizer, load_language_model])
def test_adapters_that_are_for_each_other_are_refused(load: Any, tiny_bert: Path, tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "a")):
        save_adapter(tmp_path / name, encoder(tiny_bert), factors(), rank=2, alpha=6, made={})
        path = tmp_path / name / "adapter_config.json"
        told = {**json.loads(path.read_text()), "base_model_name_or_path": str(tmp_path / base)}
        path.write_text(json.dumps(told))
    with pytest.raises(ArtifactError, match="leads back to it"):
        load(str(tmp_path / "a"))


def test_an_adapter_is_not_for_weights_that_no_folder_holds(tiny_bert: Path, tmp_path: Path) -> None:
    base = encoder(tiny_bert)
    name = f"{QUERY}.weight"
    trained = TransformerEncoder(
        base.settings, weights={name: np.zeros_like(base.model.state_dict()[name].numpy())}
    )
    with pytest.raises(SettingError, match="save it first"):
        save_adapter(tmp_path / "a", trained, factors(), rank=2, alpha=6, made={})


def test_the_base_of_an_adapter_named_like_a_bundled_one_is_that(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_bert, tmp_path / "minilm")
    monkeypatch.chdir(tmp_path)
    save_adapter(tmp_path / "a", encoder(Path("minilm")), {}, rank=2, alpha=6, made={})
    assert base_of(str(tmp_path / "a")) == "minilm"


def test_the_head_of_an_adapter_is_that_of_its_base(tiny_bert: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_bert, tmp_path / "base"))
    AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(base)).save_pretrained(base)
    save_adapter(tmp_path / "a", encoder(base), factors(), rank=2, alpha=6, made={})
    own, found = (load_language_model(str(place)) for place in (base, tmp_path / "a"))
    assert own is not None
    assert found is not None
    for name, tensor in own.state_dict().items():
        assert torch.equal(tensor, found.state_dict()[name]), name


def test_factors_of_other_shapes_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    save_adapter(tmp_path / "a", encoder(tiny_bert), factors(width=16), rank=2, alpha=6, made={})
    with pytest.raises(ArtifactError, match="it is for another model"):
        load_weights(str(tmp_path / "a"))


def test_damaged_files_are_told(tiny_bert: Path, tmp_path: Path) -> None:
    save_adapter(tmp_path / "a", encoder(tiny_bert), factors(), rank=2, alpha=6, made={})
    (tmp_path / "a" / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match="missing or damaged"):
        load_weights(str(tmp_path / "a"))
    (tmp_path / "a" / "relscout.json").write_text('{"format": 1}')
    with pytest.raises(ArtifactError, match="save the encoder again"):
        settings_for(str(tmp_path / "a"))
    (tmp_path / "a" / "relscout.json").write_text('{"format": 9}')
    with pytest.raises(ArtifactError, match="update relscout"):
        about(str(tmp_path / "a"))


def test_markers_without_a_place_are_refused(tiny_bert_without_unused: Path, tmp_path: Path) -> None:
    base = encoder(tiny_bert_without_unused)
    first = load_weights(str(tiny_bert_without_unused)).get_input_embeddings().num_embeddings
    with pytest.raises(SettingError, match="no place for marker tokens"):
        save_adapter(
            tmp_path / "a",
            base,
            factors(),
            rank=2,
            alpha=6,
            markers={first: np.zeros(32, dtype=np.float32)},
            made={},
        )


def test_an_encoder_and_an_adapter_replace_each_other_in_folders_that_are_made(
    tiny_bert: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "place" / "e"
    save_encoder(out, encoder(tiny_bert), made={})
    save_adapter(out, encoder(tiny_bert), factors(), rank=2, alpha=6, made={})
    assert not (out / "model.safetensors").exists()
    save_encoder(out, encoder(tiny_bert), made={})
    assert not (out / "adapter_config.json").exists()
    save_adapter(tmp_path / "another" / "a", encoder(tiny_bert), factors(), rank=2, alpha=6, made={})
    assert base_of(str(tmp_path / "another" / "a")) == str(tiny_bert.resolve())


def test_whoever_may_read_other_files_may_read_an_encoder(tiny_bert: Path, tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    save_encoder(tmp_path / "e", encoder(tiny_bert), made={})
    modes = {file.stat().st_mode for file in (tmp_path / "e").iterdir()}
    assert modes == {(tmp_path / "usual").stat().st_mode}


def test_whatever_files_an_encoder_has_it_is_replaced(tiny_bert: Path, tmp_path: Path) -> None:
    save_encoder(tmp_path / "e", encoder(tiny_bert), made={})
    told = json.loads((tmp_path / "e" / "relscout.json").read_text())
    written = {file.name for file in (tmp_path / "e").iterdir()} - {"relscout.json"}
    assert set(told["files"]) == written
    # as the tokenizers and the large models of others have them
    for name in ("sentencepiece.bpe.model", "model-00001-of-00002.safetensors"):
        (tmp_path / "e" / name).touch()
        with pytest.raises(OutputError, match=name):
            save_encoder(tmp_path / "e", encoder(tiny_bert), made={})
        told["files"].append(name)
        (tmp_path / "e" / "relscout.json").write_text(json.dumps(told))
    save_encoder(tmp_path / "e", encoder(tiny_bert), made={})
    assert {file.name for file in (tmp_path / "e").iterdir()} == written | {"relscout.json"}


def test_a_folder_with_other_files_is_not_replaced(tiny_bert: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("…")
    with pytest.raises(OutputError, match=r"thesis\.tex"):
        save_encoder(tmp_path / "mine", encoder(tiny_bert), made={})


def test_the_report_of_the_training_is_saved_with_the_encoder_or_not_at_all(
    tiny_bert: Path, tmp_path: Path
) -> None:
    base = encoder(tiny_bert)
    save_encoder(tmp_path / "e", base, made={}, report={"steps": 3})
    save_adapter(tmp_path / "a", base, factors(), rank=2, alpha=6, made={}, report={"steps": 4})
    for name, steps in (("e", 3), ("a", 4)):
        assert json.loads((tmp_path / name / "pretraining.json").read_text()) == {"steps": steps}
    # what cannot be written as JSON leaves the older folder as it was
    for save in (save_encoder, partial(save_adapter, lora=factors(), rank=2, alpha=6)):
        with pytest.raises(TypeError):
            save(tmp_path / "a", base, made={}, report={"steps": object()})
    assert json.loads((tmp_path / "a" / "pretraining.json").read_text()) == {"steps": 4}
