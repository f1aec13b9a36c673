"""``proto/open_inference.proto`` and the protocol as its clients know it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from tests.support import REPOSITORY


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorProto:
    target = tmp_path_factory.mktemp("proto") / "set"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{REPOSITORY / 'proto'}"]
    command += [f"--descriptor_set_out={target}", "open_inference.proto"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return FileDescriptorSet.FromString(Path(target).read_bytes()).file[0]


@pytest.fixture(scope="module")
def theirs() -> FileDescriptorProto:
    """The service and the model configuration of Triton's client, as one file."""
    from tritonclient.grpc import model_config_pb2, service_pb2

    joined = FileDescriptorProto()
    for module in (service_pb2, model_config_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        joined.MergeFrom(file)
    return joined


def fields(message: Any, path: str) -> dict[str, tuple[Any, ...]]:
    """The fields of a message and of those in it, by path."""
    found = {
        f"{path}.{field.name}": (field.number, field.type, field.label, field.type_name)
        for field in message.field
    }
    for nested in message.nested_type:
        found |= fields(nested, f"{path}.{nested.name}")
    return found


def all_fields(file: FileDescriptorProto) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for message in file.message_type:
        assert isinstance(message, DescriptorProto)
        found |= fields(message, message.name)
    return found


def test_names_numbers_and_types_are_those_of_the_protocol(
    ours: FileDescriptorProto, theirs: FileDescriptorProto
) -> None:
    own, known = all_fields(ours), all_fields(theirs)
    assert len(own) > 150
    assert {path: known.get(path) for path in own} == own
    assert {message.name for message in ours.message_type} <= {
        message.name for message in theirs.message_type
    }


def test_the_calls_and_the_types_are_those_of_the_protocol(
    ours: FileDescriptorProto, theirs: FileDescriptorProto
) -> None:
    def calls(service: ServiceDescriptorProto) -> set[tuple[Any, ...]]:
        return {
            (
                *(call.name, call.input_type, call.output_type),
                *(call.client_streaming, call.server_streaming),
            )
            for call in service.method
        }

    assert ours.service[0].name == theirs.service[0].name
    assert calls(ours.service[0]) == calls(theirs.service[0]) and len(ours.service[0].method) == 20
    (own,) = ours.enum_type
    known = next(enum for enum in theirs.enum_type if enum.name == own.name)
    assert list(own.value) == list(known.value)
