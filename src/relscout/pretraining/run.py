"""Pre-train an encoder on a corpus: from instances to an encoder that knows relations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relscout.core.errors import InputError, SettingError
from relscout.core.files import whole_file
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.settings import to_mapping
from relscout.core.wording import counted
from relscout.encoders import EncoderSettings, TransformerEncoder, loss_warnings
from relscout.encoders.layers import alpha_of
from relscout.encoders.saved import check_adapter, save_adapter, save_encoder
from relscout.encoders.transformer import load_tokenizer
from relscout.pretraining.batch import Preparation
from relscout.pretraining.corpus import Corpus, Excluded, read_corpus
from relscout.pretraining.network import Network
from relscout.pretraining.pairs import Bags, EntityPairs
from relscout.pretraining.settings import PretrainingSettings, check_names, settings_of
from relscout.pretraining.trainer import Processes, Trainer, arithmetic, check_batch, processes
from relscout.training.stored import Checkpoints

#: How an encoder is read where the user does not say: with markers, at their first tokens (eq. 1), 64 tokens.
READ_BY = EncoderSettings(marking="C+M", pooling="start", max_length=64)
#: The file of the report, in the encoder's folder.
REPORT = "pretraining.json"
#: Increased whenever this version cannot resume the work of an older one.
_SCHEME = 2


@dataclass(frozen=True)
class Pretrained:
    """What came of it.

    Args:
        encoder: The pre-trained encoder, an adapter merged into it.
        report: How it went, as JSON values.
    """

    encoder: TransformerEncoder
    report: dict[str, Any]


def pretrain(
    instances: Iterable[RelationInstance],
    encoder: TransformerEncoder | None = None,
    *,
    objective: str = "cp",
    settings: PretrainingSettings | Mapping[str, Any] | None = None,
    preset: str = "minilm",
    seed: int = 0,
    out: Path | None = None,
    exclude: Iterable[RelationInstance] = (),
    checkpoints: Path | None = None,
    accelerated: bool | None = None,
    progress: Progress = silent,
) -> Pretrained:
    """Pre-train an encoder by contrast (Peng et al. 2020: CP; Soares et al. 2019: MTB).

    The order of the instances does not matter; what repeats is learnt from once. Interrupted training resumes from
    ``checkpoints`` and ends with the same bytes.

    Args:
        instances: What to learn from; read once, as they come. ``cp`` needs their relations.
        encoder: The encoder to start from; the bundled one, read by its markers, where left out.
        objective: ``cp`` or ``mtb``.
        settings: See :class:`PretrainingSettings`; given as a mapping, they are laid over those of the preset.
        preset: ``minilm``, ``paper`` or ``released``; without effect where ``settings`` are whole.
        seed: Random seed.
        out: Folder to save the encoder in; an older one in it is replaced.
        exclude: Instances whose entity pairs must not be learnt from, because they will be tested on.
        checkpoints: Folder for work in progress.
        accelerated: Whether Hugging Face accelerate is asked for fellow processes; left out, where it was launched.
        progress: Called with the instances read, stage ``"read"``, and the steps done, stage ``"pre-train"``.

    Returns:
        The encoder and the report; in several processes, in each of them.

    Raises:
        InputError: The instances give no pairs, or fewer than there are processes.
        SettingError: A setting has a value that cannot work or no effect, or training diverged.
        UnknownNameError: There is no such objective or preset.
        ArtifactError: Work in progress is damaged, or several processes do not see the same.
        MissingExtraError: An adapter, or several processes, need the extra ``pretrain``.
        OutputError: A folder cannot be written.
    """
    check_names(objective, preset)
    chosen = (
        settings
        if isinstance(settings, PretrainingSettings)
        else settings_of(objective, settings, preset=preset)
    )
    encoder = encoder or TransformerEncoder(READ_BY)
    vocabulary = encoder.vocabulary
    if chosen.mlm_weight and vocabulary.mask_id is None:
        raise SettingError(f"the tokenizer of {encoder.settings.model!r} has no mask token; set mlm_weight=0")
    if chosen.adapter_rank and vocabulary.n_new_embeddings:
        raise SettingError(
            f"the vocabulary of {encoder.settings.model!r} has no place for marker tokens, so that an adapter cannot "
            "hold their embeddings; set adapter_rank=0 to train the whole model, or take a marking without new tokens"
        )
    if chosen.adapter_rank and out is not None:
        check_adapter(out, encoder)
    fellows = processes(encoder.device, accelerated=accelerated)
    check_batch(chosen.batch, fellows)
    corpus = read_corpus(
        instances,
        vocabulary,
        with_relation=objective == "cp",
        excluded=Excluded(exclude),
        progress=progress,
    )
    pairs = _pairs(corpus, objective, chosen, seed)
    if pairs.count < fellows.count:
        raise InputError(
            f"an epoch has {counted(pairs.count, 'pair')}, which {fellows.count} processes cannot share; start fewer"
        )
    as_states = objective == "mtb" or chosen.loss == "paper"
    network = Network(encoder, chosen, as_states=as_states, seed=seed, device=fellows.device)
    preparation = Preparation(
        corpus,
        chosen,
        tokenizer=load_tokenizer(encoder.settings.model),
        max_length=encoder.settings.max_length,
        at_most=encoder.settings.batch_tokens,
        device=fellows.device,
    )
    work = _work(checkpoints, corpus, encoder, network, objective, chosen, seed, fellows)
    trainer = Trainer(
        network,
        corpus,
        pairs,
        preparation,
        objective=objective,
        settings=chosen,
        seed=seed,
        processes=fellows,
        work=work,
    )
    for done in trainer.steps():
        progress("pre-train", done, trainer.total)
    weights = network.encoder_weights()
    report = {
        "objective": objective,
        "settings": to_mapping(chosen),
        "seed": seed,
        "encoder": encoder.settings.model,
        "fingerprint": encoder.fingerprint,
        "instances": len(corpus),
        "left_out": dict(corpus.left_out),
        "pairs": {**pairs.statistics, "of_an_epoch": pairs.count},
        "mlm_head": network.head,
        "steps": trainer.total,
        "processes": fellows.count,
        "dtype": trainer.dtype,
        "seconds": round(trainer.watch.seconds, 1),
        "sentences_per_second": round(trainer.watch.sentences / max(trainer.watch.seconds, 1e-9), 1),
        "epochs": trainer.watch.epochs,
        "warnings": [
            *loss_warnings(corpus.lost),
            *_warnings(pairs.statistics, network),
            *trainer.watch.warnings(),
        ],
    }
    if out is not None and fellows.rank == 0:
        _save(out, encoder, network, weights, chosen, report)
    if fellows.rank == 0:
        work.clear()
    whole = {**encoder.weights, **weights}  # an adapter changes some weights only
    return Pretrained(TransformerEncoder(encoder.settings, cache=encoder.cache, weights=whole), report)


def _pairs(corpus: Corpus, objective: str, settings: PretrainingSettings, seed: int) -> Bags | EntityPairs:
    if objective == "cp":
        return Bags(corpus, distinct_pairs=settings.distinct_pairs, seed=seed)
    return EntityPairs(corpus, most=settings.sentences_per_pair, all_pairs=settings.all_pairs, seed=seed)


def _work(
    folder: Path | None,
    corpus: Corpus,
    encoder: TransformerEncoder,
    network: Network,
    objective: str,
    settings: PretrainingSettings,
    seed: int,
    fellows: Processes,
) -> Checkpoints:
    if folder is None:
        return Checkpoints(None)
    details = {
        "scheme": _SCHEME,
        "objective": objective,
        "settings": to_mapping(settings),
        "seed": seed,
        "corpus": corpus.digest,
        "head": network.head_hash(),
        "arithmetic": arithmetic(settings, fellows),
        # how sentences are shared and grouped changes dropout, and hence the result
        "processes": fellows.count,
        "batch_tokens": encoder.settings.batch_tokens,
    }
    return Checkpoints.of(
        folder, settings={"pretraining": details}, fingerprint=encoder.fingerprint, instances=()
    )


def _warnings(details: Mapping[str, int], network: Network) -> list[str]:
    found = []
    if alone := details.get("relations_of_one_sentence", 0):
        found.append(f"{counted(alone, 'relation')} left out: each has only one sentence")
    if network.head == "fresh":
        found.append(
            "the checkpoint has no head for masked language modelling, so a new one is trained with the encoder; "
            "mlm_weight=0 disables it"
        )
    return found


def _save(
    out: Path,
    encoder: TransformerEncoder,
    network: Network,
    weights: Mapping[str, Any],
    settings: PretrainingSettings,
    report: Mapping[str, Any],
) -> None:
    adapter = network.adapter()
    if adapter is None:
        save_encoder(out, encoder, weights=weights, made=report)
    else:
        factors, markers = adapter
        save_adapter(
            out,
            encoder,
            factors,
            rank=settings.adapter_rank,
            alpha=alpha_of(settings.adapter_rank),
            markers=markers,
            made=report,
        )
    with whole_file(out / REPORT) as partial:
        partial.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
