"""Models that plugins run: the rules of their keys."""

from __future__ import annotations

import pytest

from grps.config.schema import ModelConfig
from grps.converters.names import NAMES
from grps.errors import ConfigError, ModelError
from grps.server.configuration import parse_inference
from grps.server.loading.loaders import copy_loaders

PLUGIN = {"inferer_path": "./libx.so", "inferer_name": "x"}


def model(**keys: str) -> ModelConfig:
    lines = "".join(f"\n  {key}: {value}" for key, value in keys.items())
    text = f"models:\n- name: m\n  version: 1.0.0\n  inferer_type: plugin{lines}\n"
    return parse_inference(text, "inference.yml").models[0]


def test_a_plugin_takes_tensors_and_runs_in_a_server_only() -> None:
    config = model(**PLUGIN)
    assert NAMES.takes_tensors(config)
    with pytest.raises(ModelError, match=r"m-1\.0\.0: inferer_type 'plugin' runs in a server only"):
        copy_loaders(config, lambda phase, detail: None)


@pytest.mark.parametrize("key", ["inferer_path", "inferer_name"])
def test_a_library_and_an_inferer_are_needed(key: str) -> None:
    given = {name: value for name, value in PLUGIN.items() if name != key}
    with pytest.raises(ConfigError, match=rf"{key}: needed because inferer_type is 'plugin': give"):
        model(**given)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("converter_type", "numpy"),
        ("max_threads", "2"),
        ("warm_up_requests", "[a.json]"),
    ],
)
def test_keys_that_do_not_fit_are_refused(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"models\[0\]\.{key}: .*inferer_type 'plugin'"):
        model(**PLUGIN, **{key: value})
