"""How much memory SelfORE needs for ten thousand and for a hundred thousand sentences, and in which phase.

Every size is fitted in a process of its own. The sentences are synthetic, about 40 tokens long and all different, of
16 templates that make the clusters. Everything that is kept has its full width: hidden states of 384 dimensions for
every token, vectors of 2,304 for every sentence, as with the default encoder and pooling. To keep the time bearable
the encoder is a small one with the bundled vocabulary and random weights: two layers, of which the second trains, with
a narrow inner layer, which is nothing that is kept. Every kind of epoch is run once in each loop. The time is not
that of a real fit, therefore. There are three clusterings and two classifications, so that a loop is measured in which
what the first one left behind is still there.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import write_result
from relscout import EncoderSettings, Mention, RelationInstance, TransformerEncoder
from relscout.encoders.settings import BUNDLED
from relscout.encoders.transformer import load_tokenizer

_RELATIONS = 16
_POOLING = "span-mean@1+span-mean@2+sentence@2+between@2"
_SETTINGS: dict[str, Any] = {
    "trained_layers": 1,
    "max_loops": 3,
    "stop_change": 0.0,
    "autoencoder_epochs": 1,
    "autoencoder_steps": 0,
    "cluster_epochs": 1,
    "classifier_epochs": 2,
    "frozen_epochs": 1,
    "redraws": 0,
    "restarts": 0,
}
_VERBS = ["founded", "joined", "left", "painted", "visited", "bought", "sold", "designed"]
_KINDS = ("company", "novel")
_FILLERS = (
    "when the war was over and the old harbour had been opened to ships from the south again ,",
    "although hardly anybody in the village would have believed it at that time ,",
    "while the council was still debating the plans of the architects from abroad ,",
    "after a long winter in the mountains near the border ,",
    "as letters that were found much later in the archive of the town show ,",
    "in the same year ,",
)
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def run(sizes: Sequence[int]) -> None:
    """Measure every size and write the result."""
    rows = []
    for size in sizes:
        words = [sys.executable, "-m", "benchmarks.selfore_memory", str(size)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    details = {"relations": _RELATIONS, "pooling": _POOLING, "settings": _SETTINGS}
    path = write_result("selfore-memory", {**details, "note": " ".join(str(__doc__).split()), "rows": rows})
    print(f"written to {path}")


def measure(size: int) -> dict[str, Any]:
    """Return seconds and peak memory of each phase of a fit, and of the whole process, in MiB."""
    instances = sentences(size)
    with tempfile.TemporaryDirectory() as folder:
        return _measured(size, instances, small_encoder(Path(folder)))


def small_encoder(folder: Path) -> TransformerEncoder:
    """Save an encoder as wide as the bundled one, but of two thin layers, and load it."""
    import torch
    from transformers import BertConfig, BertModel

    tokenizer = load_tokenizer(BUNDLED)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=384,
        num_hidden_layers=2,
        num_attention_heads=12,
        intermediate_size=384,
        initializer_range=0.1,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return TransformerEncoder(EncoderSettings(model=str(folder), pooling=_POOLING))


def _measured(size: int, instances: list[RelationInstance], encoder: TransformerEncoder) -> dict[str, Any]:
    from relscout.methods.selfore import SelfORE

    lengths = [
        len(one.marked.ids) + encoder.vocabulary.overhead
        for one in encoder.vocabulary.inputs(instances[:1000])
    ]
    _ = encoder.model
    phases = Phases()
    method = SelfORE(encoder, n_relations=_RELATIONS, seed=0, **_SETTINGS)
    method.fit(instances, progress=phases)
    rows = phases.finish()
    return {
        "instances": size,
        "mean_tokens": round(float(np.mean(lengths)), 1),
        "dimensions": int(method.vectors_.shape[1]),
        "loops": len(method.report_["loops"]),
        "relations": method.n_relations_,
        "peak_mib": max(row["peak_mib"] for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "phases": rows,
    }


class Phases:
    """Listens to a fit and takes down each phase: from its first report to the first one of the next phase.

    Work that reports nothing counts for the phase before it. The peak is ``VmHWM``, set back at the start of each
    phase: pages of mapped files count in it, the system's cache of files that are read does not.
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._begin("start")

    def __call__(self, stage: str, *_: object) -> None:
        """Take note of a report (see :class:`relscout.core.progress.Progress`)."""
        if stage != self._stage:
            self._end()
            self._begin(stage)

    def finish(self) -> list[dict[str, Any]]:
        """Return phase, seconds, and resident memory in MiB at its highest and at its end."""
        self._end()
        return self._rows

    def _begin(self, stage: str) -> None:
        self._stage, self._started = stage, time.perf_counter()
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5", encoding="ascii")

    def _end(self) -> None:
        seconds = round(time.perf_counter() - self._started, 1)
        peak, at_end = _resident("VmHWM"), _resident("VmRSS")
        self._rows.append({"phase": self._stage, "seconds": seconds, "peak_mib": peak, "mib_at_end": at_end})


def sentences(count: int) -> list[RelationInstance]:
    """Return sentences of 16 templates, 20 to 70 tokens long, no two of them equal."""
    random = np.random.default_rng(0)
    return [_sentence(number, random) for number in range(count)]


def _sentence(number: int, random: np.random.Generator) -> RelationInstance:
    relation = number % _RELATIONS
    verb, kind = _VERBS[relation // len(_KINDS)], _KINDS[relation % len(_KINDS)]
    head, tail = f"Anna Person{number}", f"the {kind} Thing {int(random.integers(10_000))}"
    chosen = random.choice(len(_FILLERS), int(random.integers(1, 4)), replace=False)
    before, *behind = (_FILLERS[place] for place in chosen)
    begin = f"{before} "
    middle = f" {verb} , together with friends , "
    text = " ".join([f"{begin}{head}{middle}{tail} ,", *behind]).rstrip(" ,") + " ."
    tail_start = len(begin) + len(head) + len(middle)
    return RelationInstance(
        text, Mention(len(begin), len(begin) + len(head)), Mention(tail_start, tail_start + len(tail))
    )


def _resident(field: str) -> int:
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return round(int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
