"""Other programs than PyTorch that run a transformer: OpenVINO, which is faster on processors.

The layers that the pooling uses are converted once and stored in the user's cache, under a hash of their weights. With
``dtype: int8``, the weights of linear layers are rounded to 255 steps for each output, and OpenVINO rounds their inputs
in groups of 128 dimensions while it runs (dynamic quantisation). Everything else stays float32.
"""

from __future__ import annotations

import contextlib
import copy
import shutil
import warnings
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from relscout.core.errors import MissingExtraError, OutputError, SettingError
from relscout.core.files import make_above, user_cache, whole_folder
from relscout.encoders.settings import EncoderSettings, weights_hash

if TYPE_CHECKING:
    import torch

#: Increase this whenever the conversion changes.
_SCHEME = 1
#: Dimensions of an input that share a scale with ``int8``.
_GROUP = 128
#: Largest difference of a hidden state from PyTorch's, as a share of the largest value, that is rounding.
_TOLERANCE = 1e-3
#: How far vectors of another backend or dtype are from those of float32, in words.
_MOVED = "cosine similarity with float32 is .9999 with bfloat16 and .999 with int8, on average"
_GRAPH, _CONSTANTS = "model.xml", "model.bin"
#: ``dtype`` of the settings → what OpenVINO computes in. With int8 it is float32 for all but the linear layers.
_PRECISION = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


def arithmetic_warning(fitted: EncoderSettings, now: EncoderSettings) -> str | None:
    """Return a warning if an encoder computes with another backend or dtype than when its run was fitted."""
    if (fitted.backend, fitted.dtype) == (now.backend, now.dtype):
        return None
    return (
        f"this run was fitted with {fitted.backend} in {fitted.dtype}, and the encoder now computes with {now.backend} "
        f"in {now.dtype}: {_MOVED}, so instances between two relations may get the other one"
    )


class OpenVINOModel:
    """The hidden states of a transformer, computed by OpenVINO on the processor.

    Args:
        model: The Hugging Face model, float32; it is not changed.
        layers: The hidden states to compute, ascending; 0 is the embeddings.
        dtype: ``float32``, ``bfloat16`` or ``int8``.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        SettingError: OpenVINO cannot convert the model, or computes other states with it than PyTorch.
    """

    def __init__(self, model: Any, layers: Sequence[int], *, dtype: str) -> None:
        import torch

        openvino = _openvino()
        self.layers = tuple(layers)
        core = openvino.Core()
        options = {
            "INFERENCE_PRECISION_HINT": _PRECISION[dtype],
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(_GROUP if dtype == "int8" else 0),
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            # several processes that pin their threads would share a core and leave others idle
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = core.compile_model(_converted(model, self.layers, dtype, core), "CPU", options)

    def __call__(self, ids: torch.Tensor, attention: torch.Tensor | None) -> Sequence[torch.Tensor]:
        """Return the hidden states (B, T, D), float32, of a batch; those that are not computed repeat another.

        Args:
            ids: Token ids (B, T), int64.
            attention: 1 for tokens and 0 for padding (B, T), int64; ``None`` if nothing is padded.
        """
        import torch

        mask = torch.ones_like(ids) if attention is None else attention
        # a request of its own for each call, so that threads can share the model
        outputs = self._compiled.create_infer_request().infer([ids.numpy(), mask.numpy()])
        states = {layer: torch.from_numpy(outputs[place]) for place, layer in enumerate(self.layers)}
        return [states.get(layer, states[self.layers[0]]) for layer in range(self.layers[-1] + 1)]


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("the backend 'openvino'", "openvino") from error
    return openvino


def _converted(model: Any, layers: Sequence[int], dtype: str, core: Any) -> Any:
    """Return the converted model, from the user's cache if it is there, else converted and stored."""
    digest = blake2b(digest_size=16)
    version = _openvino().__version__
    what = (_SCHEME, version, weights_hash(model), model.config.to_json_string(), layers, dtype == "int8")
    digest.update(repr(what).encode())
    cache = user_cache()
    folder = None if cache is None else cache / "openvino" / digest.hexdigest()
    if folder is not None and (folder / _GRAPH).is_file():
        try:
            return core.read_model(folder / _GRAPH)
        except RuntimeError:  # damaged: converted again
            shutil.rmtree(folder, ignore_errors=True)
    graph = _convert(model, layers)
    _check(core, graph, model, layers)
    if dtype == "int8":
        _quantise(graph)
    if folder is not None:
        # without a place to store it, it is converted again next time
        with contextlib.suppress(OutputError):
            _store(graph, folder)
    return graph


def _store(graph: Any, folder: Path) -> None:
    make_above(folder)
    with whole_folder(folder, contents={_GRAPH, _CONSTANTS}) as fresh:
        _openvino().save_model(graph, fresh / _GRAPH, compress_to_fp16=False)


def _convert(model: Any, layers: Sequence[int]) -> Any:
    """Return a graph of OpenVINO with two inputs, token ids and attention mask (B, T), and an output for each layer."""
    import torch

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = copy.deepcopy(model)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
            states = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
            return tuple(states.hidden_states[layer] for layer in layers)

    with _conversion(model):
        # openvino.convert_model does the same, and reports to its makers that it was called
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        example = _example(model, rows=2, longest=9)
        trace: Any = torch.jit.trace  # has no types
        with torch.no_grad():
            traced = trace(States().eval(), example, check_trace=False, strict=False)
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=example)
        graph = frontend.convert(frontend.load(decoder))
        for parameter in graph.get_parameters():
            parameter.set_element_type(_openvino().Type.i64)
            parameter.set_partial_shape(_openvino().PartialShape([-1, -1]))
        graph.validate_nodes_and_infer_types()
    return graph


