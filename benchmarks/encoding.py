"""How fast the encoder is: against padding to 128 with the same model, and against plain matrix multiplication.

The alternatives run in turn (A B C, A B C, …) on the same sentences, and the matrix multiplication is timed in every
turn, so that ratios hold when the machine's speed drifts. Quoted are medians of the rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from benchmarks.records import write_result
from relscout import EncoderSettings, RelationInstance, TransformerEncoder
from relscout.encoders.settings import BUNDLED, locate
from relscout.lab.protocols import load

_PADDED_TO, _BATCH = 128, 32


def run(data: Path, *, n_instances: int, rounds: int) -> None:
    """Time the alternatives on ``n_instances`` sentences drawn from FewRel, and write the result."""
    everything = load("fewrel-unsupervised", data).scored
    chosen = np.random.default_rng(0).choice(len(everything), n_instances, replace=False)
    instances = [everything[place] for place in chosen]
    bucketed = {dtype: TransformerEncoder(EncoderSettings(dtype=dtype)) for dtype in ("float32", "bfloat16")}
    alternatives: dict[str, Callable[[], object]] = {
        "bucketed, float32": lambda: bucketed["float32"].encode(instances),
        "bucketed, bfloat16": lambda: bucketed["bfloat16"].encode(instances),
        "padded to 128, float32": _padded(instances),
    }
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    rates: list[float] = []
    for encode in alternatives.values():
        encode()
    for round_number in range(rounds):
        rates.append(matrix_multiply_rate())
        for name, encode in alternatives.items():
            started = time.perf_counter()
            encode()
            seconds[name].append(time.perf_counter() - started)
        latest = {name: round(times[-1], 2) for name, times in seconds.items()}
        print(f"round {round_number + 1}:", latest, flush=True)
    work = _matrix_operations(bucketed["float32"], instances)
    ratios = [
        padded / ours
        for padded, ours in zip(seconds["padded to 128, float32"], seconds["bucketed, float32"], strict=True)
    ]
    low = [
        ours / other
        for ours, other in zip(seconds["bucketed, float32"], seconds["bucketed, bfloat16"], strict=True)
    ]
    shares = [work / ours / rate for ours, rate in zip(seconds["bucketed, float32"], rates, strict=True)]
    result = {
        "instances": n_instances,
        "rounds": rounds,
        "threads": torch.get_num_threads(),
        "seconds": {name: [round(one, 3) for one in times] for name, times in seconds.items()},
        "instances_per_second": {
            name: round(n_instances / statistics.median(t), 1) for name, t in seconds.items()
        },
        "bucketed_over_padded": round(statistics.median(ratios), 2),
        "bfloat16_over_float32": round(statistics.median(low), 2),
        "matrix_multiply_gflops": [round(rate / 1e9, 1) for rate in rates],
        "share_of_matrix_multiply_rate": round(statistics.median(shares), 3),
    }
    path = write_result("encoding", result)
    quoted = ("bucketed_over_padded", "bfloat16_over_float32", "share_of_matrix_multiply_rate")
    print({key: result[key] for key in quoted})
    print(f"written to {path}")


def matrix_multiply_rate(repeats: int = 200) -> float:
    """Return floating-point operations a second of the encoder's largest matrix product, alone, float32."""
    left, right = torch.randn(2048, 384), torch.randn(384, 1536)
    for _ in range(10):
        left @ right
    started = time.perf_counter()
    for _ in range(repeats):
        left @ right
    return repeats * 2 * 2048 * 384 * 1536 / (time.perf_counter() - started)


def _matrix_operations(encoder: TransformerEncoder, instances: Sequence[RelationInstance]) -> float:
    """Return the floating-point operations of all matrix products that the sentences need, padding not counted."""
    config: Any = encoder._config
    width, inner = config.hidden_size, config.intermediate_size
    lengths = [len(one.marked.ids) + 2 for one in encoder.vocabulary.inputs(instances)]
    linear = 2 * sum(lengths) * (4 * width * width + 2 * width * inner)
    attention = 4 * width * sum(length * length for length in lengths)
    return float(config.num_hidden_layers * (linear + attention))


def _padded(instances: Sequence[RelationInstance]) -> Callable[[], object]:
    """Return the usual way: batches in the order of the file, padded to 128 tokens, all layers, the same pooling."""
    folder = locate(BUNDLED)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    texts = [instance.text for instance in instances]

    def encode() -> object:
        pooled = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                batch = tokenizer(
                    texts[start : start + _BATCH],
                    padding="max_length",
                    truncation=True,
                    max_length=_PADDED_TO,
                    return_tensors="pt",
                )
                states = model(**batch, output_hidden_states=True).hidden_states
                mask = batch["attention_mask"][:, :, None].float()
                pooled.append([(states[layer] * mask).sum(dim=1) / mask.sum(dim=1) for layer in (3, 4, 5, 6)])
        return pooled

    return encode
