"""A built-in converter is one file and one entry in the table of converters."""

from __future__ import annotations

import pytest

from tests.additions.package import Package, copy_of, post
from tests.onnx_models import ELEMENTS, save_node

ROWS = (ELEMENTS["float32"], ["n", 2])
FILE = "grps/converters/csv.py"
TABLE = "grps/converters/table.py"
CODE = '''\
    """Rows of numbers as lines of text."""

    from __future__ import annotations

    from typing import Any

    import msgspec
    import numpy as np

    from grps.converters.common.model_inputs import ModelInputs
    from grps.converters.common.reader import Arrays, Read
    from grps.errors import InputError
    from grps.protocol.pb.grps_pb2 import GrpsMessage


    class CsvArguments(msgspec.Struct, frozen=True):
        """``converter_args`` of ``converter_type: csv``."""

        separator: str = ","


    class CsvReader:
        """Makes rows of lines."""

        def __init__(self, arguments: CsvArguments, inputs: ModelInputs) -> None:
            self._separator = arguments.separator
            self._name = inputs.only("lines").name

        @property
        def filled(self) -> dict[str, str]:
            """What goes into the input, in words."""
            return {self._name: "numbers of lines"}

        def example(self) -> GrpsMessage:
            """Return a request of one line."""
            return GrpsMessage(str_data="1,2")

        def read(self, message: GrpsMessage) -> Read:
            """Read the lines of one request; see ``Reader.read``."""
            lines = message.str_data.splitlines()
            try:
                rows = np.array([line.split(self._separator) for line in lines], np.float32)
            except ValueError as error:
                raise InputError(f"the lines are no numbers: {error}") from error
            return Read([rows], len(rows))

        def join(self, items: list[Any]) -> Arrays:
            """Join the rows; see ``Reader.join``."""
            return {self._name: np.concatenate(items)}


    ARGUMENTS = CsvArguments


    def create_reader(path: str | None, arguments: CsvArguments, inputs: ModelInputs) -> CsvReader:
        """Return the reader for a model."""
        return CsvReader(arguments, inputs)
    '''
ENTRY = (
    '"csv": ConverterEntry(module="grps.converters.csv", raw_body="text", '
    "example=\"-H 'Content-Type: text/plain' -d 1,2\"),"
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    made = copy_of(tmp_path_factory.mktemp("converter"))
    made.write(FILE, CODE)
    made.add_line(TABLE, after='"labels": ConverterEntry', line=ENTRY)
    save_node(made.work / "model.onnx", "Identity", [("x", *ROWS)], [("y", *ROWS)])
    return made


def test_what_is_added(package: Package) -> None:
    assert package.added() == [FILE]
    assert package.changed() == {TABLE: 1}


def test_it_reads_requests(package: Package) -> None:
    flags = ("--converter", "csv", "--converter_arg", "separator=;")
    with package.serving("onnx_serve", "model.onnx", *flags) as url:
        response = post(url, "1;2\n3;4", "text/plain")
        assert response["gtensors"]["tensors"][0]["flat_float32"] == [1.0, 2.0, 3.0, 4.0]
        assert response["gtensors"]["tensors"][0]["shape"] == [2, 2]


def test_inspect_shows_its_example(package: Package) -> None:
    printed = package.grpst("inspect", "model.onnx", "--converter", "csv")
    assert "-d 1,2" in printed


def test_its_arguments_are_checked(package: Package) -> None:
    flags = ("--converter", "csv", "--converter_arg", "seperator=;")
    text = package.grpst("inspect", "model.onnx", *flags, code=1)
    assert "--converter_arg: unknown key 'seperator'; did you mean separator?" in text
