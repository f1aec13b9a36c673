"""What ``inferer_args`` make of a PyTorch model: memory format, compilation, declared inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grps.backends.backend import TensorSpec
from grps.backends.common.warm_up import warm_up
from grps.backends.torch.backend import TorchArguments, TorchBackend
from grps.backends.torch.program import Program
from grps.errors import ModelError
from tests.unit.backends.models import Affine, Load, SaveScript

Export = Callable[..., Path]


class Images(torch.nn.Module):
    """A small network of images; tells whether its input had its channels last."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.convolution = torch.nn.Conv2d(3, 8, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        last = x.is_contiguous(memory_format=torch.channels_last)
        return self.convolution(x).relu().mean((2, 3)), torch.tensor([last])


def images() -> np.ndarray:
    return np.random.default_rng(7).random((2, 3, 9, 9), np.float32)


def test_channels_last_reaches_inputs_and_weights(load: Load, save_script: SaveScript) -> None:
    path = save_script(Images())
    plain = load(path)
    last = load(path, inferer_args={"memory_format": "channels_last"})
    expected, was_last = (value for _, value in plain.infer([images()]))
    assert was_last.tolist() == [0]
    found, was_last = (value for _, value in last.infer([images()]))
    assert was_last.tolist() == [1]
    assert found.flags.c_contiguous
    # The order of additions differs: terms near 1 round by about 1e-7, however small their sum is.
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=5e-7)
    weights = last._program.call.convolution.weight  # type: ignore[attr-defined]
    assert weights.is_contiguous(memory_format=torch.channels_last)


def test_channels_last_leaves_other_ranks_alone(load: Load, save_script: SaveScript) -> None:
    backend = load(save_script(Affine()), inferer_args={"memory_format": "channels_last"})
    assert backend.infer([np.ones((2, 4), np.float32)])[0][1].tolist() == [[3.0] * 4] * 2


@pytest.mark.parametrize("mode", [True, "default"])
def test_a_compiled_program_answers_the_same(load: Load, save_exported: Export, mode: Any) -> None:
    rows = torch.export.Dim("rows", min=1, max=64)
    path = save_exported(Affine(), torch.zeros(2, 4), dynamic_shapes=({0: rows},))
    backend = load(path, inferer_args={"compile": mode})
    assert warm_up(backend)[1].skipped is None
    for count in (1, 2, 5):
        [(name, value)] = backend.infer([np.ones((count, 4), np.float32)])
        assert (name, value.tolist()) == ("output", [[3.0] * 4] * count)


def test_only_exported_programs_are_compiled(load: Load, save_script: SaveScript) -> None:
    path = save_script(Affine())
    with pytest.raises(ModelError, match="compile: TorchScript is compiled by PyTorch's own rules"):
        load(path, inferer_args={"compile": True})
    with pytest.raises(ModelError, match="inferer_args: compile"):
        load(path, inferer_args={"compile": "fast"})
    with pytest.raises(ModelError, match="inferer_args: memory_format"):
        load(path, inferer_args={"memory_format": "nhwc"})


def test_declared_inputs_make_a_whole_signature(load: Load, save_script: SaveScript) -> None:
    path = save_script(Images())
    assert load(path).signature.inputs == (TensorSpec("x"),)
    backend = load(path, inferer_args={"inputs": {"x": "float32[-1, 3, 9, 9]"}})
    assert backend.signature.inputs == (TensorSpec("x", "float32", (None, 3, 9, 9)),)
    assert backend.signature.outputs == (
        TensorSpec("output_0", "float32", (None, 8)),
        TensorSpec("output_1", "bool", (1,)),
    )
    assert warm_up(backend)[1].skipped is None


def test_a_declaration_that_does_not_fit_tells_no_outputs(
    load: Load, save_script: SaveScript
) -> None:
    backend = load(save_script(Images()), inferer_args={"inputs": {"x": "float32[-1, 4, 9, 9]"}})
    assert backend.signature.outputs == (TensorSpec("output_0"), TensorSpec("output_1"))
    assert "refused all examples" in str(warm_up(backend)[1].skipped)


@pytest.mark.parametrize(
    ("declared", "cause"),
    [
        ({"y": "float32[1]"}, "no input is called 'y'; there are x"),
        ({"x": "float32"}, "'float32' is not a type and a shape"),
        ({"x": "float[1]"}, "types: bool, uint8"),
        ({"x": "float32[0]"}, "is not a type and a shape"),
        ({"x": "float32[-2]"}, "is not a type and a shape"),
        ({"x": "float32[1,]"}, "is not a type and a shape"),
        ({"x": 3}, "inferer_args: inputs"),
    ],
)
def test_refuses_bad_declarations(
    load: Load, save_script: SaveScript, declared: dict[str, Any], cause: str
) -> None:
    with pytest.raises(ModelError, match=cause):
        load(save_script(Affine()), inferer_args={"inputs": declared})


def test_what_the_file_tells_is_not_declared_again(load: Load, save_exported: Export) -> None:
    path = save_exported(Affine(), torch.zeros(2, 4))
    with pytest.raises(ModelError, match="x: the model file contains its shape"):
        load(path, inferer_args={"inputs": {"x": "float32[2, 4]"}})


def test_each_copy_on_a_gpu_has_a_stream_of_its_own(
    load: Load, save_script: SaveScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    class Stream:
        def __init__(self, device: torch.device) -> None:
            events.append(f"made on {device}")

        def __enter__(self) -> None:
            events.append("entered")

        def __exit__(self, *_: object) -> None:
            events.append("left")

    def run(*_: torch.Tensor) -> torch.Tensor:
        events.append("run")
        raise RuntimeError("no GPU here")

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *_: self)
    signature = load(save_script(Affine())).signature
    program = Program(run, signature, "cuda")
    backend = TorchBackend(program, torch.device("cuda:1"), TorchArguments())
    with pytest.raises(ModelError, match="no GPU here"):
        backend.infer([np.ones((1, 4), np.float32)])
    assert events == ["made on cuda:1", "entered", "run", "left"]
    assert backend.signature.device == "cuda:1"
    TorchBackend(program, torch.device("cuda:1"), TorchArguments(cuda_stream=False))
    TorchBackend(program, torch.device("cpu"), TorchArguments())
    assert events.count("made on cuda:1") == 1
