"""What the tool prints works as it is printed, for every kind of model."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from onnx import TensorProto
from tokenizers import Tokenizer, models, pre_tokenizers

from grps.cli.main import main
from grps.cli.output.example import Asked, example_of
from grps.cli.serving.launching import data_for
from grps.server.project import Project
from tests.onnx_models import save_node
from tests.support import (
    REPOSITORY,
    RunningServer,
    serving,
    two_free_ports,
    write_project,
)

GRPST = Path(sys.executable).parent / "grpst"
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
WAIT_S = 120
CODE = """
from grps import Converter, ModelInferer, converter_register, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Base(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Text(Base):
    def infer(self, inp, context):
        out = GrpsMessage()
        assert inp.str_data
        out.str_data = inp.str_data.upper()
        return out


class Binary(Base):
    def infer(self, inp, context):
        assert inp.HasField("bin_data")
        return GrpsMessage(bin_data=inp.bin_data[::-1])


class Table(Base):
    def infer(self, inp, context):
        (value,) = inp.gmap.s_s.values()
        return GrpsMessage(str_data=value)


class Tensors(Base):
    def infer(self, inp, context):
        assert inp.gtensors.tensors[0].flat_float32
        return inp


class Numbered(Base):
    def infer(self, inp, context):
        return GrpsMessage(str_data=str(int(inp.str_data) + 1))


class Length(Base):
    def infer(self, inp, context):
        return len(inp)


text = Text()
inferer_register.register("text", text)
inferer_register.register("binary", Binary())
inferer_register.register("table", Table())
inferer_register.register("tensors", Tensors())
inferer_register.register("numbered", Numbered())
inferer_register.register("length", Length())
"""
CONVERTER = """
from grps import Converter, converter_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Words(Converter):
    def init(self, path=None, args=None):
        super().init(path, args)

    def preprocess(self, inp, context):
        assert inp.str_data
        return inp.str_data.split()

    def postprocess(self, inp, context):
        out = GrpsMessage()
        out.gtensors.tensors.add(name="n", flat_int64=[inp])
        return out


converter_register.register("words", Words())
"""
CUSTOM = {"inferer_type": "customized", "converter_type": "none"}
ONNX = {"inferer_type": "onnxruntime", "device": "cpu"}


TENSORS: dict[str, tuple[int, list[Any]]] = {
    "floats": (FLOAT, ["n", 2]),
    "strings": (STRING, ["n"]),
    "words": (STRING, ["n", 20]),
    "tokens": (TensorProto.INT32, ["n", 2048]),
    "halves": (TensorProto.FLOAT16, ["n", 3, 8, 8]),
    "flags": (TensorProto.BOOL, [4]),
}
"""Models of one input by its element type and shape."""


def models_of(folder: Path) -> dict[str, dict[str, Any]]:
    """One small model of each kind."""
    for name, (kind, shape) in TENSORS.items():
        save_node(folder / f"{name}.onnx", "Identity", [("x", kind, shape)], [("y", kind, shape)])
    two = [("a", FLOAT, ["n", 2]), ("b", FLOAT, ["n", 2])]
    save_node(folder / "two.onnx", "Add", two, [("y", FLOAT, ["n", 2])])
    picture = [("x", FLOAT, ["n", 3, 8, 8])]
    save_node(folder / "image.onnx", "GlobalMaxPool", picture, [("y", FLOAT, ["n", 3, 1, 1])])
    row = [("x", FLOAT, ["n", "t"])]
    save_node(folder / "sound.onnx", "ReduceMax", row, [("y", FLOAT, ["n"])], axes=[1], keepdims=0)
    ids = [("input_ids", INT64, ["n", "t"])]
    save_node(folder / "ids.onnx", "Identity", ids, [("y", INT64, ["n", "t"])])
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "text": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    (folder / "warm.json").write_text(json.dumps({"str_data": "41"}))
    return {
        **{name: {**ONNX, "inferer_path": f"{name}.onnx"} for name in (*TENSORS, "two")},
        "image": {**ONNX, "inferer_path": "image.onnx", "converter_type": "image"},
        "sound": {
            **ONNX,
            "inferer_path": "sound.onnx",
            "converter_type": "audio",
            "converter_args": {"sample_rate": 8000},
        },
        "text": {
            **ONNX,
            "inferer_path": "ids.onnx",
            "converter_type": "text",
            "converter_path": "tokenizer.json",
        },
        "labels": {**ONNX, "inferer_path": "floats.onnx", "converter_type": "labels"},
        "identity": {"inferer_type": "identity"},
        "str_data": {**CUSTOM, "inferer_name": "text"},
        "bin_data": {**CUSTOM, "inferer_name": "binary"},
        "gmap": {**CUSTOM, "inferer_name": "table"},
        "gtensors": {**CUSTOM, "inferer_name": "tensors"},
        "warmed": {**CUSTOM, "inferer_name": "numbered", "warm_up_requests": ["warm.json"]},
        "converter": {
            "inferer_type": "customized",
            "inferer_name": "length",
            "converter_type": "customized",
            "converter_name": "words",
        },
    }


KINDS = (
    *(*TENSORS, "two", "image", "sound", "text", "labels", "identity"),
    *("str_data", "bin_data", "gmap", "gtensors", "warmed", "converter"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "src").mkdir()
    (folder / "src" / "customized_inferer.py").write_text(CODE)
    (folder / "src" / "customized_converter.py").write_text(CONVERTER)
    found = models_of(folder)
    assert tuple(found) == KINDS
    entries = [{"name": name, "version": "1", **keys} for name, keys in found.items()]
    with serving(write_project(folder, entries)) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_for_each_kind_of_model(server: RunningServer, kind: str) -> None:
    data = data_for(Project.read(server.folder), f"{kind}-1")
    found = example_of("127.0.0.1", server.ports[0], Asked(f"{kind}-1", data), named=True)
    command = ["bash", "-o", "pipefail", "-c", f"{found.line} -sS -w '\\n%{{http_code}}'"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    answer, _, code = ran.stdout.rpartition("\n")
    assert code == "200", (found.line, ran.stdout)
    if kind != "bin_data":
        assert json.loads(answer)["status"]["code"] == 200, (found.line, answer)


@pytest.fixture
def grpst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Return a function that runs a line in a shell in which ``grpst`` is this one."""
    monkeypatch.setenv("GRPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("PATH", f"{GRPST.parent}:{os.environ['PATH']}")

    def run(line: str) -> str:
        """Run a line; one that follows a log is ended by Ctrl-C."""
        command = ["bash", "-o", "pipefail", "-c", f"exec {line}" if "|" not in line else line]
        printed = ""
        deadline = time.monotonic() + WAIT_S
        with subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for text in process.stdout:
                printed += text
                assert time.monotonic() < deadline
                if "Ctrl-C ends)" in text or "Ctrl-C leaves the service running" in text:
                    process.send_signal(signal.SIGINT)
        assert process.returncode == 0, f"{line}: {printed}"
        return printed

    yield run
    for name in ("my_grps", "several"):
        subprocess.run([GRPST, "stop", name], capture_output=True, check=False)


def printed_lines(printed: str, name: str) -> list[str]:
    lines = [line for line in printed.splitlines() if line.startswith(f"{name} ")]
    return [line.removeprefix(name).strip() for line in lines]


def printed_line(printed: str, name: str) -> str:
    return printed_lines(printed, name)[0]


def test_several_models_without_a_graph(grpst: Callable[[str], str], tmp_path: Path) -> None:
    save_node(tmp_path / "m.onnx", "Neg", [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])])
    keys = {**ONNX, "inferer_path": "m.onnx"}
    write_project(tmp_path / "p", [{"name": n, "version": "1", **keys} for n in ("a", "b")])
    (tmp_path / "m.onnx").rename(tmp_path / "p" / "m.onnx")
    printed = grpst("grpst start p --name several --no_logging")
    lines = printed_lines(printed, "try")
    assert [re.findall(r"model=(\S+-1)", line) for line in lines] == [["a-1"], ["b-1"]]
    for line in lines:
        answer = json.loads(grpst(f"{line} -s").splitlines()[-1])
        assert answer["status"]["code"] == 200
    assert "stopped" in grpst(printed_line(printed, "stop"))


