"""Pre-train an encoder on a corpus of instances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relscout.core.errors import InputError, SettingError
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

#: Default encoder settings: markers, the hidden states at the start markers (eq. 1), and 64 tokens.
READ_BY = EncoderSettings(marking="C+M", pooling="start", max_length=64)
#: Increase it whenever the checkpoints of older versions cannot be resumed.
_SCHEME = 2


@dataclass(frozen=True)
class Pretrained:
    """The result of pre-training.

    Args:
        encoder: The pre-trained encoder, with an adapter merged into it.
        report: Report of the training, as JSON values.
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

    The result does not depend on the order of the instances, and repetitions count once. Interrupted training resumes
    from ``checkpoints``, and gives the same bytes.

    Args:
        instances: The instances; read once, as a stream. ``cp`` needs their relations.
        encoder: The encoder to start from; by default the bundled one with the settings :data:`READ_BY`.
        objective: ``cp`` or ``mtb``.
        settings: See :class:`PretrainingSettings`; a mapping overrides settings of the preset.
        preset: ``minilm``, ``paper`` or ``released``; no effect if ``settings`` are a :class:`PretrainingSettings`.
        seed: Random seed.
        out: Folder to save the encoder in; an older one in it is replaced.
        exclude: Test instances, whose entity pairs are left out.
        checkpoints: Folder for checkpoints.
        accelerated: Whether to use the processes of Hugging Face accelerate; by default, if it started the program.
        progress: Called with the instances read, stage ``"read"``, and the steps done, stage ``"pre-train"``.

    Returns:
        The encoder and the report, the same in every process.

    Raises:
        InputError: There are no pairs, or fewer than processes.
        SettingError: A setting is invalid or has no effect, or training diverged.
        UnknownNameError: There is no such objective or preset.
        ArtifactError: A checkpoint is damaged, or the processes do not see the same checkpoints.
        MissingExtraError: An adapter or several processes need the extra ``pretrain``, which is not installed.
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
    identity = {
        "scheme": _SCHEME,
        "objective": objective,
        "settings": to_mapping(settings),
        "seed": seed,
        "corpus": corpus.digest,
        "head": network.head_hash(),
        "arithmetic": arithmetic(settings, fellows),
        # the distribution of the sentences over processes and groups changes dropout, and therefore the result
        "processes": fellows.count,
        "batch_tokens": encoder.settings.batch_tokens,
    }
    return Checkpoints.of(
        folder, settings={"pretraining": identity}, fingerprint=encoder.fingerprint, instances=()
    )


def _warnings(statistics: Mapping[str, int], network: Network) -> list[str]:
    warnings = []
    if alone := statistics.get("relations_of_one_sentence", 0):
        warnings.append(f"{counted(alone, 'relation')} left out: each has only one sentence")
    if network.head == "fresh":
        warnings.append(
            "the checkpoint has no head for masked language modelling, so a new one is trained with the encoder; "
            "mlm_weight=0 disables it"
        )
    return warnings


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
        save_encoder(out, encoder, weights=weights, made=report, report=report)
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
            report=report,
        )
