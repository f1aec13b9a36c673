"""The reference pages agree with the code they describe."""

from __future__ import annotations

import importlib
import re
import typing
from collections.abc import Iterator

import click
import msgspec
import numpy as np
import pytest

from grps.cli.group import all_verbs
from grps.cli.main import main
from grps.config.schema import InferenceConfig, ServerConfig
from tests.docs.pages import (
    CHINESE_README,
    DOCS,
    README,
    blocks,
    chinese_pages,
    name_of,
    pages,
)
from tests.support import REPOSITORY

CLI = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
ERRORS = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
BACKENDS = (DOCS / "reference" / "backends.md").read_text(encoding="utf-8")
CONVERTERS = (DOCS / "reference" / "converters.md").read_text(encoding="utf-8")
METRICS_RS = REPOSITORY / "crates" / "grps-server" / "src" / "observability" / "metrics"
STATUS_RS = REPOSITORY / "crates" / "grps-server" / "src" / "call" / "status.rs"
"""Engines with flags of their own, and the verbs that have them."""
LINK = re.compile(r"\]\(([^)#]*)(?:#([\w-]+))?\)")
HTTP_CODES = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL_SERVER_ERROR": 500,
    "NOT_IMPLEMENTED": 501,
    "SERVICE_UNAVAILABLE": 503,
    "GATEWAY_TIMEOUT": 504,
}


def without_blocks(page: str) -> str:
    """A page without its fenced blocks: what looks like Markdown there is code."""
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next one."""
    prose = without_blocks(page)
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#|\Z)", prose, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of the body rows of the tables in a text."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def command_of(verb: str) -> click.Command:
    assert isinstance(main, click.Group)
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    return command


def options_of(verb: str) -> dict[frozenset[str], str]:
    """Names and default of each option, for a group those of its commands."""
    found = {}
    command = command_of(verb)
    commands = command.commands.values() if isinstance(command, click.Group) else [command]
    for option in (param for one in commands for param in one.params):
        if isinstance(option, click.Option):
            plain = isinstance(option.default, (str, int, float)) and not option.is_flag
            found[frozenset(option.opts)] = str(option.default) if plain else ""
    return found


ONLY = {
    "torch only": {"serve", "torch_serve"},
    "torch and onnxruntime only": {"serve", "torch_serve", "onnx_serve"},
    "tensorflow only": {"serve", "tf_serve"},
    "TensorRT and OpenVINO only": {"serve", "trt_serve", "openvino_serve"},
    "ONNX, OpenVINO, PyTorch, TensorFlow and TensorRT only": {
        "serve",
        "onnx_serve",
        "openvino_serve",
        "tf_serve",
        "torch_serve",
        "trt_serve",
    },
    "scikit-learn only": {"serve", "sklearn_serve"},
}
"""What the meaning of a flag says when only some serve verbs have it."""


def test_verbs() -> None:
    listed = [words(row[0])[0].split()[0] for row in rows(CLI.split("\n## ")[0])]
    assert listed == list(all_verbs())


@pytest.mark.parametrize("verb", all_verbs())
def test_flags(verb: str) -> None:
    told = "serve" if verb.endswith("_serve") else verb
    flags = [row for row in rows(section(CLI, told)) if row[0].startswith("`-")]
    documented = {frozenset(words(row[0])): row for row in flags}
    for mark, verbs in ONLY.items():
        if verb not in verbs:
            documented = {k: row for k, row in documented.items() if mark not in row[3]}
    options = options_of(verb)
    assert set(documented) == set(options)
    for names, default in options.items():
        if default:
            assert words(documented[names][2]) == [default], names


def structs(kind: object) -> Iterator[type[msgspec.Struct]]:
    """The structures in a type annotation."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for inner in typing.get_args(kind):
        yield from structs(inner)


def keys(kind: type[msgspec.Struct], path: str) -> Iterator[tuple[str, msgspec.structs.FieldInfo]]:
    """Every key under a structure with the heading it is described under."""
    for field in msgspec.structs.fields(kind):
        yield path, field
        for inner in structs(field.type):
            below = f"{path}.{field.name}" if path else field.name
            yield from keys(inner, below)


def heading(file: str, path: str) -> str:
    # The keys of all graphs are described once.
    path = re.sub(r"^graphs\b", "dag", re.sub(r"^models\.", "models[].", path))
    return path or file


def described(file: str, path: str) -> dict[str, list[str]]:
    return {words(row[0])[0]: row for row in rows(section(CONFIGURATION, heading(file, path)))}


