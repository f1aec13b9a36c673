"""What the shim of TensorRT is built of, on machines with and without headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.backends.tensorrt import shim
from grps.errors import MissingExtraError, ModelError
from tests.unit.deploy.archive.archives import write_tree

VERSION = (
    "#define TRT_MAJOR_ENTERPRISE 11\n#define TRT_MINOR_ENTERPRISE 4\n"
    "#define TRT_PATCH_ENTERPRISE 0\n#define NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE\n"
)
OLD_VERSION = (
    "#define NV_TENSORRT_MAJOR 10\n#define NV_TENSORRT_MINOR 3\n#define NV_TENSORRT_PATCH 1\n"
)


@pytest.fixture
def headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of TensorRT and one of CUDA, which the environment names."""
    files = {"trt/include/NvInferRuntime.h": "", "trt/include/NvInferVersion.h": VERSION}
    write_tree(tmp_path, {**files, "cuda/include/cuda_runtime_api.h": ""})
    monkeypatch.setenv("TENSORRT_ROOT", str(tmp_path / "trt"))
    monkeypatch.setenv("CUDA_ROOT", str(tmp_path / "cuda" / "include"))
    return tmp_path / "trt" / "include"


def install(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package ``tensorrt`` without headers, as the real one."""
    tree = {"tensorrt/__init__.py": "", "tensorrt_libs/libnvinfer.so.11": ""}
    metadata = f"Metadata-Version: 2.1\nName: tensorrt\nVersion: {version}\n"
    write_tree(folder, {**tree, f"tensorrt-{version}.dist-info/METADATA": metadata})
    monkeypatch.syspath_prepend(str(folder))


def test_the_headers_that_the_environment_names(headers: Path, tmp_path: Path) -> None:
    recipe = shim.recipe()
    assert recipe.version == "11.4.0"
    assert recipe.includes == (headers, tmp_path / "cuda" / "include")
    (headers / "NvInferVersion.h").write_text(OLD_VERSION)
    assert shim.recipe().version == "10.3.1"


def test_the_libraries_of_packages_are_looked_for(
    headers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", "11.4.0.1", monkeypatch)
    recipe = shim.recipe()
    assert tmp_path / "site" / "tensorrt_libs" in recipe.folders
    assert f"-Wl,-rpath,{tmp_path}/site/tensorrt_libs" in recipe.words()


def test_headers_of_another_version_are_refused(
    headers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", "10.9.0.34", monkeypatch)
    with pytest.raises(ModelError) as caught:
        shim.recipe()
    assert str(caught.value) == (
        f"the headers in {headers} are those of TensorRT 11.4.0, but TensorRT 10.9.0.34 is "
        "installed; set TENSORRT_ROOT to the folder of its headers, or use native: false"
    )


@pytest.mark.usefixtures("headers")
def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_ROOT", str(tmp_path))
    with pytest.raises(ModelError, match=r"cuda_runtime_api\.h, .* nvidia-cuda-crt, or set CUDA_"):
        shim.recipe()
    monkeypatch.setenv("TENSORRT_ROOT", str(tmp_path))
    with pytest.raises(MissingExtraError):
        shim.recipe()
    install(tmp_path / "site", "11.4.0.1", monkeypatch)
    with pytest.raises(ModelError, match=r"NvInferRuntime\.h, .* and set TENSORRT_ROOT to its"):
        shim.recipe()
