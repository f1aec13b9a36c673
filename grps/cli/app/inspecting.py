"""``grpst inspect`` of a Python file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import msgspec

from grps.cli.output.example import Example, make_example
from grps.cli.output.lines import say
from grps.deploy.project.app_project import AppModel, read_app

HOST, PORT = "127.0.0.1", 7080
"""Where ``grpst serve`` puts a service by default."""
_NOT_FLAGS = {"model", "as_json"}
_ROW = "{:<8}{:<24}  {:<8}  {}"


def inspect_app(file: Path, given: set[str], *, as_json: bool) -> None:
    """Show the models of a file, and how to send each a request.

    Args:
        file: The file, which is imported in a process of its own.
        given: Names of the flags that were given.
        as_json: Print JSON, for programs.

    Raises:
        ModelError: The file has a fault.
        click.UsageError: A flag is given that is for model files.
    """
    if others := sorted(given - _NOT_FLAGS):
        raise click.UsageError(f"--{others[0]} is for model files; a Python file has only --json")
    models = read_app(file)
    serve = shlex.join(["grpst", "serve", str(file)])
    asked = [_example(one, len(models) > 1) for one in models]
    if as_json:
        found = [_report(*pair) for pair in zip(models, asked, strict=True)]
        report = {"path": str(file), "models": found, "serve": serve}
        say(msgspec.json.format(msgspec.json.encode(report)).decode())
        return
    say(f"file    {file}")
    for model, example in zip(models, asked, strict=True):
        _print(model, example)
    say("")
    say(f"serve   {serve}")


def _example(model: AppModel, is_named: bool) -> Example:
    facts, entry = model.facts, model.entry
    metadata = {"converter_type": entry["converter_type"], "request": facts["request"]}
    inputs = facts["inputs"]
    if facts["takes_tensors"] or (inputs and all(one["kind"] == "array" for one in inputs)):
        metadata["inputs"] = [_tensor(one) for one in inputs]
    return make_example(metadata, HOST, PORT, model.key if is_named else "")


def _tensor(described: dict[str, Any]) -> dict[str, Any]:
    tensor = {"name": described["name"], "dtype": described["type"], "shape": described["shape"]}
    return {**tensor, "optional": True} if described["optional"] else tensor


def _report(model: AppModel, example: Example) -> dict[str, Any]:
    return {
        "model": model.key,
        "target": model.facts["target"],
        "line": model.facts["line"],
        "summary": model.facts["summary"],
        "converter_type": model.entry["converter_type"],
        "inputs": model.facts["inputs"],
        "output": model.facts["output"],
        "form": model.facts["form"],
        "can_be_batched": model.joins,
        "ask": example.line,
        "ask_is_exact": example.exact,
    }


def _print(model: AppModel, example: Example) -> None:
    facts = model.facts
    say("")
    what = "class" if facts["is_class"] else facts["form"].replace("_", " ")
    text = f"  {facts['summary']}" if facts["summary"] else ""
    say(click.style(f"model   {model.key}", bold=True) + f"  ({what}, line {facts['line']}){text}")
    for one in facts["inputs"]:
        optional = "  (optional)" if one["optional"] else ""
        row = _ROW.format("takes", one["name"], one["type"] or "any", f"{_shape(one)}{optional}")
        say(row.rstrip())
    if (output := facts["output"]) is not None:
        say(_ROW.format("returns", "", output["type"] or "any", _shape(output)).rstrip())
    if "batching" in model.entry:
        say(f"batches of up to {model.entry['batching']['max_batch_size']}")
    say(f"ask     {example.line}")
    if not example.exact:
        say(f"        ({example.guessed_because}: put in your own values)")


def _shape(described: dict[str, Any]) -> str:
    return str(described["shape"]) if described["shape"] is not None else ""
