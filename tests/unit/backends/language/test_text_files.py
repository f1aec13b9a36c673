"""What the files of text models say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grps.backends.common.language.text_arguments import TextModelArguments
from grps.backends.common.language.text_files import TextFiles, is_text_model, text_files
from grps.backends.formats import reads_text, recognise
from grps.errors import ModelError

MODULE = "sentence_transformers.models."
MODULES = [
    {"path": "", "type": f"{MODULE}Transformer"},
    {"path": "1_Pooling", "type": f"{MODULE}Pooling"},
    {"path": "2_Normalize", "type": f"{MODULE}Normalize"},
]
FILES: dict[str, Any] = {
    "modules.json": MODULES,
    "config.json": {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "max_position_embeddings": 512,
    },
    "1_Pooling/config.json": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
    "tokenizer.json": {},
}
RANKER = {
    "architectures": ["BertForSequenceClassification"],
    "max_position_embeddings": 512,
    "id2label": {"0": "LABEL_0"},
}


def read(folder: Path, arguments: dict[str, Any] | None = None, **changes: Any) -> TextFiles:
    """What files say, some of which are changed or left out; ``__`` stands for a slash."""
    files = FILES | {name.replace("__", "/") + ".json": one for name, one in changes.items()}
    for name, content in files.items():
        if content is not None:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(json.dumps(content))
    return text_files(folder, TextModelArguments(**(arguments or {})))


def test_modules_say_how_an_embedding_is_made(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.pooling, found.normalizes, found.ranks) == ("cls", True, False)
    assert (found.max_length, found.lowercase, found.prefix) == (512, False, "")
    assert recognise(tmp_path) == "text_model"
    assert reads_text(tmp_path)


def test_a_network_alone_is_pooled_by_the_mean(tmp_path: Path) -> None:
    found = read(tmp_path, modules=None)
    assert (found.pooling, found.normalizes) == ("mean", False)
    assert is_text_model(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    assert not is_text_model(tmp_path)


def test_arguments_win_over_files(tmp_path: Path) -> None:
    given = {"pooling": "lasttoken", "normalize": False, "max_length": 512, "matryoshka": True}
    found = read(tmp_path, given)
    assert (found.pooling, found.normalizes, found.max_length) == ("lasttoken", False, 512)
    assert found.matryoshka
    with pytest.raises(ModelError, match="max_length 513 is more than the 512 tokens"):
        read(tmp_path, {"max_length": 513})


@pytest.mark.parametrize(
    ("sentence", "tokenizer", "length"),
    [
        ({"max_seq_length": 256}, {"model_max_length": 128}, 256),
        ({}, {"model_max_length": 128}, 128),
        ({}, {"model_max_length": 1e30}, 512),
        ({"max_seq_length": 1024}, {}, 512),
    ],
)
def test_the_shortest_length_counts(
    tmp_path: Path, sentence: dict[str, Any], tokenizer: dict[str, Any], length: int
) -> None:
    found = read(tmp_path, sentence_bert_config=sentence, tokenizer_config=tokenizer)
    assert found.max_length == length


def test_positions_of_roberta_begin_behind_the_padding(tmp_path: Path) -> None:
    config = {"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    assert read(tmp_path, config=config).max_length == 512


def test_what_is_done_with_a_text_first(tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    found = read(
        tmp_path,
        config_sentence_transformers=prompts,
        sentence_bert_config={"do_lower_case": True},
    )
    assert (found.prefix, found.lowercase) == ("query: ", True)


@pytest.mark.parametrize(
    ("said", "sigmoid"),
    [
        ({}, True),
        ({"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}, False),
        ({"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}, False),
        ({"sentence_transformers": {"activation_fn": "torch.nn.Sigmoid"}}, True),
    ],
)
def test_a_classifier_of_one_label_ranks(
    tmp_path: Path, said: dict[str, Any], sigmoid: bool
) -> None:
    found = read(tmp_path, modules=None, config=RANKER | said)
    assert (found.ranks, found.sigmoid) == (True, sigmoid)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"config": None}, "config.json: the file is missing"),
        ({"config": {"a": 1}}, "max_position_embeddings is missing"),
        ({"config": RANKER | {"id2label": {"0": "a", "1": "b"}}}, "2 labels; a score needs"),
        (
            {"config": RANKER | {"sbert_ce_default_activation_function": "torch.nn.Tanh"}},
            "the activation torch.nn.Tanh is not supported",
        ),
        ({"modules": [{"type": f"{MODULE}Dense"}]}, "modules of type 'Dense' are not supported"),
        ({"modules": [{"type": "Transformer", "path": "../x"}]}, "is outside of the directory"),
        ({"modules": {}}, "not a list of JSON objects"),
        (
            {"1_Pooling__config": {"pooling_mode_weightedmean_tokens": True}},
            "pooling by weightedmean is not supported",
        ),
        (
            {
                "1_Pooling__config": {
                    "pooling_mode_cls_token": True,
                    "pooling_mode_max_tokens": True,
                }
            },
            "pooling by cls, max is not supported",
        ),
    ],
)
def test_what_is_not_supported_is_named(
    tmp_path: Path, changes: dict[str, Any], cause: str
) -> None:
    with pytest.raises(ModelError, match=cause):
        read(tmp_path, **changes)
