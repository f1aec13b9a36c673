"""The table of built-in converters. To add a converter, add its file and its entry here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

RawBody = Literal["bytes", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConverterEntry:
    """What is known of a built-in converter before it is imported."""

    module: str
    """Has ``ARGUMENTS`` and ``create_reader(path, arguments, inputs)``."""
    extra: str = ""
    """The extra of ``grpst`` that installs ``packages``."""
    packages: tuple[str, ...] = ()
    """What it needs, as imported."""
    raw_body: RawBody | None = None
    """How it reads the body of a request whose content type does not show what it is."""
    path: str = ""
    """What ``converter_path`` must be; empty when it needs none."""
    example: str = ""
    """Arguments of curl that send an example; empty when it takes tensors."""
    sample: str = ""
    """A command that prints a file for it; empty when ``example`` needs no file."""


_SAMPLE_IMAGE = (
    "python3 -c 'import struct, sys; "
    "size = (150582, 0, 54, 40, 224, 224, 1, 24, 0, 150528, 0, 0, 0, 0); "
    'sys.stdout.buffer.write(b"BM" + struct.pack("<IIIIiiHHIIiiII", *size) + bytes(150528))\''
)
"""A black image of 224 by 224 pixels, as BMP."""
_SAMPLE_SOUND = (
    "python3 -c 'import sys, wave; "
    'sound = wave.open(sys.stdout.buffer, "wb"); '
    'sound.setparams((1, 2, 16000, 16000, "NONE", "")); sound.writeframesraw(bytes(32000))\''
)
"""A second of silence, as WAV."""

CONVERTERS: Mapping[str, ConverterEntry] = MappingProxyType(
    {
        "image": ConverterEntry(
            module="grps.converters.image",
            extra="image",
            packages=("PIL",),
            raw_body="bytes",
            example="--data-binary @image.jpg",
            sample=_SAMPLE_IMAGE,
        ),
        "audio": ConverterEntry(
            module="grps.converters.audio",
            extra="audio",
            packages=("soundfile", "soxr"),
            raw_body="bytes",
            example="--data-binary @sound.wav",
            sample=_SAMPLE_SOUND,
        ),
        "text": ConverterEntry(
            module="grps.converters.text",
            extra="text",
            packages=("tokenizers",),
            raw_body="text",
            path="the tokenizer.json of the model",
            example="-H 'Content-Type: text/plain' -d 'some text'",
        ),
        "labels": ConverterEntry(module="grps.converters.tensors"),
    }
)
"""Built-in converters by ``converter_type``."""
