"""``grpst inspect``."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np

from grps.backends.backend import Backend, Signature
from grps.backends.common.signature import can_be_batched, check_inputs, describe, fixed_rows
from grps.backends.common.warm_up import warm_up
from grps.backends.environment import prepare_environment
from grps.backends.formats import recognise
from grps.backends.joined_rows import joining_fault
from grps.backends.loading import load_copy
from grps.backends.table import ENGINES
from grps.cli.output.example import make_example
from grps.cli.output.lines import say
from grps.cli.output.progress import ProgressLine
from grps.cli.serving.engine_flags import refuse_flags_of_others
from grps.cli.serving.flag_words import speaking_of_flags
from grps.cli.serving.flags import inspect_flags
from grps.cli.serving.model_argument import GivenModel
from grps.cli.serving.model_service import (
    default_device,
    engine_of,
    given_flags,
    model_config,
    require_converter,
)
from grps.config.schema import ModelConfig
from grps.converters.choice import create_converter, create_runner
from grps.converters.names import NAMES
from grps.deploy.project.app_project import is_app
from grps.errors import DeployError

HOST, PORT = "127.0.0.1", 7080
"""Where the serve verbs put a service by default."""
NOT_SERVED = {"model", "engine", "as_json"}
"""Parameters that the serve verbs do not have as flags."""
MOST_COLUMNS = 20
"""Most names of columns that are printed; JSON has more."""
_TABLE = "{:<24}  {:<8}  {}"


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found out of a model."""

    config: ModelConfig
    format: str
    signature: Signature
    load_s: float
    run_ms: float | None
    """How long a run took after a first one; ``None`` when there was none."""
    not_run: str | None
    """Why there was none."""
    not_joined: str | None
    """Why requests can't be joined; ``None`` when nothing is known against it."""
    filled: dict[str, str]
    """What the built-in converter puts into each input, in words; empty without one."""


