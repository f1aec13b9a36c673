"""The serve verbs, with a stand-in for the server process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from grps.cli.serving import launching, model_service
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.services import find
from grps.server.configuration import load_inference, load_server
from grps.server.state import ServiceState
from tests.text_networks.tiny import TinyModel, save_tiny

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Grpst

Choose = Callable[[str], None]
QUIET = ("--no_logging", "--port", "0,0")


def test_serve_starts_and_says_how_to_use_it(
    grpst: Grpst, model: Path, fake_server: Choose
) -> None:
    fake_server("serve")
    result = grpst("serve", model, "--name", "demo", *QUIET)
    assert result.exit_code == 0, result.output
    state = find("demo").state
    assert state is not None
    assert f"demo is ready (pid {state.pid}, model my_net-1.0.0 on cpu)" in result.stdout
    assert "http://127.0.0.1:7080/\n" in result.stdout
    assert "curl -H 'Content-Type: application/json'" in result.stdout
    assert "grpst stop demo" in result.stdout
    assert "loading: loading model demo-1.0.0 (1 of 1)" in result.stderr
    again = grpst("serve", model, "--name", "demo", *QUIET)
    assert again.exit_code == 1
    assert f"already runs (pid {state.pid}" in again.stderr
    stopped = grpst("stop", "demo")
    assert stopped.exit_code == 0
    assert f"service 'demo' stopped (pid {state.pid}" in stopped.stdout


def test_flags_reach_the_files(grpst: Grpst, model: Path, fake_server: Choose) -> None:
    fake_server("fail")
    library = model.with_name("op.so")
    library.touch()
    result = grpst(
        "torch-serve", model, "--name=demo", "--port", "0", "--max-batch-size", "4",
        "--batching_type", "dynamic", "--device", "original", "--inp_device", "cuda:1",
        "--intra_op_threads", "3", "--instances", "2", "--model_name", "vad",
        "--model-version", "1.10", "--gpu_devices_idx", "0,1", "--gpu_mem_gc_enable",
        "--gpu_mem_limit_mib", "512", "--customized_predict_http_path", "/v1/x",
        "--customized_op_paths", str(library), "--max_concurrency", "5", "--host", "127.0.0.1",
        "--log_dir", "mine", "--interface_framework", "http",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "failed to start: the model file is damaged" in result.stderr
    folder = ServiceFolder.of("demo")
    entry = load_inference(folder.inference_conf).models[0]
    assert (entry.key, entry.instances) == ("vad-1.10", 2)
    assert (entry.device, entry.inp_device) == ("original", "cuda:1")
    assert (entry.inferer_type, entry.converter_type) == ("torch", "torch")
    assert entry.inferer_args == {"intra_op_threads": 3, "customized_op_paths": [str(library)]}
    assert entry.batching is not None
    assert (entry.batching.type, entry.batching.max_batch_size) == ("dynamic", 4)
    server = load_server(folder.server_conf)
    assert server.interface.framework == "http"
    assert server.interface.customized_predict_http is not None
    assert server.max_concurrency == 5
    assert server.log.log_dir == "mine"
    assert server.gpu is not None
    assert server.gpu.devices == (0, 1)
    assert (server.gpu.mem_manager_type, server.gpu.mem_limit_mib) == ("torch", 512)


def test_http_with_brpc_opens_both_ports(grpst: Grpst, model: Path, fake_server: Choose) -> None:
    fake_server("fail")
    grpst("torch-serve", model, "--name=demo", "--interface_framework", "http+brpc")
    interface = load_server(ServiceFolder.of("demo").server_conf).interface
    assert (interface.framework, len(interface.ports)) == ("http+brpc", 2)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--port", "70000"], "'70000' is not a port from 0 to 65535"),
        (["--port", "1,2,3"], "3 ports given"),
        (["--interface_framework", "ftp"], "http+grpc"),
        (["--name", "a/b"], "'a/b' can't be a service name"),
        (["--device", "tpu"], "'tpu' is not a device; allowed: cpu, cuda"),
        (["--device", "cuda:0,,cuda:1"], "has an empty place in it"),
        (["--device", "cuda:0,tpu"], "'tpu' is not a device"),
        (["--inp_device", "original"], "original is no place for inputs"),
        (["--inp_device", "cpu,cuda"], "'cpu,cuda' is not a device"),
        (["--inferer_arg", "compile"], "'compile' is not KEY=VALUE"),
        (["--inferer_arg", "=1"], "'=1' is not KEY=VALUE"),
        (["--inferer_arg", "a=1", "--inferer_arg", "a=2"], "a is given twice"),
        (["--inferer_arg", "a=[1"], "a: '[1' is no value of YAML"),
        (["--converter_arg", "top_k=1"], "need --converter"),
        (["--converter", "video"], "'video' is not one of"),
        (["--converter", "image", "--converter_arg", "labels=/no/such"], "there is no file"),
        (["--device", "original"], "--device original needs --inp_device"),
        (["--gpu_devices_idx", "a"], "'a' is not GPU numbers"),
        (["--gpu_mem_limit_mib", "0"], "0 is neither -1"),
        (["--max_batch_size", "0"], "not in the range"),
        (["--customized_op_paths", "/no/such.so"], "there is no file '/no/such.so'"),
        (["--customized_predict_http_path", "x"], "'x' must start with '/'"),
        (["--model_name", "a b"], "'a b' is not 1 to 128"),
        (["--output_path", "server.mar"], "the serve verbs write no archive"),
        (["--max_batchsize", "1"], "--max_batch_size"),
        (["--customized_op_paths", "~no_such_user/a.so"], "no home folder is known; write the"),
        (["--inferer_arg", f"a={'9' * 5000}"], "is no value of YAML"),
    ],
)
def test_usage_errors(grpst: Grpst, model: Path, flags: list[str], text: str) -> None:
    result = grpst("torch_serve", model, *flags)
    assert result.exit_code == 2
    assert text in result.stderr


def test_missing_model(grpst: Grpst, tmp_path: Path) -> None:
    result = grpst("serve", tmp_path / "no.pt")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


@pytest.mark.parametrize(
    ("verb", "name", "text"),
    [
        ("onnx_serve", "a.pt", "is a model of the format torchscript; use: grpst torch_serve"),
        ("torch_serve", "a.onnx", "is a model of the format onnx; use: grpst onnx_serve"),
        ("onnx_serve", "saved", "is a model of the format savedmodel; use: grpst tf_serve"),
        ("tf_serve", "a.onnx", "is a model of the format onnx; use: grpst onnx_serve"),
        ("openvino_serve", "a.pt", "is a model of the format torchscript; use: grpst torch_serve"),
        ("onnx_serve", "a.xml", "is a model of the format openvino; use: grpst openvino_serve"),
        ("trt_serve", "a.onnx", "is a model of the format onnx; use: grpst onnx_serve"),
        ("onnx_serve", "a.engine", "is a model of the format tensorrt; use: grpst trt_serve"),
        ("serve", "a.txt", "the format is not recognised"),
    ],
)
def test_formats(grpst: Grpst, model: Path, verb: str, name: str, text: str) -> None:
    other = model.with_name(name)
    other.touch()
    result = grpst(verb, other)
    assert result.exit_code == 1
    assert text in result.stderr


def test_flags_of_other_engines_are_refused(grpst: Grpst, model: Path) -> None:
    def refused(name: str, *flags: str) -> str:
        other = model.with_name(name)
        other.touch()
        result = grpst("serve", other, *flags)
        assert result.exit_code == 2
        return result.stderr

    assert "--inp_device is for torch models" in refused("a.onnx", "--inp_device", "cpu")
    assert "--tags is for tensorflow models" in refused("a.onnx", "--tags", "serve")
    assert "--trusted is for sklearn models" in refused("a.onnx", "--trusted")
    assert "for torch and onnxruntime models" in refused("a.xml", "--gpu_mem_gc_enable")
    for name in ("a.engine", "a.xml", "a.joblib", "a.ubj"):
        assert "--gpu_mem_limit_mib can't be kept" in refused(name, "--gpu_mem_limit_mib", "1")
    assert "No such option" in grpst("onnx_serve", model, "--inp_device", "cpu").stderr


def test_the_limit_of_no_limit_is_every_engines(
    grpst: Grpst, model: Path, fake_server: Choose
) -> None:
    fake_server("fail")
    engine = model.with_suffix(".engine")
    engine.touch()
    flags = ("--gpu_mem_limit_mib", "-1", "--gpu_devices_idx", "0,1")
    assert grpst("trt_serve", engine, *flags, *QUIET).exit_code == 1
    gpu = load_server(ServiceFolder.of("my_grps").server_conf).gpu
    assert gpu is not None
    assert (gpu.devices, gpu.mem_manager_type, gpu.mem_limit_mib) == ((0, 1), "none", -1)


def test_a_converter_reaches_the_files(
    grpst: Grpst, model: Path, fake_server: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server("fail")
    monkeypatch.chdir(model.parent)
    for name in ("names.txt", "tokenizer.json"):
        Path(name).write_text("x")
    result = grpst(
        "serve", model, "--converter", "text", "--converter_path", "tokenizer.json",
        "--converter_arg", "labels=names.txt", "--converter_arg", "inputs={tokens: ids}",
        "--inferer_arg", "memory_format=channels_last", *QUIET,
    )  # fmt: skip
    assert result.exit_code == 1
    entry = load_inference(ServiceFolder.of("my_grps").inference_conf).models[0]
    assert (entry.converter_type, entry.inferer_type) == ("text", "torch")
    assert entry.converter_path == str(model.parent / "tokenizer.json")
    labels = str(model.parent / "names.txt")
    assert entry.converter_args == {"labels": labels, "inputs": {"tokens": "ids"}}
    assert entry.inferer_args == {"memory_format": "channels_last"}


@pytest.mark.parametrize(
    ("verb", "name", "flags", "entry"),
    [
        ("openvino_serve", "a.xml", ["--streams", "3"], {"streams": 3}),
        ("openvino_serve", "a.onnx", ["--device", "gpu:1"], {"streams": 1}),
        ("sklearn_serve", "a.joblib", ["--trusted"], {"trusted": True}),
        ("xgboost_serve", "a.ubj", ["--intra_op_threads", "2"], {"intra_op_threads": 2}),
    ],
)
def test_engines_verbs(
    grpst: Grpst,
    model: Path,
    fake_server: Choose,
    verb: str,
    name: str,
    flags: list[str],
    entry: dict[str, object],
) -> None:
    fake_server("fail")
    other = model.with_name(name)
    other.touch()
    assert grpst(verb, other, *flags, *QUIET).exit_code == 1
    found = load_inference(ServiceFolder.of("my_grps").inference_conf).models[0]
    assert (found.inferer_type, found.converter_type) == (verb.removesuffix("_serve"), "numpy")
    assert found.inferer_args == entry
    assert found.device == (flags[1] if "--device" in flags else "cpu")


@pytest.mark.parametrize("verb", ["serve", "llm_serve"])
@pytest.mark.parametrize(
    ("name", "engine"), [("a.gguf", "openvino_genai"), ("a.weights", "decoder")]
)
def test_engines_share_the_verb_of_language_models(
    grpst: Grpst, model: Path, fake_server: Choose, verb: str, name: str, engine: str
) -> None:
    fake_server("fail")
    other = model.with_name(name)
    other.touch()
    assert grpst(verb, other, "--device", "cpu", *QUIET).exit_code == 1
    found = load_inference(ServiceFolder.of("my_grps").inference_conf).models[0]
    assert (found.inferer_type, found.converter_type) == (engine, "numpy")
    assert found.batching is not None and found.batching.type == "continuous"


@pytest.mark.parametrize("verb", ["serve", "llm_serve", "openvino_serve"])
def test_a_text_model_is_served_by_each_verb_that_one_may_try(
    grpst: Grpst, tmp_path: Path, fake_server: Choose, verb: str
) -> None:
    fake_server("fail")
    model = tmp_path / "ranker"
    model.mkdir()
    save_tiny(model, TinyModel(ranks=True))
    grpst(verb, model, "--name", "demo", *QUIET)
    [written] = load_inference(ServiceFolder.of("demo").inference_conf).models
    assert (written.inferer_type, written.inferer_path) == ("openvino", str(model))


def test_the_default_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(Path, "glob", lambda _, pattern: iter([Path("/dev/nvidia0")]))
    default = model_service.default_device
    assert default("onnxruntime", set()) == "cuda"
    assert default("onnxruntime", {"native"}) == "cpu"
    assert default("openvino", set()) == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert default("onnxruntime", set()) == "cpu"


def test_a_savedmodel_by_either_verb(grpst: Grpst, model: Path, fake_server: Choose) -> None:
    fake_server("fail")
    other = model.with_name("saved")
    other.mkdir()
    flags = ("--signature", "upper", "--tags", "serve,half", "--gpu_mem_limit_mib", "512")
    for verb in ("tf_serve", "serve"):
        assert grpst(verb, other, "--name", verb, "--port", "0", *flags).exit_code == 1
        folder = ServiceFolder.of(verb)
        entry = load_inference(folder.inference_conf).models[0]
        assert (entry.inferer_type, entry.converter_type) == ("tensorflow", "tensorflow")
        assert entry.inferer_args == {"signature": "upper", "tags": "serve,half"}
        gpu = load_server(folder.server_conf).gpu
        assert gpu is not None
        assert (gpu.mem_manager_type, gpu.mem_limit_mib) == ("tensorflow", 512)


@pytest.mark.parametrize("verb", ["trt_serve", "serve"])
def test_flags_of_engines_reach_the_files(
    grpst: Grpst, model: Path, fake_server: Choose, verb: str
) -> None:
    fake_server("fail")
    engine = model.with_suffix(".engine")
    engine.touch()
    library = model.with_name("plugin.so")
    library.touch()
    grpst(verb, engine, "--streams", "4", "--customized_op_paths", str(library), *QUIET)
    entry = load_inference(ServiceFolder.of("my_grps").inference_conf).models[0]
    assert (entry.inferer_type, entry.converter_type) == ("tensorrt", "tensorrt")
    assert entry.device == "cuda"
    assert entry.inferer_args == {"streams": 4, "customized_op_paths": [str(library)]}


@pytest.mark.parametrize(
    ("suffix", "flags", "text"),
    [
        (".engine", ["--device", "cpu"], "--device cpu: TensorRT runs on GPUs only"),
        (".engine", ["--streams", "0"], "0 is not in the range 1<=x<=64"),
        (".engine", ["--streams", "65"], "65 is not in the range 1<=x<=64"),
        (".engine", ["--inp_device", "cuda"], "--inp_device is for torch models"),
        (".onnx", ["--streams", "2"], "--streams is for tensorrt and openvino models"),
        (".gguf", ["--batching_type", "dynamic"], "OpenVINO GenAI batches continuously"),
    ],
)
def test_usage_errors_of_engines(
    grpst: Grpst, model: Path, suffix: str, flags: list[str], text: str
) -> None:
    other = model.with_suffix(suffix)
    other.touch()
    result = grpst("serve", other, *flags)
    assert result.exit_code == 2
    assert text in result.stderr


def test_taken_port(grpst: Grpst, model: Path, fake_server: Choose) -> None:
    fake_server("serve")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = grpst("serve", model, "--port", str(port), "--host", "127.0.0.1")
    assert result.exit_code == 1
    assert f"error: port {port} is in use by pid {os.getpid()}" in result.stderr


def test_interrupted_following_leaves_the_service(
    grpst: Grpst, model: Path, fake_server: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    fake_server("serve")
    monkeypatch.setattr(launching, "follow_log", interrupt)
    result = grpst("serve", model, "--port", "0,0")
    assert result.exit_code == 0
    assert "'my_grps' keeps running; stop it with: grpst stop my_grps" in result.stderr
    assert find("my_grps").running


def test_foreground_becomes_the_server(
    grpst: Grpst, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: calls.append(command))
    monkeypatch.setattr(os, "chdir", lambda _: None)
    result = grpst("serve", model, "-f", "--port", "0")
    assert result.exit_code == 0, result.stderr
    folder = ServiceFolder.of("my_grps")
    module = ["-m", "grps.cli.serving.foreground", "torch"]
    assert calls[0][1:6] == [*module, "--project", str(folder.root)]
    assert calls[0][6:] == ["--state_file", str(folder.state), "--stderr"]
    state = ServiceState.read(folder.state)
    assert state is not None
    assert (state.pid, state.phase) == (os.getpid(), "starting")
    folder.state.unlink()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.b.pt", "a.b"),
        ("my net (1).pt", "my_net_1"),
        ("模型.pt", "model"),
        ("x" * 200, "x" * 128),
    ],
)
def test_model_names(file: str, name: str) -> None:
    assert model_service.model_name_of(Path(file)) == name


@pytest.mark.parametrize(
    ("flags", "note"),
    [
        (["--max_batch_size", "4"], "--max_batch_size has no effect without --batching_type"),
        (["--batch_timeout_us", "4"], "--batch_timeout_us has no effect without --batching_type"),
        (
            ["--max_batch_size", "4", "--batch_timeout_us", "4", "--batching_type", "none"],
            "--max_batch_size and --batch_timeout_us have no effect without --batching_type",
        ),
        (
            ["--batch_timeout_us", "4", "--batching_type", "dynamic"],
            "--batch_timeout_us has no effect yet: requests wait for a batch to fill only with",
        ),
        (["--gpu_mem_gc_interval", "4"], "no effect without --gpu_mem_gc_enable"),
        (["--max_batch_size", "4", "--batching_type", "dynamic"], None),
        ([], None),
    ],
)
def test_flags_without_effect_are_named(
    grpst: Grpst, model: Path, fake_server: Choose, flags: list[str], note: str | None
) -> None:
    fake_server("fail")
    result = grpst("torch_serve", model, "--name", "demo", "--port", "0,0", *flags)
    assert ("no effect" in result.stderr) == (note is not None)
    assert note is None or f"note: {note}" in result.stderr or note in result.stderr


def test_an_edited_configuration_is_kept(grpst: Grpst, model: Path, fake_server: Choose) -> None:
    fake_server("fail")
    words = ("serve", model, "--name", "demo", "--port", "0,0")
    assert "was edited" not in grpst(*words).stderr
    conf = ServiceFolder.of("demo").server_conf
    text = conf.read_text() + "# mine\n"
    conf.write_text(text)
    assert (
        f"note: {conf} was edited; it is replaced, and the edited file is" in grpst(*words).stderr
    )
    assert conf.with_name("server.yml.edited-1").read_text() == text
    assert "was edited" not in grpst(*words).stderr