def _example(model: Any, *, rows: int, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and attention mask (B, T) of a batch in which the last row is padded."""
    import torch

    ids = torch.arange(rows * longest).reshape(rows, longest) % model.get_input_embeddings().num_embeddings
    attention = torch.ones_like(ids)
    attention[-1, longest // 2 :] = 0
    return ids, attention


@contextlib.contextmanager
def _conversion(model: Any) -> Iterator[None]:
    """Turn whatever a conversion raises into a SettingError, and silence the tracer, which warns of constants."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise _not_convertible(model, lines[0] if lines else type(error).__name__) from error


def _not_convertible(model: Any, reason: str) -> SettingError:
    return SettingError(
        f"OpenVINO cannot run this {model.config.model_type} model ({reason}); choose the backend 'torch'"
    )


def _check(core: Any, graph: Any, model: Any, layers: Sequence[int]) -> None:
    """Check that the graph, in float32, computes PyTorch's states of a batch of another shape than the traced one.

    Raises:
        SettingError: It computes others: the conversion made constant what depends on the batch.
    """
    import torch

    ids, attention = _example(model, rows=3, longest=16)
    with torch.inference_mode():
        states = model(input_ids=ids, attention_mask=attention, output_hidden_states=True).hidden_states
    tokens = attention.bool().numpy()
    with _conversion(model):
        compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        outputs = compiled([ids.numpy(), attention.numpy()])
        computed = [outputs[place][tokens] for place in range(len(layers))]
    for layer, ours in zip(layers, computed, strict=True):
        expected = states[layer].numpy()[tokens]
        difference = float(np.abs(ours - expected).max() / np.abs(expected).max())
        if not difference <= _TOLERANCE:
            raise _not_convertible(model, f"hidden state {layer} differs by {difference:.1e} from PyTorch's")


def _quantise(graph: Any) -> None:
    """Replace the weights of linear layers in a graph by int8, with a float32 scale for each output.

    This is the format of NNCF's ``compress_weights`` (INT8_SYM), which would be another dependency.
    """
    from openvino import opset13

    for node in graph.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weights = node.input_value(1).get_node()
        if weights.get_type_name() != "Constant" or weights.data.ndim != 2:
            continue  # a product of two states, as in attention
        values = weights.data
        inputs = 1 if node.get_attributes()["transpose_b"] else 0
        scales = np.maximum(np.abs(values).max(axis=inputs, keepdims=True) / 127, 1e-12).astype(np.float32)
        rounded = np.clip(np.round(values / scales), -127, 127).astype(np.int8)
        restored = opset13.multiply(
            opset13.convert(opset13.constant(rounded), "f32"), opset13.constant(scales)
        )
        node.input(1).replace_source_output(restored.output(0))
