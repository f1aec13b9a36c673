"""Recognition of model files."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from grps.backends.formats import expect_format, model_in, only_file, recognise
from grps.errors import ModelError
from tests.unit.backends.models import Affine, SaveScript


def test_tells_torch_files_apart(
    save_script: SaveScript, save_exported: Callable[..., Path]
) -> None:
    assert recognise(save_script(Affine())) == "torchscript"
    assert recognise(save_exported(Affine(), torch.zeros(2, 4))) == "torch_export"


def test_content_wins_over_suffix(save_script: SaveScript, relu: Path, tmp_path: Path) -> None:
    script = save_script(Affine()).rename(tmp_path / "model.onnx.bak")
    assert recognise(script) == "torchscript"
    assert recognise(relu.rename(tmp_path / "model.bin")) == "onnx"


def test_tells_an_aotinductor_package(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data/aotinductor/model/code.wrapper.so", b"")
        archive.writestr("model/archive_format", b"pt2")
    assert recognise(path) == "aotinductor"


def test_tells_the_first_torch_export_layout(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("serialized_exported_program.json", b"{}")
    assert recognise(path) == "torch_export"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("model.engine", b"\x01\x02", "tensorrt"),
        ("model.bin", b"ftrt\x00\x00", "tensorrt"),
        ("model.xml", b'<?xml version="1.0"?>\n<net name="m" version="11">', "openvino"),
        ("model.onnx", b"\x42\x02\x10\x11", "onnx"),
        ("model.ort", b"\x10\x00\x00\x00ORTM", "onnx"),
    ],
)
def test_recognises_by_content_or_suffix(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert recognise(path) == expected


def test_recognises_directories(tmp_path: Path, relu: Path) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").touch()
    assert recognise(saved) == "savedmodel"
    vino = tmp_path / "vino"
    vino.mkdir()
    (vino / "m.xml").touch()
    (vino / "m.bin").touch()
    assert recognise(vino) == "openvino"
    assert recognise(relu.parent) == "onnx"
    for name in ("model.safetensors", "model.safetensors.index.json"):
        weights = tmp_path / name.replace(".", "_")
        weights.mkdir()
        (weights / name).write_bytes(b"{}")
        (weights / "config.json").touch()
        assert recognise(weights) == "hugging_face"
        with pytest.raises(ModelError, match=f"give its directory: {weights}"):
            recognise(weights / name)
    (weights / "openvino_tokenizer.xml").touch()
    assert recognise(weights) == "openvino_genai"
    assert only_file(relu.parent, ".onnx") == relu


def test_refuses_a_directory_of_two_models(relu: Path) -> None:
    (relu.parent / "other.onnx").write_bytes(relu.read_bytes())
    with pytest.raises(ModelError, match=r"exactly one .onnx file, found model.onnx, other.onnx"):
        recognise(relu.parent)


def test_finds_the_only_model_of_a_directory(
    tmp_path: Path, relu: Path, save_script: SaveScript
) -> None:
    script = save_script(Affine())
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "README.md").write_text("a model")
    (folder / "1").mkdir()
    assert model_in(folder) == folder
    one = script.rename(folder / "weights.pt")
    assert model_in(folder) == one
    assert model_in(one) == one
    (folder / "other.pt").write_bytes(one.read_bytes())
    assert model_in(folder) == folder
    # A directory that is a model stays one.
    assert model_in(relu.parent) == relu.parent
    assert model_in(tmp_path / "absent") == tmp_path / "absent"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x89HDF\r\n\x1a\n", "Keras weights"),
        (b"\x40\x00\x00\x00\x00\x00\x00\x00" + b'{"a":{}}', "safetensors weights"),
        (b"\x1c\x00\x00\x00TFL3", "TensorFlow Lite"),
        (b"\x7fELF\x02", "a shared library"),
        (b"hello world", "a text file; accepted: TorchScript"),
        (bytes(range(255, 0, -1)), "not a model format known here; accepted: TorchScript"),
        (b"PK\x03\x04" + bytes(100), "cut short or damaged"),
        (b"\x08", "accepted"),
        (b"\x08\x08", "accepted"),
    ],
)
def test_says_what_a_foreign_file_is(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=cause) as raised:
        recognise(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_refuses_checkpoints_of_both_ages(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(Affine().state_dict(), path)
    with pytest.raises(ModelError, match=r"a checkpoint of torch\.save.*torch\.export"):
        recognise(path)
    torch.save(Affine().state_dict(), path, _use_new_zipfile_serialization=False)
    with pytest.raises(ModelError, match=r"a checkpoint of torch\.save \(old format\)"):
        recognise(path)


def test_refuses_other_archives(tmp_path: Path) -> None:
    for entry, cause in (
        ("model.weights.h5", "a Keras archive"),
        ("MAR-INF/MANIFEST.json", "a TorchServe archive"),
        ("readme.txt", "a zip archive that holds no model"),
    ):
        path = tmp_path / "model.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(entry, b"")
        with pytest.raises(ModelError, match=cause):
            recognise(path)


def test_refuses_a_truncated_file(save_script: SaveScript) -> None:
    path = save_script(Affine())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError, match="cut short or damaged"):
        recognise(path)


def test_refuses_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file or directory"):
        recognise(tmp_path / "absent.pt")
    with pytest.raises(ModelError, match="the directory is empty"):
        recognise(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        ModelError,
        match=r"no saved_model\.pb, no openvino_tokenizer\.xml, no model\.safetensors, "
        r"no rank0\.engine, no \.onnx file and no \.xml file",
    ):
        recognise(tmp_path)


def test_names_the_inferer_type_that_serves_a_file(relu: Path) -> None:
    assert expect_format(relu, "onnxruntime") == "onnx"
    with pytest.raises(ModelError, match=r"inferer_type: onnxruntime \(onnx\), not torch"):
        expect_format(relu, "torch")
