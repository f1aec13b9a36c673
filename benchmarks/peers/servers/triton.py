"""tritonserver from the nvidia-pytriton wheel, with its native python backend."""

import shutil
import sysconfig
from pathlib import Path

from benchmarks.peers import paths
from benchmarks.peers import workloads as w
from benchmarks.peers.api import Endpoint, Launch, Skip

VENV, PORT = "pytriton", 9065
PACKAGES = ["nvidia-pytriton", "numpy", "onnxruntime"]

TENSORS = {
    "W1": ("TYPE_STRING", "[1]", "[1]"),
    "W2": ("TYPE_FP32", "[3,224,224]", "[3]"),
    "W3": ("TYPE_FP32", "[16]", "[8]"),
    "W4": ("TYPE_FP32", "[3,224,224]", "[1000]"),
    "W5": ("TYPE_STRING", "[1]", "[1]"),
}


def prepare_backends(triton: Path) -> Path:
    """Copy the backends and add the python 3.11 stub, once."""
    backends = paths.TMP / "triton_backends"
    stub = triton / "python_backend_stubs/3.11/triton_python_backend_stub"
    if not stub.exists():
        raise Skip("no nvidia-pytriton with a Python 3.11 stub (run setup.sh)")
    if not backends.is_dir():
        shutil.copytree(triton / "backends", backends)
        shutil.copy(stub, backends / "python")
    return backends


def model_config(workload: str) -> str:
    """Render config.pbtxt."""
    dtype, dims_in, dims_out = TENSORS[workload]
    text = (
        'backend: "python"\n'
        f"max_batch_size: {0 if workload == 'W5' else 32}\n"
        f'input [{{ name: "x" data_type: {dtype} dims: {dims_in} }}]\n'
        f'output [{{ name: "y" data_type: {dtype} dims: {dims_out} }}]\n'
        "instance_group [{ kind: KIND_CPU count: 1 }]\n"
    )
    if workload == "W3":
        text += "dynamic_batching { max_queue_delay_microseconds: 2000 }\n"
    if workload == "W5":
        text += "model_transaction_policy { decoupled: True }\n"
    return text


def make_repository(workload: str) -> Path:
    """Write a model repository with one model."""
    repository = paths.TMP / f"triton_repository_{workload}"
    shutil.rmtree(repository, ignore_errors=True)
    model = repository / w.MODEL_NAME[workload]
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text(model_config(workload))
    shutil.copy(paths.APPS / "triton_model.py", model / "1" / "model.py")
    return repository


def launch(workload: str) -> Launch:
    """Prepare folders and return the command."""
    site = paths.site_packages(VENV)
    triton = site / "pytriton" / "tritonserver"
    backends = prepare_backends(triton)
    command = [str(triton / "bin/tritonserver")]
    command += ["--model-repository", str(make_repository(workload))]
    command += ["--backend-directory", str(backends)]
    command += ["--http-address", "127.0.0.1", "--http-port", str(PORT)]
    command += ["--grpc-address", "127.0.0.1", "--grpc-port", str(PORT + 1)]
    command += ["--allow-metrics", "false", "--log-info", "false"]
    libpython = sysconfig.get_config_var("LIBDIR") or ""
    env = {
        "BENCH_TRITON_PATH": f"{paths.APPS}:{site}",
        "LD_LIBRARY_PATH": f"{libpython}:{site / 'nvidia_pytriton.libs'}",
    }
    return Launch(command, env)


def endpoints(workload: str) -> list[Endpoint]:
    """Open Inference Protocol; SSE for W5."""
    if workload == "W5":
        path = "/v2/models/stream/generate_stream"
        return [w.stream("http-sse", PORT, path, b'{"x":"hello world"}')]
    return w.oip_endpoints(workload, PORT, PORT + 1)
