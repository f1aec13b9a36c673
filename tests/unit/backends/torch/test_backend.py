"""The PyTorch backend."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from grps.backends.backend import TensorSpec
from grps.errors import DeviceError, InputError, ModelError
from tests.unit.backends.models import Affine, Load, SaveScript
from tests.unit.backends.torch.modules import (
    Complex,
    Fails,
    Keyword,
    Listed,
    Lists,
    Named,
    Nested,
    Nothing,
    Options,
    Several,
    State,
    Types,
    rows,
)


def test_torchscript_answers_and_tells_its_names(load: Load, save_script: SaveScript) -> None:
    backend = load(save_script(Affine()))
    assert backend.signature.inputs == (TensorSpec("x"),)
    assert backend.signature.outputs == (TensorSpec("output"),)
    assert not backend.signature.strict_names
    [(name, value)] = backend.infer([rows(1, 2, 3, 4)])
    assert name == "output"
    np.testing.assert_array_equal(value, rows(3, 5, 7, 9))


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (Several(), ["output_0", "output_1"]),
        (Listed(), ["output_0", "output_1"]),
        (Named(), ["logits", "scores"]),
        (
            Nested(),
            ["output_0", "output_1_a_0", "output_1_a_1", "output_2", "output_3", "output_4"],
        ),
    ],
)
def test_names_outputs(
    load: Load, save_script: SaveScript, module: torch.nn.Module, names: list[str]
) -> None:
    backend = load(save_script(module))
    inputs = [rows(1, 2)] * len(backend.signature.inputs)
    assert [name for name, _ in backend.infer(inputs)] == names


def test_tells_output_names_of_a_tuple(load: Load, save_script: SaveScript) -> None:
    outputs = load(save_script(Several())).signature.outputs
    assert outputs == (TensorSpec("output_0"), TensorSpec("output_1"))


def test_numbers_become_tensors(load: Load, save_script: SaveScript) -> None:
    found = dict(load(save_script(Nested())).infer([rows(1)]))
    assert [found[f"output_{index}"].dtype.name for index in (2, 3, 4)] == [
        "int64",
        "float64",
        "bool",
    ]
    assert [found[f"output_{index}"].item() for index in (2, 3, 4)] == [7, 0.5, 1]


def test_optional_inputs_may_be_absent(load: Load, save_script: SaveScript) -> None:
    backend = load(save_script(Options()))
    assert backend.signature.inputs == (
        TensorSpec("x"),
        TensorSpec("times", "int64", required=False),
        TensorSpec("y", required=False),
        TensorSpec("plus", "float64", required=False),
    )
    times, plus = np.array([2]), np.array(1.0)
    for inputs, expected in (
        ([rows(1)], 3),
        ([rows(1), times], 2),
        ([rows(1), times, rows(5)], 7),
        ([rows(1), times, rows(5), plus], 8),
    ):
        assert backend.infer(inputs)[0][1].item() == expected


def test_a_number_takes_one_value(load: Load, save_script: SaveScript) -> None:
    with pytest.raises(InputError, match=r"input times is a number: .* got shape \[2\]"):
        load(save_script(Options())).infer([rows(1), np.array([1, 2])])


def test_keyword_only_inputs(load: Load, save_script: SaveScript) -> None:
    backend = load(save_script(Keyword()))
    assert [spec.required for spec in backend.signature.inputs] == [True, True, True]
    assert backend.infer([rows(1), rows(0), rows(2)])[0][1].item() == 3


def test_refuses_arguments_that_are_no_tensors(load: Load, save_script: SaveScript) -> None:
    with pytest.raises(ModelError, match=r"forward needs many: List\[Tensor\]"):
        load(save_script(Lists()))


def test_errors_are_one_line(load: Load, save_script: SaveScript) -> None:
    backend = load(save_script(Fails()))
    with pytest.raises(ModelError, match=r"^ValueError: one row is too few$") as raised:
        backend.infer([rows(1, 2)])
    assert "Traceback of TorchScript" in str(raised.value.__cause__)
    with pytest.raises(InputError, match=r"^mat1 and mat2 shapes cannot be multiplied .*\)$"):
        backend.infer([np.zeros((2, 3), np.float32)])


def test_converts_types_that_numpy_lacks(load: Load, save_script: SaveScript) -> None:
    found = dict(load(save_script(Types())).infer([np.ones((2, 3), np.float32)]))
    assert [found[name].dtype.name for name in found] == ["float32", "bool", "float32"]
    assert found["output_2"].shape == (3, 2)
    assert all(value.flags.c_contiguous for value in found.values())


@pytest.mark.parametrize(
    ("module", "cause"),
    [
        (Complex(), r"output output has the unsupported type torch\.complex64"),
        (Nothing(), "output output_1 is None; a model must return tensors"),
    ],
)
def test_refuses_outputs_that_are_no_tensors(
    load: Load, save_script: SaveScript, module: torch.nn.Module, cause: str
) -> None:
    with pytest.raises(ModelError, match=cause):
        load(save_script(module)).infer([rows(1)])


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
)
def test_every_number_type_passes(load: Load, save_script: SaveScript, dtype: str) -> None:
    array = np.array([0, 1, 2], dtype=dtype)
    found = dict(load(save_script(Listed())).infer([array]))
    assert found["output_0"].dtype == array.dtype
    np.testing.assert_array_equal(found["output_0"], array)
    assert not np.shares_memory(found["output_0"], array)


def test_takes_arrays_that_can_not_be_written(load: Load, save_script: SaveScript) -> None:
    array = rows(1, 2, 3, 4)
    array.flags.writeable = False
    assert load(save_script(Affine())).infer([array])[0][1].shape == (1, 4)


def test_refuses_strings(load: Load, save_script: SaveScript) -> None:
    with pytest.raises(InputError, match="input x: PyTorch takes no object tensors"):
        load(save_script(Affine())).infer([np.array(["a"], dtype=object)])


def test_answers_do_not_share_the_model_s_state(load: Load, save_script: SaveScript) -> None:
    backend = load(save_script(State()))
    first = backend.infer([np.ones(2, np.float32)])[0][1]
    backend.infer([np.ones(2, np.float32)])
    np.testing.assert_array_equal(first, [1, 1])


def test_traced_modules(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "traced.pth"
    torch.jit.trace(Several().forward, (torch.zeros(2), torch.zeros(2))).save(str(path))
    found = dict(load(path).infer([rows(3), rows(1)]))
    assert (found["output_0"].item(), found["output_1"].item()) == (4, 2)


def test_original_leaves_the_module_where_it_is(load: Load, save_script: SaveScript) -> None:
    path = save_script(Affine())
    for keys in (
        {"device": "original"},
        {"device": "original", "inp_device": "cpu"},
        {"device": None},
    ):
        assert load(path, **keys).infer([rows(0, 0, 0, 0)])[0][1].shape == (1, 4)


@pytest.mark.parametrize(
    ("built", "count", "cause"),
    [
        (False, 0, "PyTorch was built without CUDA; use device: cpu"),
        (True, 0, "this machine has no CUDA device; use device: cpu"),
        (True, 1, "this machine has 1 CUDA device"),
    ],
)
def test_refuses_absent_cuda(
    load: Load, relu: Path, monkeypatch: pytest.MonkeyPatch, built: bool, count: int, cause: str
) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(DeviceError, match=rf"^model m-1\.0: device cuda:1: {cause}$"):
        load(relu, device="gpu:1")


def test_refuses_unknown_arguments(load: Load, save_script: SaveScript) -> None:
    path = save_script(Affine())
    with pytest.raises(ModelError, match=r"'intra_threads'; did you mean intra_op_threads\?"):
        load(path, inferer_args={"intra_threads": 1})
    with pytest.raises(ModelError, match="inferer_args: intra_op_threads: Expected `int"):
        load(path, inferer_args={"intra_op_threads": "two"})
    with pytest.raises(ModelError, match=r"custom operators /absent\.so: no such file"):
        load(path, inferer_args={"customized_op_paths": "/absent.so"})


def test_refuses_a_library_that_is_none(
    load: Load, save_script: SaveScript, tmp_path: Path
) -> None:
    library = tmp_path / "ops.so"
    library.write_bytes(b"no library")
    with pytest.raises(ModelError, match=r"library of custom operators: .*ops\.so"):
        load(save_script(Affine()), inferer_args={"customized_op_paths": [str(library)]})


def test_sets_threads(load: Load, save_script: SaveScript) -> None:
    before = torch.get_num_threads()
    try:
        load(save_script(Affine()), inferer_args={"intra_op_threads": 1, "inter_op_threads": None})
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_refuses_a_damaged_archive(load: Load, save_script: SaveScript) -> None:
    path = save_script(Affine())
    damaged = path.with_name("damaged.pt")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(damaged, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, b"\xff\n\xff" if name.endswith(".py") else archive.read(name))
    with pytest.raises(ModelError, match=r"^model m-1\.0: .*damaged\.pt: [^\n]+$"):
        load(damaged)


def test_silero_vad_answers_as_torch_does(load: Load) -> None:
    path = _data("silero_vad", "data/silero_vad.jit")
    backend, direct = load(path), torch.jit.load(str(path))
    noise = np.random.default_rng(0)
    for _ in range(3):
        sound = noise.standard_normal((1, 512), dtype=np.float32)
        with torch.inference_mode():
            expected = direct(torch.from_numpy(sound), 16000)
        [(_, value)] = backend.infer([sound, np.array([16000])])
        np.testing.assert_array_equal(value, expected.numpy())


def _data(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / name
