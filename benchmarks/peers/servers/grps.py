"""GRPS as it is in this tree: one process, user code in Python, engines natively batched."""

import sys
from typing import Any

import yaml

from benchmarks.peers import chats, paths
from benchmarks.peers import workloads as w
from benchmarks.peers.api import Endpoint, Launch
from benchmarks.peers.apps import bench_ticks
from grps.backends.libraries import LIBRARIES, native_library
from grps.deploy.native import PROGRAM

VENV = None
PACKAGES = ["grpst", "onnxruntime", "numpy"]
PORT = 9140
MAX_CONCURRENCY = 256

CODE = """
import bench_user as user

from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        pass

    def load(self):
        return True


class Echo(Plain):
    def infer(self, inp, context):
        return user.echo(inp)


class Mean(Plain):
    def infer(self, inp, context):
        return {"y": user.channel_mean(*inp.values())}


class Stream(Plain):
    def infer(self, inp, context):
        for chunk in user.chunks():
            context.stream_respond(GrpsMessage(str_data=chunk))


inferer_register.register("echo", Echo())
inferer_register.register("mean", Mean())
inferer_register.register("stream", Stream())
"""


def model(workload: str) -> dict[str, Any]:
    """Return the model of a workload as ``inference.yml`` has it."""
    name = w.MODEL_NAME[workload]
    base: dict[str, Any] = {"name": name, "version": "1.0.0", "converter_type": "none"}
    if workload in ("W3", "W4"):
        file = {"W3": "mlp.onnx", "W4": "resnet50.onnx"}[workload]
        base |= {"inferer_type": "onnxruntime", "inferer_path": str(paths.MODELS / file)}
        base["inferer_args"] = {"intra_op_threads": 1 if workload == "W3" else 2}
        if workload == "W3":
            base["batching"] = {"type": "dynamic", "max_batch_size": 32, "batch_timeout_us": 2000}
        return base
    base |= {"inferer_type": "customized", "inferer_name": name}
    return base | ({"converter_type": "numpy"} if workload == "W2" else {})


def language_model(workload: str) -> dict[str, Any]:
    """Return the language model of a workload: the mock engine or the real one."""
    base: dict[str, Any] = {"version": "1.0.0", "converter_type": "numpy"}
    base["batching"] = {"type": "continuous", "max_batch_size": 64}
    if workload == "W6":
        base |= {
            "name": bench_ticks.MODEL,
            "inferer_type": "customized",
            "inferer_name": bench_ticks.MODEL,
        }
        return base | {"inferer_path": str(chats.mock_files())}
    base |= {"name": chats.GGUF, "inferer_type": "openvino_genai"}
    return base | {"inferer_path": str(chats.gguf_path())}


def launch(workload: str) -> Launch:
    """Write a project and return the command that serves it."""
    if workload in ("W6", "W6-gguf"):
        code = (paths.APPS / "grps_ticks.py").read_text() if workload == "W6" else ""
        return serve(f"grps_{workload}", language_model(workload), code=code)
    return serve(f"grps_{workload}", model(workload))


def serve(
    name: str, served: dict[str, Any], *, has_python: bool = True, code: str = CODE
) -> Launch:
    """Write a project with one model under BENCH_HOME and return the command that serves it."""
    folder = paths.TMP / name
    for part in ("conf", "src"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for file in ("__init__.py", "customized_converter.py"):
        (folder / "src" / file).touch()
    (folder / "src" / "customized_inferer.py").write_text(code)
    interface = {"framework": "http+grpc", "host": "127.0.0.1", "port": f"{PORT},{PORT + 1}"}
    server = {"interface": interface, "max_concurrency": MAX_CONCURRENCY}
    (folder / "conf" / "inference.yml").write_text(yaml.safe_dump({"models": [served]}))
    (folder / "conf" / "server.yml").write_text(yaml.safe_dump(server))
    if has_python:
        return Launch([sys.executable, "-m", "grps.server", "--project", str(folder)])
    engine = served["inferer_type"]
    words = [str(PROGRAM), "--project", str(folder)]
    if engine in LIBRARIES:
        words += ["--library", f"{engine}={native_library(engine)}"]
    return Launch(words)


def endpoints(workload: str) -> list[Endpoint]:
    """GRPC and HTTP of GRPS and of the Open Inference Protocol; HTTP streams for W5 and W6."""
    if workload == "W6":
        return [chats.mock_endpoint(PORT)]
    if workload == "W6-gguf":
        return [chats.gguf_endpoint(PORT)]
    return w.grps_endpoints(workload, PORT, PORT + 1) + w.oip_endpoints(workload, PORT, PORT + 1)
