"""Changing values of an entry of a list in a configuration text."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from grps.config.edit import with_entry_values
from grps.errors import ConfigError

BLOCK = """\
models:
  - name: a # first
    batching: # how
      type: none # or dynamic
      max_batch_size: 16
    inferer_args:
      x: 1
      y: 2
    instances: 1 # copies
  - {name: b, inferer_args: {x: 1}, batching: {type: none}}
dag: null
"""


def edited(text: str, index: int, **values: Any) -> tuple[str, Any]:
    found = with_entry_values(text, "inference.yml", "models", index, values)
    return found, yaml.safe_load(found)["models"][index]


@pytest.mark.parametrize("index", [0, 1])
def test_values_are_replaced_and_added(index: int) -> None:
    text, entry = edited(
        BLOCK,
        index,
        instances=2,
        isolation="process",
        inferer_args={"z": True},
        batching={"type": "dynamic", "wait": "always"},
    )
    assert (entry["instances"], entry["isolation"]) == (2, "process")
    assert entry["inferer_args"] == {"z": True}
    assert entry["batching"].items() >= {"type": "dynamic", "wait": "always"}.items()
    if index == 0:
        assert entry["batching"]["max_batch_size"] == 16
    for comment in ("# first", "# how", "# or dynamic", "# copies"):
        assert comment in text
    other = yaml.safe_load(text)["models"][1 - index]
    assert other == yaml.safe_load(BLOCK)["models"][1 - index]


def test_empty_values_are_filled() -> None:
    text = "models:\n  - name: a\n    inferer_args: # none\n    batching:\n    instances: 1\n"
    edit, entry = edited(text, 0, inferer_args={"x": 1}, batching={"type": "dynamic"})
    assert entry["inferer_args"] == {"x": 1}
    assert entry["batching"] == {"type": "dynamic"}
    assert "# none" in edit


def test_nothing_becomes_null() -> None:
    _, entry = edited(BLOCK, 0, inferer_args=None)
    assert entry["inferer_args"] is None


def test_aliases_are_written_out() -> None:
    text = "models:\n  - &a {name: a, batching: &c {type: none}}\n  - {name: b, batching: *c}\n"
    _, entry = edited(text, 1, batching={"type": "dynamic"})
    assert entry == {"name": "b", "batching": {"type": "dynamic"}}


@pytest.mark.parametrize("text", ["models: []\n", "models: {}\n", "dag: null\n", "models: [1]\n"])
def test_an_entry_that_is_not_there(text: str) -> None:
    with pytest.raises(ConfigError, match=r"inference\.yml: models: there is no entry 1"):
        with_entry_values(text, "inference.yml", "models", 0, {"instances": 2})
