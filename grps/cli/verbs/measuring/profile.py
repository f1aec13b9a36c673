"""``grpst profile``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import numpy as np

from grps.backends.common.signature import describe
from grps.backends.formats import model_in
from grps.cli.calling.inputs import read_inputs, to_content
from grps.cli.calling.types import types_of
from grps.cli.output.files import check_writable
from grps.cli.output.lines import notice, say
from grps.cli.output.progress import ProgressLine
from grps.cli.output.table import print_columns
from grps.cli.perf.options import read_shapes
from grps.cli.perf.session import machine, now
from grps.cli.serving.engine_flags import refuse_flags_of_others
from grps.cli.serving.flag_words import speaking_of_flags
from grps.cli.serving.flags import profile_flags
from grps.cli.serving.model_argument import GivenModel
from grps.cli.serving.model_service import engine_of, given_flags, model_config
from grps.config.schema import ModelConfig
from grps.profile.model import Options, check_engine, profile_model
from grps.profile.report import text
from grps.profile.report.page import to_page
from grps.profile.report.records import to_json
from grps.profile.result import Profile
from grps.profile.user_code import (
    UserProfile,
    choose_config,
    is_project,
    is_user_code,
    profile_user_code,
)
from grps.protocol.arrays import to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.server.project import Project

_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_MOST_ROWS = 20
Found = TypeVar("Found", Profile, UserProfile)


@dataclass(frozen=True, slots=True)
class _Outputs:
    """Where a profile goes besides the terminal."""

    json_file: Path | None
    html_file: Path | None
    stacks_file: Path | None


@click.command("profile")
@profile_flags
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option("-m", "--model", "name", help="The model of a project; not needed if it has one.")
@click.option("--text", help="Send this text as it is, instead of an INPUT.")
@click.option("--shape", "shapes", multiple=True, metavar="[NAME=]NxN...",
              help="Shape of a generated input, such as image=1x3x224x224.")  # fmt: skip
@click.option("--batch", type=click.IntRange(1, 1 << 16), default=1, show_default=True,
              help="First size of generated inputs that leave it open.")  # fmt: skip
@click.option("--max_batch", type=click.IntRange(0, 1 << 16), default=32, show_default=True,
              help="Largest batch of the latency by rows; 0 leaves it out.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0.1, 600), default=1.0, show_default=True,
              help="Seconds with the profiler; of a project, three times as many.")  # fmt: skip
@click.option("--no_threads", is_flag=True, help="Leave the latency by threads out.")
@click.option("--no_machine", is_flag=True, help="Leave the roofline of this machine out.")
@click.option("--rows", type=click.IntRange(1, 10_000), default=_MOST_ROWS, show_default=True,
              help="Operators or functions that are listed; the files have all.")  # fmt: skip
@click.option("--json", "json_file", type=_NEW_FILE, help="Write the profile as JSON.")
@click.option("--html", "html_file", type=_NEW_FILE, help="Write it as a page with plots.")
@click.option("--stacks", "stacks_file", type=_NEW_FILE,
              help="Write the samples of a project's code in py-spy's raw format.")  # fmt: skip
def command(model: GivenModel, inputs: tuple[str, ...], **options: Any) -> None:
    """Show where a model spends its time: operators or Python code, curves and memory.

    MODEL is a model file of ONNX Runtime, OpenVINO, PyTorch or TensorFlow, or the folder of a
    project. It runs in this process, on the CPU, without a server.

    A model file is profiled by its engine's own profiler: each operator with its shapes, its time,
    the bytes that it moves, and how near it is to what this machine can do. Latency by rows of a
    batch and by threads of a run is measured without the profiler. Inputs are random, or INPUT
    (as for grpst call); --shape gives sizes that the model leaves open.

    The Python code of a project is sampled: functions with their time, and a flame graph in the
    page of --html. It needs an INPUT or --text, or warm_up_requests in its inference.yml.

    \b
    Examples:
      grpst profile model.onnx
      grpst profile model.onnx --engine openvino --html report.html
      grpst profile model.pt --shape x=1x3x224x224 --intra_op_threads 4
      grpst profile saved_model/ --max_batch 128 --json profile.json
      grpst profile my_project @photo.jpg --html report.html --stacks stacks.txt
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    outputs = _Outputs(*(options.pop(f"{one}_file") for one in ("json", "html", "stacks")))
    check_writable(outputs.json_file, outputs.html_file, outputs.stacks_file)
    words = _Words(inputs, options.pop("text"))
    rows = options.pop("rows")
    if is_project(model.path):
        _profile_project(model.path, words, options, outputs, rows)
        return
    if options["name"] is not None:
        raise click.UsageError("--model is for projects; MODEL is a model file")
    if outputs.stacks_file is not None:
        raise click.UsageError("--stacks is for projects with Python code; MODEL is a model file")
    model_path = model_in(model.path)
    engine = engine_of(replace(model, path=model_path), options["engine"])
    refuse_flags_of_others(engine, given_flags())
    flags = {**options, "device": options["device"] or "cpu", "converter": None}
    config = model_config(
        model_path, engine, flags | {"converter_path": None, "converter_args": {}}
    )
    with speaking_of_flags(engine):
        _profile_engine(config, words, options, outputs, rows)


