from __future__ import annotations

from pathlib import Path

import pytest

from tools.checks.imports import check_file

BACKEND = Path("grps/backends/torch/backend.py")
DECLARATION = Path("grps/backends/torch/declaration.py")
NEUTRAL = Path("grps/backends/loading.py")
SHIM = Path("grps_framework/model_infer/tf_inferer.py")
ALLOWED = [
    (Path("grps/server/native.py"), "from grps import _core"),
    (BACKEND, "import torch"),
    (BACKEND, "from torch import nn"),
    (BACKEND, "import torchvision"),
    (BACKEND, "from grps.backends.torch.outputs import flatten"),
    (BACKEND, "from grps.backends.backend import Backend"),
    (BACKEND, "from grps.backends.common.causes import one_line"),
    (Path("grps_framework/model_infer/trt_inferer.py"), "import grps.backends.tensorrt.inferer"),
    (NEUTRAL, "def load():\n    from grps.backends.torch import backend"),
    (NEUTRAL, "def seed():\n    import torch"),
    (NEUTRAL, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch.nn"),
    (NEUTRAL, "from grps.backends.torch.declaration import ENGINE"),
    (Path("grps/errors.py"), "import torchlike"),
    (SHIM, "from grps.backends.tensorflow.inferer import TfModelInferer"),
]
REFUSED = [
    (Path("grps/server/app.py"), "from grps import _core"),
    (Path("grps/client/http.py"), "import grps._core"),
    (Path("grps/server/app.py"), "def load():\n    import onnxruntime.capi"),
    (NEUTRAL, "import torch"),
    (NEUTRAL, "class A:\n    import torch"),
    (NEUTRAL, "from grps.backends.torch import backend"),
    (NEUTRAL, "import torchvision"),
    (DECLARATION, "import torch"),
    (Path("grps/backends/torch/__init__.py"), "import torch"),
    (DECLARATION, "from grps.backends.torch.causes import torch_cause"),
    (SHIM, "from grps.backends.torch.inferer import TorchModelInferer"),
    (Path("grps_framework/model_infer/trt_inferer.py"), "import grps.backends.torch.inferer"),
    (BACKEND, "import onnxruntime"),
    (BACKEND, "from grps.backends.onnxruntime.backend import Engine"),
    (BACKEND, "def load():\n    from grps.backends.onnxruntime import backend"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_allowed(path: Path, source: str) -> None:
    assert check_file(path, source) == []


@pytest.mark.parametrize(("path", "source"), REFUSED)
def test_refused(path: Path, source: str) -> None:
    assert len(check_file(path, source)) >= 1
