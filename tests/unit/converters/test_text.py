"""Text to tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from grps.backends.backend import TensorSpec
from grps.errors import InputError, ModelError
from grps.protocol.arrays import to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.unit.converters.support import before, binary, converter, signature

WORDS = "the quick brown fox jumps over a lazy dog and runs away from it"
BERT = signature(
    TensorSpec("input_ids", "int64", (None, None)),
    TensorSpec("attention_mask", "int64", (None, None)),
    TensorSpec("token_type_ids", "int64", (None, None)),
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WordPiece tokenizer as BERT has one."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    made.train_from_iterator([WORDS] * 10, trainer)
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    path = tmp_path_factory.mktemp("text") / "tokenizer.json"
    made.save(str(path))
    return path


def expected(tokenizer: Path, *texts: Any, length: int | None = None) -> dict[str, Any]:
    own = Tokenizer.from_file(str(tokenizer))
    own.enable_padding(length=length)
    found = own.encode_batch(list(texts))
    return {
        "input_ids": [one.ids for one in found],
        "attention_mask": [one.attention_mask for one in found],
        "token_type_ids": [one.type_ids for one in found],
    }


def same(found: dict[str, np.ndarray], wanted: dict[str, Any]) -> None:
    assert {name: array.tolist() for name, array in found.items()} == wanted
    assert {array.dtype.name for array in found.values()} == {"int64"}


def test_texts_become_what_the_tokenizer_says(tokenizer: Path) -> None:
    made = converter("text", BERT, str(tokenizer))
    one, two = "The quick fox", "a lazy dog runs away, unknownword"
    same(before(made, GrpsMessage(str_data=one)), expected(tokenizer, one))
    same(before(made, binary(two.encode())), expected(tokenizer, two))
    both = to_message([("", np.array([one, two], dtype=object))])
    same(before(made, both), expected(tokenizer, one, two))
    same(before(made, GrpsMessage(str_data=two), both), expected(tokenizer, two, one, two))
    pair = GrpsMessage()
    pair.gmap.s_s["text"], pair.gmap.s_s["pair"] = one, two
    same(before(made, pair), expected(tokenizer, (one, two)))
    columns = [("a", np.array([one], dtype=object)), ("b", np.array([two], dtype=object))]
    same(before(made, to_message(columns)), expected(tokenizer, (one, two)))


def test_lengths(tokenizer: Path) -> None:
    text = GrpsMessage(str_data=WORDS)

    def length(found: Any = BERT, **arguments: Any) -> tuple[int, ...]:
        return before(converter("text", found, str(tokenizer), **arguments), text)[
            "input_ids"
        ].shape

    whole = len(expected(tokenizer, WORDS)["input_ids"][0])
    assert length() == (1, whole)
    assert length(max_length=5) == (1, 5)
    assert length(max_length=5, pad_to_multiple_of=4) == (1, 8)
    assert length(pad_to_max_length=True, max_length=40) == (1, 40)
    fixed = signature(TensorSpec("input_ids", "int64", (None, 24)))
    assert length(fixed) == (1, 24)
    small = signature(TensorSpec("input_ids", "int64", (None, 6)))
    assert length(small) == (1, 6)
    with pytest.raises(ModelError, match="max_length 7 is more than the 6 tokens"):
        length(small, max_length=7)
    own = Tokenizer.from_file(str(tokenizer))
    own.enable_truncation(9)
    path = tokenizer.with_name("short.json")
    own.save(str(path))
    assert before(converter("text", BERT, str(path)), text)["input_ids"].shape == (1, 9)


def test_inputs_are_told_by_name_or_by_argument(tokenizer: Path) -> None:
    odd = signature(TensorSpec("a", "int32", (None, None)), TensorSpec("b", "int32", (None, None)))
    with pytest.raises(ModelError, match="what goes into the input 'a' is not clear"):
        converter("text", odd, str(tokenizer))
    made = converter("text", odd, str(tokenizer), inputs={"a": "ids", "b": "mask"})
    found = before(made, GrpsMessage(str_data="the fox"))
    assert found["a"].dtype == np.int32
    assert found["a"].tolist() == expected(tokenizer, "the fox")["input_ids"]
    assert found["b"].tolist() == expected(tokenizer, "the fox")["attention_mask"]
    bare = converter("text", BERT, str(tokenizer.parent), add_special_tokens=False)
    ids = expected(tokenizer, "the fox")["input_ids"][0]
    assert before(bare, GrpsMessage(str_data="the fox"))["input_ids"].tolist() == [ids[1:-1]]


def test_caps(tokenizer: Path) -> None:
    made = converter("text", BERT, str(tokenizer), max_texts=2, max_characters=5)
    strings = np.array(["a" * 5, "b"], dtype=object)
    assert before(made, to_message([("", strings)]))["input_ids"].shape[0] == 2
    with pytest.raises(InputError, match="has 3 texts; at most 2 are allowed"):
        before(made, to_message([("", np.array(["a"] * 3, dtype=object))]))
    with pytest.raises(InputError, match="a text has 6 characters; at most 5"):
        before(made, GrpsMessage(str_data="a" * 6))
    pair = GrpsMessage()
    pair.gmap.s_s["text"], pair.gmap.s_s["pair"] = "abc", "def"
    with pytest.raises(InputError, match="a text has 6 characters"):
        before(made, pair)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (binary(b"ab\xff"), "the text is not UTF-8"),
        (GrpsMessage(), "the model takes text"),
        (to_message([("", np.ones(2))]), "one tensor of strings"),
        (to_message([("", np.array([], dtype=object))]), "the tensor of strings is empty"),
        (
            to_message(
                [("", np.array(["a"], dtype=object)), ("", np.array(["b", "c"], dtype=object))]
            ),
            "differ in length",
        ),
    ],
)
def test_bad_requests_are_refused(tokenizer: Path, message: GrpsMessage, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        before(converter("text", BERT, str(tokenizer)), message)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_any_text_is_tokenised(tokenizer: Path, texts: list[str]) -> None:
    made = converter("text", BERT, str(tokenizer))
    found = before(made, to_message([("", np.array(texts, dtype=object))]))
    same(found, expected(tokenizer, *texts))


@pytest.mark.parametrize(
    ("path", "arguments", "cause"),
    [
        (None, {}, "converter_path is missing: give the tokenizer.json"),
        ("/no/such.json", {}, "no such file; give a tokenizer.json"),
        (__file__, {}, "no tokenizer.json: "),
        ("", {"inputs": {"z": "ids"}}, "converter_path is missing|no input 'z'"),
    ],
)
def test_bad_files_are_refused(path: str | None, arguments: Any, cause: str) -> None:
    with pytest.raises(ModelError, match=cause):
        converter("text", BERT, path, **arguments)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"inputs": {"z": "ids"}}, "the model has no input 'z'"),
        ({"inputs": {"input_ids": "words"}}, "'words' is none of ids, mask, types, positions"),
        ({"inputs": {"input_ids": "mask"}}, "the model has no input of tokens"),
        ({"max_length": 0}, "converter_args: max_length"),
    ],
)
def test_bad_arguments_are_refused(tokenizer: Path, arguments: Any, cause: str) -> None:
    with pytest.raises(ModelError, match=cause):
        converter("text", BERT, str(tokenizer), **arguments)


def inputs_of(*names: str, shape: tuple[int | None, ...] | None = (None, None)) -> Any:
    return signature(*(TensorSpec(name, "int64", shape) for name in names))


@pytest.mark.parametrize(
    "names",
    [
        ("input_ids", "attention_mask", "position_ids"),
        ("serving_default_input_ids:0", "serving_default_attention_mask:0", "x/position_ids"),
        ("bert.Input_Word_Ids", "bert.input_mask", "bert.position_ids"),
        ("tokens", "mask", "position_ids"),
    ],
)
def test_each_input_gets_what_its_name_says(tokenizer: Path, names: tuple[str, ...]) -> None:
    made = converter("text", inputs_of(*names), str(tokenizer))
    assert list(made.filled.values()) == [
        "ids of tokens",
        "1 for each token, 0 for padding",
        "positions of tokens: 0, 1, 2, …",
    ]
    found = before(made, to_message([("", np.array(["the fox", "a"], dtype=object))]))
    wanted = expected(tokenizer, "the fox", "a")
    assert found[names[0]].tolist() == wanted["input_ids"]
    assert found[names[1]].tolist() == wanted["attention_mask"]
    assert found[names[2]].tolist() == [list(range(len(wanted["input_ids"][0])))] * 2


@pytest.mark.parametrize(
    "name",
    [
        "decoder_input_ids",
        "global_attention_mask",
        "decoder_attention_mask",
        "head_mask",
        "language_ids",
        "speaker_ids",
        "past_position_ids",
        "bbox",
        "labels",
        "some_tokens",
    ],
)
def test_what_is_not_known_is_refused_and_may_be_said(tokenizer: Path, name: str) -> None:
    found = inputs_of("input_ids", name)
    with pytest.raises(ModelError, match=f"what goes into the input '{name}' is not clear"):
        converter("text", found, str(tokenizer))
    made = converter("text", found, str(tokenizer), inputs={name: "types"})
    assert made.filled[name] == "0 for the first text of a pair, 1 for the second"
    constant = converter("text", found, str(tokenizer), constants={name: [[0]]})
    assert constant.filled == {
        "input_ids": "ids of tokens",
        name: "the same for every request",
    }


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        (inputs_of("query.input_ids", "document.input_ids"), "both look like ids of tokens"),
        (inputs_of("input_ids", shape=(None, 1, None)), "has 3 dimensions; tokens have 2"),
        (inputs_of("input_ids", shape=(None,)), "has 1 dimensions; tokens have 2"),
        (
            signature(
                TensorSpec("input_ids", "int64", (None, 8)),
                TensorSpec("attention_mask", "int64", (None, 16)),
            ),
            "input_ids takes 8 tokens, but attention_mask takes 16",
        ),
    ],
)
def test_inputs_that_no_text_fits_are_refused(tokenizer: Path, found: Any, cause: str) -> None:
    with pytest.raises(ModelError, match=cause):
        converter("text", found, str(tokenizer))


def test_errors_about_inputs_quote_them_and_show_what_to_write(tokenizer: Path) -> None:
    with pytest.raises(ModelError) as unclear:
        converter("text", inputs_of("input_ids", "x y"), str(tokenizer))
    assert str(unclear.value) == (
        "what goes into the input 'x y' is not clear from its name; say so in converter_args: "
        'inputs, such as {"x y": "ids"} (ids, mask, types, positions), or give its value in '
        'converter_args: constants, such as {"x y": 0}'
    )
    with pytest.raises(ModelError, match=r'inputs, such as \{"a.ids": "ids", "b.ids": "mask"\}'):
        converter("text", inputs_of("a.ids", "b.ids"), str(tokenizer))
    with pytest.raises(ModelError, match=r"no input of tokens among 'mask'.*\{\"mask\": \"ids\"\}"):
        converter("text", inputs_of("mask"), str(tokenizer))