@dataclass(frozen=True, slots=True)
class _Words:
    """The inputs on the command line."""

    inputs: tuple[str, ...]
    text: str | None

    def __post_init__(self) -> None:
        """Refuse both."""
        if self.inputs and self.text is not None:
            raise click.UsageError("give either inputs or --text")

    @property
    def are_given(self) -> bool:
        """Whether there are any."""
        return bool(self.inputs) or self.text is not None

    def content(self, types: Callable[[], dict[str, np.dtype[Any]]]) -> Any:
        """Return what a client would send."""
        return self.text if self.text is not None else to_content(read_inputs(self.inputs), types)


def _profile_project(
    folder: Path, words: _Words, options: dict[str, Any], outputs: _Outputs, rows: int
) -> None:
    folder = folder.absolute()
    project = Project.read(folder)
    config = choose_config(project, options["name"])
    if not is_user_code(config):
        notice(f"model {config.key} runs no code of the project: its operators are profiled")
        path = str(folder / (config.inferer_path or ""))
        config = msgspec.structs.replace(config, inferer_path=path)
        _profile_engine(config, words, options, outputs, rows)
        return
    message = _message(words.content(dict)) if words.are_given else None
    found = _watched(
        config.key,
        lambda show: profile_user_code(
            project, config, message, budget_s=3 * options["seconds"], on_step=show
        ),
    )
    _say_lines(text.user_lines(found))
    print_columns(text.function_rows(found, rows), words=2)
    for line in text.user_notes(found):
        notice(line)
    _write(found, outputs)


def _profile_engine(
    config: ModelConfig, words: _Words, options: dict[str, Any], outputs: _Outputs, rows: int
) -> None:
    check_engine(config)
    wanted = Options(
        given=(lambda signature: words.content(lambda: types_of(describe(signature))))
        if words.are_given
        else None,
        batch=options["batch"],
        shapes=read_shapes(options["shapes"]),
        max_batch=options["max_batch"],
        budget_s=options["seconds"],
        threads=not options["no_threads"],
        machine=not options["no_machine"],
    )
    found = _watched(
        Path(config.inferer_path or config.key).name,
        lambda show: profile_model(config, wanted, show),
    )
    _say_lines(text.head_lines(found))
    print_columns(text.operator_rows(found, rows), words=3)
    for curve, table in (
        (found.batches.curve, text.batch_rows),
        (found.thread_counts.curve, text.thread_rows),
    ):
        if curve is not None:
            say("")
            print_columns(table(curve), words=0)
    for line in text.notes(found):
        notice(line)
    _write(found, outputs)


def _watched(title: str, profile: Callable[[Callable[[str, str], None]], Found]) -> Found:
    """Run a profile with its progress."""
    began = time.monotonic()
    with ProgressLine(title) as line:
        return profile(lambda step, detail: line.show(step, detail, time.monotonic() - began))


def _message(content: Any) -> GrpsMessage:
    """Return the request of an input, as a client sends it."""
    if isinstance(content, str):
        return GrpsMessage(str_data=content)
    if isinstance(content, bytes):
        return GrpsMessage(bin_data=content)
    named = content.items() if isinstance(content, dict) else [("", content)]
    return to_message(list(named))


def _say_lines(rows: list[tuple[str, str]]) -> None:
    for line in text.columns(rows):
        say(line)
    say("")


def _write(found: Profile | UserProfile, outputs: _Outputs) -> None:
    if outputs.json_file is not None:
        outputs.json_file.write_text(to_json(found), encoding="utf-8")
    if outputs.html_file is not None:
        page = to_page(found, f"{now()} · {machine()}")
        outputs.html_file.write_text(page, encoding="utf-8")
    if outputs.stacks_file is not None and isinstance(found, UserProfile):
        outputs.stacks_file.write_text(found.samples.folded(), encoding="utf-8")
