"""The native reader and Python's agree on every file: both take it, with equal values, or neither.

Where the native one can't tell what a file means it says so, and `grpst` uses Python.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grps.config.document import Document, read_text
from grps.config.reader import Reader
from grps.config.schema import InferenceConfig, ServerConfig
from grps.converters.names import NAMES
from grps.deploy.native import PROGRAM
from grps.errors import ConfigError
from grps.server.configuration import parse_inference, parse_server
from tools.configuration.schema import TARGET, schema_text
from tools.repository import ROOT, source_files

KINDS: dict[str, tuple[type[InferenceConfig | ServerConfig], Callable[[str, str], Any]]] = {
    "inference": (InferenceConfig, parse_inference),
    "server": (ServerConfig, parse_server),
}
FULL = Path(__file__).with_name("native_reader")
"""A file of each kind with most keys."""
MUTATIONS = 120
VALUES = """
|~|null|""|''|yes|no|On|true|1|0|-1|1.5|08|010|0x1f|0b11|1_000|1e5|1.0e+5|.5|.inf|.nan|1:30
|9223372036854775808|18446744073709551616|9007199254740992|"1"|'x'|abc|a b|[]|[1, 2]|[a, b]|[~]|{}
|{a: 1}|{a: {b: [1, {c: ~}]}}|!!str 1|!!int "3"|!!int x|!!bool maybe|!foo bar|! 12|&a 1|*a
|2024-01-01|2024-13-45|2024-01-01 10:00:00|=|<<|é|"a\\tb"|it's|"quo\\"te"|@x|`x|%x|- a|? a|a: b
|"unclosed|[unclosed|# c|http://127.0.0.1:4317|customized|plugin|torch|grap|7080|7080,7081|80,80
|70000|10.0.0.0/8|10.0.0.1/8|::1|::/0|x/8|10.0.0.0/33|10.0.0.0/255.0.0.0|optional request.x|det.y
|det.y > 1|request.x >= 1e3|a.b > .|/x|/grps/v1/health/live|/v2/models/x|/é|x y|/a?b|640|999|a#b
|a #b|a:b|:x|-|?x|--- x|...|"\\u2028"|+5|-0|0.0|100|101|32|64|65
""".replace("\n", "").split("|")
CHARACTERS = "\t:#-[]{},\"'&*!|>%@ \x07\u2028é~?=<"
LINES = tuple(
    """
