"""How fast pre-training is: sentences in groups of like length, against padding to the maximum length.

A step is CP with masked language modelling on the bundled encoder, the whole model training: sentences are blanked and
masked, run, and the gradient is taken; the optimizer is left out, since its cost is that of the model alone. Padded,
every sentence is brought to the maximum length and words are predicted at all of its tokens, as the code of the paper
does; beside it stands padding where words are predicted at the masked tokens only. The alternatives run in turn on the
same sentences, and quoted are medians of the rounds' ratios: of the time on the clock, and of that on the processor,
which does not count what other programs take.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks.records import write_result
from relscout import TransformerEncoder, read
from relscout.encoders import EncoderSettings
from relscout.encoders.transformer import load_tokenizer
from relscout.pretraining import READ_BY, settings_of
from relscout.pretraining.batch import Group, Preparation
from relscout.pretraining.corpus import read_corpus
from relscout.pretraining.network import Network
from relscout.pretraining.objectives import contrast
from relscout.pretraining.pairs import Bags

_CPU = torch.device("cpu")


def run(data: Path, *, pairs: int, rounds: int, lengths: tuple[int, ...] = (64, 128)) -> None:
    """Time a step of so many pairs of Wiki80, and write the result."""
    torch.manual_seed(0)
    details: dict[str, Any] = {
        "note": " ".join(str(__doc__).split()),
        "pairs": pairs,
        "rounds": rounds,
        "threads": torch.get_num_threads(),
        "by_length": {str(length): _measured(data, length, pairs=pairs, rounds=rounds) for length in lengths},
    }
    print(f"written to {write_result('pretraining-speed', details)}")


def _measured(data: Path, length: int, *, pairs: int, rounds: int) -> dict[str, Any]:
    encoder = TransformerEncoder(EncoderSettings("minilm", READ_BY.marking, READ_BY.pooling, length))
    settings = settings_of("cp", {"batch": pairs})
    corpus = read_corpus(read(data / "wiki80" / "train_0.1.txt"), encoder.vocabulary, with_relation=True)
    chosen = Bags(corpus, distinct_pairs=True, seed=0).pairs(0)[0][:pairs]
    network = Network(encoder, settings, as_states=False, seed=0, device=_CPU)
    tokenizer = load_tokenizer("minilm")

    def groups(at_most: int) -> list[Group]:
        preparation = Preparation(
            corpus, settings, tokenizer=tokenizer, max_length=length, at_most=at_most, device=_CPU
        )
        return preparation.groups(chosen.ravel(), np.random.default_rng(0))

    def step(found: list[Group], *, everywhere: bool) -> None:
        rows = np.concatenate([group.rows for group in found])
        wanted = contrast(
            corpus, chosen, np.ones(pairs, dtype=bool), objective="cp", settings=settings, device=_CPU
        )
        read_groups, words = [], []
        for group in found:
            assert group.asked is not None
            assert group.words is not None
            asked = torch.ones_like(group.asked) if everywhere else group.asked
            x, scores = network.read(group.ids, group.places, asked)
            assert scores is not None
            read_groups.append(x)
            at = group.asked.ravel() if everywhere else slice(None)
            words.append(cross_entropy(scores[at], group.words, reduction="sum"))
        x = torch.cat(read_groups)[torch.from_numpy(np.argsort(rows))]
        loss = wanted.loss(x) + torch.stack(words).sum() / sum(len(group.words) for group in found)  # type: ignore[arg-type]
        loss.backward()
        for _, parameter in network.named_parameters():
            parameter.grad = None

    alternatives: dict[str, Callable[[], None]] = {
        "grouped": lambda: step(groups(encoder.settings.batch_tokens), everywhere=False),
        "padded": lambda: step(_padded(groups(1 << 30), length), everywhere=False),
        "padded, words everywhere": lambda: step(_padded(groups(1 << 30), length), everywhere=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    on_processor: dict[str, list[float]] = {name: [] for name in alternatives}
    for number in range(rounds):
        for name, one in alternatives.items():
            began, ran = time.perf_counter(), time.process_time()
            one()
            seconds[name].append(time.perf_counter() - began)
            on_processor[name].append(time.process_time() - ran)
        latest = {name: round(took[-1], 2) for name, took in on_processor.items()}
        print(f"{length}, round {number + 1}, seconds of the processor:", latest, flush=True)
    lengths = np.concatenate([group.places.length.numpy() for group in groups(2048)])
    return {
        "mean_tokens": round(float(lengths.mean()), 1),
        "over_grouped": _ratios(seconds),
        "over_grouped_on_processor": _ratios(on_processor),
        "seconds": _rounded(seconds),
        "seconds_on_processor": _rounded(on_processor),
    }


def _ratios(seconds: dict[str, list[float]]) -> dict[str, float]:
    return {
        name: round(statistics.median(np.array(took) / np.array(seconds["grouped"])), 2)
        for name, took in seconds.items()
        if name != "grouped"
    }


def _rounded(seconds: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [round(one, 3) for one in took] for name, took in seconds.items()}


def _padded(groups: list[Group], length: int) -> list[Group]:
    """Return the groups, in one here, brought to the maximum length."""

    def wide(tensor: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(tensor, (0, length - tensor.shape[1]))

    assert all(group.asked is not None for group in groups)
    return [
        Group(group.rows, wide(group.ids), group.places, wide(group.asked), group.words)  # type: ignore[arg-type]
        for group in groups
    ]
