"""What runs the encoder fastest on one thread, and does it change the clusters?

The alternatives encode the same sentences in turn (A B C, A B C, …), and processor time is measured, because other
programs may run on the machine. Vectors of a development draw are then clustered with several seeds. PyTorch's compiler
and ONNX Runtime are no backends of relscout: here they show what is missed. They are left out where their packages (or
a C++ compiler) are missing, or with ``--supported``.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.records import write_result
from relscout import EncoderSettings, RelationInstance, TransformerEncoder, discover, score
from relscout.encoders.pooling import Places
from relscout.encoders.settings import settings_for
from relscout.lab.protocols import load
from relscout.metrics import over_seeds

_SUPPORTED = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("openvino", "int8"),
)
_DEVELOPMENT, _SCORED = "dev-A", 2_000
_MODEL = "relation"


def run(data: Path, *, n_instances: int, rounds: int, seeds: Sequence[int], supported_only: bool) -> None:
    """Time the alternatives, compare their vectors and the clusters of these, and write the result."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of the exporters
    timed = _drawn(load("fewrel-unsupervised", data).scored, n_instances)
    clustered = _drawn(load(_DEVELOPMENT, data).scored, _SCORED)
    gold = [str(instance.relation) for instance in clustered]
    rows: dict[str, dict[str, Any]] = {}
    encoders: dict[str, TransformerEncoder] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, encoder in _alternatives(Path(folder), supported_only=supported_only).items():
            # loads and converts the model, and compiles it for two shapes
            seconds = _processor_time(lambda encoder=encoder: encoder.encode(timed[:64]))
            rows[name], encoders[name] = {"start_seconds": round(seconds, 2), "seconds": []}, encoder
            print(name, "starts in", rows[name]["start_seconds"], flush=True)
        for _ in range(rounds):
            for name, encoder in encoders.items():
                seconds = _processor_time(lambda encoder=encoder: encoder.encode(timed))
                rows[name]["seconds"].append(round(seconds, 2))
                print(name, rows[name]["seconds"], flush=True)
        reference = None
        for name, encoder in encoders.items():
            vectors = encoder.encode(clustered)
            reference = vectors if reference is None else reference
            lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(reference, axis=1)
            cosine = np.einsum("nd,nd->n", vectors, reference) / lengths
            scores = [
                score(
                    discover(
                        clustered, n_relations=len(set(gold)), encoder=encoder, vectors=vectors, seed=seed
                    ).assignments.relation_ids,
                    gold,
                )
                for seed in seeds
            ]
            f1 = over_seeds(scores)["b3_f1"]
            rows[name] |= {
                "cosine": {"mean": round(float(cosine.mean()), 5), "lowest": round(float(cosine.min()), 5)},
                "b3_f1": {"mean": round(f1.mean, 4), "std": None if f1.std is None else round(f1.std, 4)},
                "b3_f1_by_seed": [round(each.b3_f1, 4) for each in scores],
            }
            print(name, rows[name]["cosine"], rows[name]["b3_f1"], flush=True)
    result = {
        "instances": n_instances,
        "threads": 1,
        "protocol": _DEVELOPMENT,
        "clustered": len(clustered),
        "seeds": list(seeds),
        "rows": _with_ratios(rows),
    }
    print(f"written to {write_result('backends', result)}")


def _with_ratios(rows: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the rows with the median over rounds of how many times faster than the first row each is."""
    first = next(iter(rows.values()))["seconds"]
    return {
        name: row
        | {
            "times_float32": round(
                statistics.median(a / b for a, b in zip(first, row["seconds"], strict=True)), 2
            )
        }
        for name, row in rows.items()
    }


def _drawn(instances: Sequence[RelationInstance], count: int) -> list[RelationInstance]:
    count = min(count, len(instances))
    return [instances[row] for row in np.random.default_rng(0).choice(len(instances), count, replace=False)]


def _processor_time(function: Callable[[], object]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


def _alternatives(folder: Path, *, supported_only: bool) -> dict[str, TransformerEncoder]:
    encoders = {
        f"{backend}, {dtype}": TransformerEncoder(settings_for(_MODEL, backend=backend, dtype=dtype))
        for backend, dtype in _SUPPORTED
    }
    if not supported_only:
        encoders["torch.compile, float32"] = _Compiled(settings_for(_MODEL))
        if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
            for dtype in ("float32", "int8"):
                encoders[f"ONNX Runtime, {dtype}"] = _OnnxRuntime(settings_for(_MODEL), folder, dtype)
    return encoders


class _Compiled(TransformerEncoder):
    """The encoder with a model that PyTorch compiles, for batches of all shapes."""

    def hidden_states(self, ids: torch.Tensor, places: Places) -> Sequence[torch.Tensor]:
        if "compiled" not in self.__dict__:
            self.compiled = torch.compile(self.model, dynamic=True)
        with torch.inference_mode():
            states: Sequence[torch.Tensor] = self.compiled(
                **self.model_inputs(ids, places), output_hidden_states=True
            ).hidden_states
        return states


class _OnnxRuntime(TransformerEncoder):
    """The encoder in ONNX Runtime; with int8 by its dynamic quantisation, weights with a scale for each output."""

    def __init__(self, settings: EncoderSettings, folder: Path, dtype: str) -> None:
        super().__init__(settings)
        self._file, self._dtype = folder / f"{dtype}.onnx", dtype

    def hidden_states(self, ids: torch.Tensor, places: Places) -> Sequence[torch.Tensor]:
        if "session" not in self.__dict__:
            self.session = self._exported()
        mask = self.model_inputs(ids, places)["attention_mask"]
        mask = torch.ones_like(ids) if mask is None else mask
        outputs = self.session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        return [torch.from_numpy(states) for states in outputs]

    def _exported(self) -> Any:
        import onnx
        import onnxruntime
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.transformers.optimizer import optimize_model

        model = self.model

        class States(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(
                self, input_ids: torch.Tensor, attention_mask: torch.Tensor
            ) -> tuple[torch.Tensor, ...]:
                # the model would make a mask whose size the tracer keeps as a constant
                bias = (1 - attention_mask)[:, None, None, :].float() * -10_000.0
                states = self.model(input_ids=input_ids, attention_mask=bias, output_hidden_states=True)
                return tuple(states.hidden_states)

        model.set_attn_implementation("eager")
        ids = torch.ones((2, 9), dtype=torch.int64)
        names = [f"state{layer}" for layer in range(self.depth + 1)]
        sizes = {name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask", *names)}
        torch.onnx.export(
            States(),
            (ids, ids),
            str(self._file),
            input_names=["input_ids", "attention_mask"],
            output_names=names,
            dynamic_axes=sizes,
            dynamo=False,
            opset_version=17,
        )
        model.set_attn_implementation("sdpa")
        config = self._config
        fused = optimize_model(
            str(self._file),
            model_type="bert",
            num_heads=config.num_attention_heads,
            hidden_size=config.hidden_size,
            opt_level=1,
        )
        fused.save_model_to_file(str(self._file))
        if self._dtype == "int8":
            quantize_dynamic(
                str(self._file),
                str(self._file),
                per_channel=True,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul"],
                extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self._file), options, providers=["CPUExecutionProvider"])
