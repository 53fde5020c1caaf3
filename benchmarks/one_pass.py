"""How fast all pairs of a sentence are encoded: one pass for each sentence, against one for each pair.

The alternatives run in turn on the same sentences, so that ratios hold when the machine's speed drifts. Quoted are
medians of the rounds. Pair by pair is what the encoder did before: every pair fills a row of a batch and is pooled
alone; tokenising is shared in both.
"""

from __future__ import annotations

import itertools
import json
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.records import write_result
from relscout import Mention, RelationInstance, TransformerEncoder
from relscout.encoders.inputs import batches, collate
from relscout.encoders.pooling import pool_part
from relscout.text.corpus import bundled_corpus

_SHARD = 8192
#: Runs of capitalised words, which stand for names where nothing is annotated.
_NAME = re.compile(r"\b[A-Z]\w+(?: [A-Z]\w+)*")


def run(data: Path | None, *, n_sentences: int, rounds: int) -> None:
    """Time the alternatives on the pairs of ``n_sentences`` drawn sentences, and write the result."""
    everything = redocred(data) if data is not None else bundled()
    chosen = np.random.default_rng(0).choice(
        len(everything), min(n_sentences, len(everything)), replace=False
    )
    pairs = [pair for place in np.sort(chosen) for pair in everything[place]]
    both = [*pairs, *(pair.swapped() for pair in pairs)]
    encoder = TransformerEncoder()
    alternatives: dict[str, Callable[[], object]] = {
        "one pass, each pair once": lambda: encoder.encode(pairs),
        "pair by pair, each pair once": lambda: pair_by_pair(encoder, pairs),
        "pair by pair, both directions": lambda: pair_by_pair(encoder, both),
    }
    few = pairs[:200]
    difference = float(np.abs(encoder.encode(few) - pair_by_pair(encoder, few)).max())
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for round_number in range(rounds):
        for name, encode in alternatives.items():
            seconds[name].append(_seconds(encode))
        latest = {name: round(times[-1], 2) for name, times in seconds.items()}
        print(f"round {round_number + 1}:", latest, flush=True)
    one, once, twice = seconds.values()
    whole = [pair for sentence in everything for pair in sentence]
    result: dict[str, Any] = {
        "data": "bundled corpus" if data is None else "Re-DocRED dev",
        "sentences": len(chosen),
        "pairs": len(pairs),
        "rounds": rounds,
        "threads": torch.get_num_threads(),
        "largest_difference_of_a_number": difference,
        "seconds": {name: [round(time, 3) for time in times] for name, times in seconds.items()},
        "pairs_per_second": {
            name: round(len(pairs) / statistics.median(times), 1) for name, times in seconds.items()
        },
        "times_as_fast_as_each_pair_once": round(_ratio(once, one), 1),
        "times_as_fast_as_both_directions": round(_ratio(twice, one), 1),
        "tokens_of_pairs_over_tokens_of_sentences": round(_tokens(encoder, pairs), 1),
        "whole": {
            "sentences": len(everything),
            "pairs": len(whole),
            "seconds": round(_seconds(lambda: encoder.encode(whole)), 2),
        },
    }
    path = write_result("one-pass", result)
    print({key: value for key, value in result.items() if key != "seconds"})
    print(f"written to {path}")


def redocred(data: Path) -> list[list[RelationInstance]]:
    """Return the pairs of entities of every sentence of Re-DocRED's ``dev.json``, each pair once.

    An entity stands where the sentence first mentions it; of nested mentions, both make pairs.
    """
    documents = json.loads((data / "redocred" / "dev.json").read_text(encoding="utf-8"))
    found = []
    for document in documents:
        for number, words in enumerate(document["sents"]):
            begins = list(itertools.accumulate((len(word) + 1 for word in words), initial=0))
            mentions = []
            for entity in document["vertexSet"]:
                here = sorted(tuple(one["pos"]) for one in entity if one["sent_id"] == number)
                if here:
                    first, last = here[0]
                    kind = entity[0]["type"]
                    mentions.append(Mention(begins[first], begins[last] - 1, kind))
            found.append(_pairs(" ".join(words), mentions))
    return [pairs for pairs in found if pairs]


def bundled() -> list[list[RelationInstance]]:
    """Return the pairs of capitalised words of every sentence of the bundled corpus, each pair once."""
    texts = dict.fromkeys(instance.text for instance in bundled_corpus())
    found = [_pairs(text, [Mention(*name.span()) for name in _NAME.finditer(text)]) for text in texts]
    return [pairs for pairs in found if pairs]


def pair_by_pair(encoder: TransformerEncoder, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
    """Return vectors (N, D), float32, of which each took a pass of its own."""
    vectors = np.empty((len(instances), encoder.dimension), dtype=np.float32)
    for start in range(0, len(instances), _SHARD):
        inputs = encoder.vocabulary.inputs(instances[start : start + _SHARD])
        lengths = np.array([len(item.marked.ids) for item in inputs]) + encoder.vocabulary.overhead
        for batch in batches(lengths, encoder.settings.batch_tokens):
            ids, places = collate([inputs[row] for row in batch], encoder.vocabulary, encoder.device)
            with torch.inference_mode():
                states = encoder.hidden_states(ids, places)
                parts = [
                    pool_part(states[-1 if part.layer is None else part.layer], places, part)
                    for part in encoder.parts
                ]
                vectors[start + batch] = torch.cat(parts, dim=1).cpu().numpy()
    return vectors


def _pairs(text: str, mentions: Sequence[Mention]) -> list[RelationInstance]:
    apart = itertools.combinations(sorted(mentions, key=lambda one: (one.start, one.end)), 2)
    return [
        RelationInstance(text, first, second)
        for first, second in apart
        if (first.start, first.end) != (second.start, second.end)
    ]


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(slow, fast, strict=True))


def _tokens(encoder: TransformerEncoder, pairs: Sequence[RelationInstance]) -> float:
    """Return how many tokens the transformer reads pair by pair for each that it reads in one pass."""
    inputs = [item.marked.ids for item in encoder.vocabulary.inputs(pairs)]
    overhead = encoder.vocabulary.overhead
    return sum(len(ids) + overhead for ids in inputs) / sum(len(ids) + overhead for ids in set(inputs))