def test_errors_in_the_foreground_name_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    save_node(tmp_path / "m.onnx", "Neg", [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])])
    flags = ["--port", "0", "--inferer_arg", "io_bindin=true"]
    ran = subprocess.run(
        [GRPST, "serve", "m.onnx", "-f", *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    last, see = ran.stderr.splitlines()[-2:]
    assert last.startswith("error: model m-1.0.0: --inferer_arg: unknown key 'io_bindin'"), last
    assert see.startswith("see: docs/reference/errors.md#")


def test_a_created_project(grpst: Callable[[str], str]) -> None:
    printed = grpst("grpst create p")
    assert "OK" in grpst(f"sh -c {shlex.quote(printed_line(printed, 'test it'))}")
    port = two_free_ports()[0]
    assert "ready" in grpst(f"{printed_line(printed, 'serve it')} --port {port}")
    packed = grpst(printed_line(printed, "pack it"))
    start = printed_line(packed, "start it")
    started = grpst(f"{start} --host 127.0.0.1 --port 0 --no_logging")
    answer = json.loads(grpst(f"{printed_line(started, 'try')} -s").splitlines()[-1])
    assert answer["gtensors"]["tensors"][0]["flat_float32"] == [2.0, 2.0]


@pytest.mark.filterwarnings("ignore")
def test_every_line_of_the_help(grpst: Callable[[str], str], tmp_path: Path) -> None:
    traced = torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2))
    torch.jit.save(traced, str(tmp_path / "model.pt"))
    text = CliRunner().invoke(main, ["--help"]).output.replace("\\\n", "")
    lines = re.findall(r"^ +((?:grpst|curl) .+)$", text, re.MULTILINE)
    assert len(lines) >= 12
    ports = two_free_ports()
    for line in lines:
        words = line.split()
        flags = ""
        if words[1] in ("serve", "start", "dev"):
            flags = f" --port {ports[0]},{ports[1]}"
        if words[1] in ("serve", "start"):
            flags += " --host 127.0.0.1"
        if words[1] == "logs":
            flags = " --no_follow"
        printed = grpst(line.replace("7080", str(ports[0])) + flags)
        if words[0] == "curl":
            assert '"ndarray"' in printed