@pytest.mark.parametrize(
    ("file", "kind"), [("inference.yml", InferenceConfig), ("server.yml", ServerConfig)]
)
def test_every_key_is_described(file: str, kind: type[msgspec.Struct]) -> None:
    known: dict[str, set[str]] = {}
    for path, field in keys(kind, ""):
        if (file, path) == ("inference.yml", ""):
            assert section(CONFIGURATION, field.name)
            continue
        known.setdefault(path, set()).add(field.name)
        row = described(file, path)[field.name]
        assert row[2] == default_of(field), (path, field.name)
    for path, names in known.items():
        assert set(described(file, path)) == names


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """The default as the page writes it."""
    if field.required:
        return "needed"
    exceptions = {"converter_type": "`none`", "device": "chosen", "inferer_type": "needed"}
    if field.name in exceptions:
        return exceptions[field.name]
    if field.default in (None, ()) or isinstance(field.default, msgspec.Struct):
        return ""
    if isinstance(field.default, tuple):
        return f"`[{', '.join(field.default)}]`"
    if isinstance(field.default, str):
        return f"`{field.default}`"
    is_tiny = isinstance(field.default, float) and "e" in str(field.default)
    return np.format_float_positional(field.default) if is_tiny else str(field.default).lower()


def test_causes_have_their_statuses() -> None:
    source = STATUS_RS.read_text()
    table = source[source.index("match cause {") : source.index("/// The HTTP status of an error")]
    in_message = source[source.index("matches!(") : source.index("/// The gRPC status of an error")]
    known = {}
    for arm in re.finditer(r"((?:Cause::\w+[ |]*)+) => \(([^,]+), Code::(\w+)\)", table):
        name = arm[2].removeprefix("StatusCode::")
        code = 499 if name == "client_closed_request()" else HTTP_CODES[name]
        for cause in re.findall(r"Cause::(\w+)", arm[1]):
            told = "in the message" if f"Cause::{cause}\n" in in_message else "ends the rpc"
            known[cause] = [str(code), f"`{arm[3]}`", told]
    documented = {words(row[0])[0]: row[1:4] for row in rows(ERRORS.split("\n## ")[0])}
    assert documented == known
    assert len(known) == 16


@pytest.mark.parametrize(
    ("title", "module", "kind"),
    [
        ("onnxruntime", "onnxruntime.backend", "OnnxruntimeArguments"),
        ("torch", "torch.backend", "TorchArguments"),
        ("tensorflow", "tensorflow.runtime", "TensorflowArguments"),
        ("openvino", "openvino.backend", "OpenvinoArguments"),
        ("sklearn", "sklearn.backend", "SklearnArguments"),
        ("xgboost", "xgboost.backend", "XgboostArguments"),
        ("lightgbm", "lightgbm.backend", "LightgbmArguments"),
        ("openvino_genai", "openvino_genai.step_model", "GenAiArguments"),
        ("decoder", "decoder.arguments", "DecoderArguments"),
        ("llamacpp", "llamacpp.step_model", "LlamaCppArguments"),
        ("vllm", "vllm.arguments", "VllmArguments"),
    ],
)
def test_inferer_args(title: str, module: str, kind: str) -> None:
    arguments = getattr(importlib.import_module(f"grps.backends.{module}"), kind)
    documented = [words(row[0])[0] for row in rows(section(BACKENDS, f"inferer_args of {title}"))]
    assert documented == list(arguments.__struct_fields__)


@pytest.mark.parametrize(
    ("title", "module", "kind"),
    [
        ("image", "image", "ImageArguments"),
        ("audio", "audio", "AudioArguments"),
        ("text", "text", "TextArguments"),
        ("Labels", "labels", "LabelArguments"),
        ("Other inputs", "choice", "_Shared"),
    ],
)
def test_converter_args(title: str, module: str, kind: str) -> None:
    arguments = getattr(importlib.import_module(f"grps.converters.{module}"), kind)
    table = {words(row[0])[0]: row[2] for row in rows(section(CONVERTERS, title))}
    fields = msgspec.structs.fields(arguments)
    assert list(table) == [field.name for field in fields]
    for field in fields:
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert float(table[field.name].replace(",", "")) == field.default, field.name


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*pages(), CHINESE_README, *chinese_pages()], ids=name_of)
def test_links_lead_somewhere(page: typing.Any) -> None:
    for target, anchor in LINK.findall(without_blocks(page.read_text(encoding="utf-8"))):
        assert "://" not in target
        other = (page.parent / target).resolve() if target else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text(encoding="utf-8")), (target, anchor)


def test_the_readmes_have_the_same_code() -> None:
    def code(page: typing.Any) -> list[tuple[str, str]]:
        return [(block.language, block.text) for block in blocks(page)]

    assert code(CHINESE_README) == code(README)


def test_every_metric_is_described() -> None:
    page = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    documented = {words(row[0])[0]: row[1] for row in rows(page.split("\n## ")[0])}
    files = [file for file in METRICS_RS.glob("*.rs") if file.name != "mod.rs"]
    source = "\n".join(file.read_text() for file in files)
    written = set(re.findall(r"\"((?:grps|process)_[a-z0-9_]+)\"", source)) - {
        "grps_model",
        "grps_node",
    }
    for suffix in re.findall(r"\{prefix\}(_[a-z_]+)", source):
        written |= {f"grps_model{suffix}", f"grps_node{suffix}"}
    endings = {"counter": "_total", "info": "_info"}
    assert {
        name.removesuffix(endings.get(kind, "")) for name, kind in documented.items()
    } == written