<<: {name: q}|<<: [{a: 1}]|x: 1|name: ~|"name": z|? x|- x|*a|<<: 1
""".strip().split("|")
)


def by_python(kind: str, path: Path) -> dict[str, Any]:
    root, parse = KINDS[kind]
    try:
        text = read_text(path)
        parse(text, str(path))
        config = Reader(Document(text, str(path)), root, NAMES.choices).read()
    except ConfigError as error:
        return {"invalid": str(error)}
    values = json.dumps(in_order(msgspec.to_builtins(config)), default=str)
    return {"values": json.loads(values)}


def in_order(value: Any) -> Any:
    """Return values with the mappings whose order matters as pairs."""
    if isinstance(value, list | tuple):
        return [in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: [list(pair) for pair in one.items()]
        if key in ("inputs", "outputs", "weights") and isinstance(one, dict)
        else in_order(one)
        for key, one in value.items()
    }


def by_program(kind: str, paths: list[Path]) -> list[dict[str, Any]]:
    command = [str(PROGRAM), "--read", kind, *map(str, paths)]
    answer = subprocess.run(command, capture_output=True, check=True)
    return [json.loads(line) for line in answer.stdout.decode().split("\n") if line]


def test_the_schema_is_the_one_of_the_python_reader() -> None:
    assert TARGET.read_text(encoding="utf-8") == schema_text(), "run: make generate"


@pytest.mark.parametrize("kind", KINDS)
def test_both_readers_agree_on_every_file_of_the_tree(kind: str) -> None:
    name = re.compile(rf"{kind}[^/]*\.ya?ml")
    paths = [ROOT / path for path in source_files() if name.fullmatch(path.name)]
    assert len(paths) > 5
    for path, found in zip(paths, by_program(kind, paths), strict=True):
        assert found == by_python(kind, path), path


@pytest.mark.parametrize("kind", KINDS)
def test_both_readers_agree_on_wrong_files(kind: str, tmp_path: Path) -> None:
    full = (FULL / f"{kind}.yml").read_text()
    chance = random.Random(kind)
    paths = [tmp_path / f"{index}.yml" for index in range(MUTATIONS)]
    for path in paths:
        path.write_text(mutated(full, chance), newline="")
    outcomes = {"values": 0, "invalid": 0, "needs_python": 0}
    for path, found in zip(paths, by_program(kind, paths), strict=True):
        outcome = next(iter(found))
        outcomes[outcome] += 1
        if outcome == "needs_python":
            continue
        expected = by_python(kind, path)
        if "not valid YAML" in str(expected) or "not valid YAML" in str(found):
            assert outcome == "invalid", (path.read_text(), expected, found)
            assert "invalid" in expected, (path.read_text(), expected, found)
        else:
            assert found == expected, path.read_text()
    assert outcomes["values"] > MUTATIONS // 40
    assert outcomes["invalid"] > MUTATIONS // 3
    assert outcomes["needs_python"] < MUTATIONS // 10


def mutated(text: str, chance: random.Random) -> str:
    """Return a file with one or two lines changed."""
    lines = text.splitlines()
    for _ in range(chance.choice([1, 1, 2])):
        at = chance.randrange(len(lines))
        lines[at : at + 1] = changed(lines[at], chance)
    return "\n".join(lines) + chance.choice(["\n", "", "\n...\n", "\n---\n", "\r\n"])


def changed(line: str, chance: random.Random) -> list[str]:
    indent = re.match(r" *", line)
    assert indent is not None
    word = re.search(r"[a-z_]{3,}", line)
    at = chance.randrange(*(word.span() if word else (0, len(line) + 1)))
    anywhere = chance.randrange(len(line) + 1)
    return chance.choice(
        [
            [f"{line.partition(':')[0]}: {chance.choice(VALUES)}"],
            [f"{line.partition(':')[0]}: {chance.choice(VALUES)}"],
            [],
            [line, line],
            [line[:at] + chance.choice(["", "x", "_", line[at : at + 1].upper()]) + line[at + 1 :]],
            [" " * chance.randrange(5) + line.lstrip()],
            [line[:anywhere] + chance.choice(CHARACTERS) + line[anywhere:]],
            [f"{line} {chance.choice(VALUES)}"],
            [indent[0] + chance.choice(LINES), line],
        ]
    )


@pytest.mark.parametrize(
    ("capture", "cause"),
    [
        ("{max_record_bytes: 33554432}", None),
        ("{max_record_bytes: 33554433}", "max_record_bytes"),
        ("{max_bytes: 65536, max_record_bytes: 32768}", None),
        ("{max_bytes: 65536, max_record_bytes: 32769}", "more than half of max_bytes"),
        ("{max_bytes: 65535, max_record_bytes: 1}", "max_bytes"),
        ("{sample_ratio: 0}", "0 records nothing"),
        ("{headers: [X-Tenant]}", None),
        *(
            (f"{{headers: [X-Tenant, {name}]}}", "may have a secret")
            for name in ("Authorization", "cookie", "x-api-key", "X-Auth-Token", "x-session-id")
        ),
    ],
)
def test_both_readers_agree_on_captures(tmp_path: Path, capture: str, cause: str | None) -> None:
    path = tmp_path / "server.yml"
    path.write_text(f"interface: {{framework: http, port: '7080'}}\ncapture: {capture}\n")
    [found] = by_program("server", [path])
    assert found == by_python("server", path)
    assert ("values" in found) if cause is None else (cause in found["invalid"])