@click.command("inspect")
@inspect_flags
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(model: GivenModel, as_json: bool, **flags: Any) -> None:
    """Show the inputs and outputs of a model file, and how to send it a request.

    The model is loaded as it would be to be served, and run once if it reports its shapes. Of a
    Python file, the functions and classes with @grps.model are shown, and none is run. -1 is a
    dimension that may have any size.

    \b
    Examples:
      grpst inspect model.onnx
      grpst inspect app.py
      grpst inspect saved_model/ --signature classify
      grpst inspect model.onnx --converter image
      grpst inspect model.xml --json | python -m json.tool
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    model_path = model.path
    if is_app(model_path):
        from grps.cli.app.inspecting import inspect_app

        inspect_app(model_path, given_flags(), as_json=as_json)
        return
    engine = engine_of(model, flags.pop("engine"))
    given = given_flags()
    refuse_flags_of_others(engine, given)
    if ENGINES[engine].makes_steps:
        raise DeployError(
            f"{model}: a language model, which takes tokens and returns text; use: grpst "
            f"{ENGINES[engine].verb.name} {model}"
        )
    require_converter(flags["converter"], given)
    if flags["device"] is None:
        flags["device"] = default_device(engine, given)
    config = model_config(model_path, engine, flags)
    with ProgressLine(f"loading {model_path.name}"), speaking_of_flags(engine):
        found = _examine(config, model_path)
    report = _report(found, given - NOT_SERVED, model)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _print(report)


def _examine(config: ModelConfig, path: Path) -> Inspected:
    prepare_environment()
    began = time.monotonic()
    backend = load_copy(config)[0]
    loaded = time.monotonic() - began
    check_inputs(backend.signature)
    signature, ran = warm_up(backend)
    run_ms = None if ran.inputs is None else _time_a_run(backend, ran.inputs)
    not_joined = fixed_rows(signature)
    if not_joined is None and ran.inputs is not None:
        not_joined = joining_fault(backend.infer, ran.inputs, signature.most_rows)
    filled = {}
    if NAMES.has_built_in_converter(config):
        filled = create_converter(config, signature).filled
        create_runner(config, backend)
    kind = str(recognise(path))
    return Inspected(config, kind, signature, loaded, run_ms, ran.skipped, not_joined, filled)


def _time_a_run(backend: Backend, inputs: list[np.ndarray]) -> float:
    began = time.monotonic()
    backend.infer(inputs)
    return (time.monotonic() - began) * 1000


def _report(found: Inspected, given: set[str], model: GivenModel) -> dict[str, Any]:
    config = found.config
    inputs_and_outputs = describe(found.signature)
    converter = config.converter_type if NAMES.has_built_in_converter(config) else None
    example = make_example({**inputs_and_outputs, "converter_type": converter}, HOST, PORT)
    return {
        "path": str(model),
        "format": found.format,
        "inferer_type": config.inferer_type,
        "device": found.signature.device,
        "load_s": round(found.load_s, 3),
        "run_ms": None if found.run_ms is None else round(found.run_ms, 3),
        "not_run": found.not_run,
        "can_be_batched": False if found.not_joined else can_be_batched(found.signature),
        "not_batched": found.not_joined,
        **inputs_and_outputs,
        "converter_type": converter,
        "filled": found.filled,
        "serve": _serve_line(config, given, model),
        "ask": example.line,
        "ask_is_exact": example.exact,
        "ask_guessed_because": example.guessed_because or None,
        "ask_with_a_file": example.own_data,
    }


def _serve_line(config: ModelConfig, given: set[str], model: GivenModel) -> str:
    """Return the command that serves the model as it was inspected, with the flags ``given``."""
    words = ["grpst", ENGINES[config.inferer_type].verb.name, str(model)]
    context = click.get_current_context()
    for option in context.command.params:
        if option.name not in given:
            continue
        value, flag = context.params[option.name], option.opts[0]
        if isinstance(value, dict):
            for key, one in value.items():
                text = one if isinstance(one, str) else json.dumps(one)
                words += [flag, f"{key}={text}"]
        elif isinstance(value, bool):
            words.append(flag)
        else:
            words += [flag, ",".join(value) if isinstance(value, tuple) else str(value)]
    return shlex.join(words)


def _shortened(columns: list[str]) -> str:
    more = f", … ({len(columns)} in all)" if len(columns) > MOST_COLUMNS else ""
    return ", ".join(columns[:MOST_COLUMNS]) + more


def _print(report: dict[str, Any]) -> None:
    say(f"model   {report['path']}")
    say(f"format  {report['format']}, run by {report['inferer_type']} on {report['device']}")
    ran = f"no run: {report['not_run']}"
    if report["run_ms"] is not None:
        ran = f"a run takes {report['run_ms']:.1f} ms"
    say(f"time    loaded in {report['load_s']:.2f} s; {ran}")
    batching = {
        True: "yes, by --batching_type dynamic",
        False: f"no: {report['not_batched']}",
        None: "unknown: the model does not report its shapes",
    }[report["can_be_batched"]]
    say(f"batches {batching}")
    for kind in ("inputs", "outputs"):
        say("")
        say(click.style(_TABLE.format(kind.upper(), "TYPE", "SHAPE"), bold=True))
        if not report[kind]:
            unknown = kind == "outputs" or report.get("open_ended")
            say("(the model does not report them)" if unknown else "(none)")
        for tensor in report[kind]:
            shape = tensor["shape"] if tensor["shape"] is not None else "any"
            optional = "  (optional)" if tensor.get("optional") else ""
            dtype = tensor["dtype"] or "any"
            say(_TABLE.format(tensor["name"], dtype, f"{shape}{optional}"))
            if columns := tensor.get("columns"):
                say(_TABLE.format("", "columns", _shortened(columns)))
    if report.get("limits"):
        say("")
        say(click.style("LIMITS", bold=True))
        for line in report["limits"]:
            say(line)
    if report["filled"]:
        say("")
        say(click.style(f"WHAT THE CONVERTER {report['converter_type'].upper()} FILLS", bold=True))
        for name, words in report["filled"].items():
            say(f"{name:<24}  {words}")
    say("")
    say(f"serve   {report['serve']}")
    say(f"ask     {report['ask']}")
    if report["ask_with_a_file"]:
        say(f"        (for a file of yours: curl {report['ask_with_a_file']} and the same URL)")
    if not report["ask_is_exact"]:
        say(f"        ({report['ask_guessed_because']}: put in your own values)")
