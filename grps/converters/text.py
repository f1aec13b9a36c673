"""Text to tensors: tokens of a Hugging Face tokenizer, filled up to one length."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from tokenizers import Encoding, Tokenizer

from grps.backends.backend import TensorSpec
from grps.converters.common.model_inputs import ModelInputs, number_type
from grps.converters.common.reader import Arrays, Read
from grps.errors import InputError, ModelError
from grps.protocol.arrays import to_arrays
from grps.protocol.pb.grps_pb2 import GrpsMessage

Positive = Annotated[int, msgspec.Meta(ge=1)]
Text = str | tuple[str, str]
_PAIR = ("text", "pair")
_PARTS = {
    "ids": ("input_ids", "ids", "tokens", "input_word_ids", "token_ids"),
    "mask": ("attention_mask", "mask", "input_mask"),
    "types": ("token_type_ids", "segment_ids", "type_ids", "input_type_ids"),
    "positions": ("position_ids",),
}
"""What the inputs of models are called that take each part of an encoding."""
_WORDS = {
    "ids": "ids of tokens",
    "mask": "1 for each token, 0 for padding",
    "types": "0 for the first text of a pair, 1 for the second",
    "positions": "positions of tokens: 0, 1, 2, …",
}
_RANK = 2
_SERVING = "serving_default_"
"""What TensorFlow puts before the names of inputs."""


class TextArguments(msgspec.Struct, frozen=True):
    """``converter_args`` of ``converter_type: text``."""

    max_length: Positive | None = None
    """Most tokens of a text, longer ones are cut; as the tokenizer says, else 512, when absent."""
    pad_to_multiple_of: Positive = 1
    """Lengths are filled up to a multiple of this, so that an engine sees fewer shapes."""
    pad_to_max_length: bool = False
    """Fill every text up to ``max_length``."""
    add_special_tokens: bool = True
    """Add what the tokenizer puts around a text, such as [CLS]."""
    inputs: dict[str, str] = {}
    """What each input takes, where its name is unclear: ``ids``, ``mask``, ``types`` or
    ``positions`` by input."""
    max_texts: Positive = 256
    """Most texts of one request."""
    max_characters: Positive = 100_000
    """Most characters of a text."""


class TextReader:
    """Makes the inputs of texts."""

    def __init__(self, path: str | None, arguments: TextArguments, inputs: ModelInputs) -> None:
        """Read texts with the tokenizer in the file ``path``.

        Raises:
            ModelError: There is no such tokenizer, or the model has an input it can't fill.
        """
        self._arguments = arguments
        self._parts = _parts_of(inputs, arguments.inputs)
        self._dtypes = {spec.name: number_type(spec, "int64", "tokens") for spec in inputs.free}
        for name in arguments.inputs:
            if name not in self._parts:
                known = ", ".join(self._parts) or "none"
                raise ModelError(
                    f"converter_args: inputs: the model has no input {name!r}; it has {known}"
                )
        if "ids" not in self._parts.values():
            names = list(self._parts)
            example = json.dumps({names[0] if names else "input": "ids"})
            raise ModelError(
                f"the model has no input of tokens among {', '.join(map(repr, names)) or 'none'}; "
                f"say which it is in converter_args: inputs, such as {example}"
            )
        self._fixed = _length_of(inputs.free)
        self._tokenizer = _load(path)
        own = self._tokenizer.truncation or {}
        self._length = arguments.max_length or self._fixed or own.get("max_length") or 512
        if self._fixed is not None and self._length > self._fixed:
            raise ModelError(
                f"converter_args: max_length {self._length} is more than the {self._fixed} tokens "
                "that the model takes"
            )
        padding = self._tokenizer.padding or {}
        self._pad_id = int(padding.get("pad_id", _pad_token(self._tokenizer)))
        self._tokenizer.enable_truncation(self._length)
        # Requests of one batch are filled up together, later.
        self._tokenizer.no_padding()

    @property
    def filled(self) -> dict[str, str]:
        """What goes into each input, in words."""
        return {name: _WORDS[part] for name, part in self._parts.items()}

    def example(self) -> GrpsMessage:
        """Return a request of some words."""
        return GrpsMessage(str_data="some words of text")

    def read(self, message: GrpsMessage) -> Read:
        """Tokenise the texts of a request; see ``Reader.read``."""
        texts = _texts_of(message)
        if len(texts) > self._arguments.max_texts:
            raise InputError(
                f"the request has {len(texts)} texts; at most {self._arguments.max_texts} are "
                "allowed"
            )
        for text in texts:
            size = len(text) if isinstance(text, str) else sum(map(len, text))
            if size > self._arguments.max_characters:
                raise InputError(
                    f"a text has {size} characters; at most {self._arguments.max_characters} are "
                    "allowed"
                )
        special = self._arguments.add_special_tokens
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=special)
        return Read(list(encodings), len(encodings))

    def join(self, items: list[Any]) -> Arrays:
        """Fill the texts up to one length; see ``Reader.join``."""
        length = self._common_length(items)
        arrays = {}
        for name, part in self._parts.items():
            array = np.full(
                (len(items), length), self._pad_id if part == "ids" else 0, self._dtypes[name]
            )
            for row, item in zip(array, items, strict=True):
                values = _values(item, part, length)
                row[: len(values)] = values
            arrays[name] = array
        return arrays

    def _common_length(self, items: list[Encoding]) -> int:
        if self._fixed is not None:
            return self._fixed
        if self._arguments.pad_to_max_length:
            return self._length
        longest = max(1, *(len(item.ids) for item in items))
        step = self._arguments.pad_to_multiple_of
        return -(-longest // step) * step


def _load(path: str | None) -> Tokenizer:
    if not path:
        raise ModelError("converter_path is missing: give the tokenizer.json of the model")
    file = Path(path)
    if file.is_dir():
        file = file / "tokenizer.json"
    if not file.is_file():
        raise ModelError(f"converter_path: {file}: no such file; give a tokenizer.json")
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:
        # Whatever it is that the native parser raises.
        raise ModelError(f"converter_path: {file}: no tokenizer.json: {error}") from error


def _pad_token(tokenizer: Tokenizer) -> int:
    for token in ("[PAD]", "<pad>"):
        if (number := tokenizer.token_to_id(token)) is not None:
            return number
    return 0


def _parts_of(inputs: ModelInputs, given: dict[str, str]) -> dict[str, str]:
    """Return which part of an encoding goes into each input.

    Raises:
        ModelError: That is not clear from the names of the inputs.
    """
    parts: dict[str, str] = {}
    for spec in inputs.free:
        part = _part_of(spec, given)
        same = [name for name, known in parts.items() if known == part and name not in given]
        if same and spec.name not in given:
            example = json.dumps({same[0]: part, spec.name: "mask" if part == "ids" else "ids"})
            raise ModelError(
                f"the inputs {same[0]!r} and {spec.name!r} both look like {_WORDS[part]}; say what "
                f"goes into each in converter_args: inputs, such as {example} "
                f"({', '.join(_PARTS)}), or give the value of one in converter_args: constants"
            )
        parts[spec.name] = part
    return parts


def _part_of(spec: TensorSpec, given: dict[str, str]) -> str:
    part = given.get(spec.name)
    if part is not None:
        if part not in _PARTS:
            raise ModelError(f"converter_args: inputs: {part!r} is none of {', '.join(_PARTS)}")
        return part
    name = re.split(r"[./]", spec.name.lower())[-1].partition(":")[0].removeprefix(_SERVING)
    for part, names in _PARTS.items():
        if name in names:
            return part
    example, constant = json.dumps({spec.name: "ids"}), json.dumps({spec.name: 0})
    raise ModelError(
        f"what goes into the input {spec.name!r} is not clear from its name; say so in "
        f"converter_args: inputs, such as {example} ({', '.join(_PARTS)}), or give its value in "
        f"converter_args: constants, such as {constant}"
    )


def _length_of(specs: Sequence[TensorSpec]) -> int | None:
    """Return the number of tokens that the inputs are fixed to; ``None`` for any.

    Raises:
        ModelError: They are not tables of tokens, or differ in length.
    """
    lengths: dict[int, str] = {}
    for spec in specs:
        if spec.shape is None:
            continue
        if len(spec.shape) != _RANK:
            raise ModelError(
                f"the input {spec.name} has {len(spec.shape)} dimensions; tokens have 2: the texts "
                "and the tokens of each"
            )
        if (size := spec.shape[-1]) is not None:
            lengths.setdefault(size, spec.name)
    if len(lengths) > 1:
        (one, first), (two, second) = list(lengths.items())[:2]
        raise ModelError(f"the input {first} takes {one} tokens, but {second} takes {two}")
    return next(iter(lengths), None)


def _values(encoding: Encoding, part: str, length: int) -> Sequence[int]:
    if part == "ids":
        return encoding.ids
    if part == "positions":
        return range(length)
    return encoding.attention_mask if part == "mask" else encoding.type_ids


def _texts_of(message: GrpsMessage) -> list[Text]:
    kind = message.WhichOneof("data_oneof")
    if kind == "str_data":
        return [message.str_data]
    if kind == "bin_data":
        try:
            return [message.bin_data.decode()]
        except UnicodeDecodeError as error:
            raise InputError(f"the text is not UTF-8: {error}") from error
    if kind == "gmap" and set(_PAIR) == set(message.gmap.s_s):
        return [(message.gmap.s_s["text"], message.gmap.s_s["pair"])]
    if kind == "gtensors":
        return _rows_of(to_arrays(message))
    raise InputError(
        "the model takes text: send str_data, a tensor of strings, or gmap.s_s with text and pair"
    )


def _rows_of(arrays: list[tuple[str, np.ndarray]]) -> list[Text]:
    columns = [array.ravel().tolist() for _, array in arrays]
    if len(columns) not in (1, 2) or any(array.dtype != object for _, array in arrays):
        raise InputError("the model takes one tensor of strings, or two for pairs of texts")
    if not columns[0]:
        raise InputError("the tensor of strings is empty")
    if len(columns) == 1:
        return list(columns[0])
    if len(columns[0]) != len(columns[1]):
        raise InputError("the two tensors of strings differ in length")
    return list(zip(columns[0], columns[1], strict=True))


ARGUMENTS = TextArguments


def create_reader(path: str | None, arguments: TextArguments, inputs: ModelInputs) -> TextReader:
    """Return the reader of texts for a model; see ``TextReader``."""
    return TextReader(path, arguments, inputs)
