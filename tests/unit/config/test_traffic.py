"""``traffic`` of ``inference.yml``: both readers take the same, and refuse the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from grps.config.traffic.rules import MAX_VERSIONS, weights_of
from grps.errors import ConfigError
from grps.server.configuration import parse_inference
from tests.unit.config.test_native_reader import by_program, by_python

VERSIONS = [str(number) for number in range(1, MAX_VERSIONS + 2)]
WEIGHTS = {"1": "90", "2": "10"}


def text_of(**entry: Any) -> str:
    config = {
        "models": [
            {"name": "m", "version": version, "inferer_type": "identity"} for version in VERSIONS
        ],
        "traffic": [{"model": "m", "weights": WEIGHTS, **entry}],
    }
    return yaml.safe_dump(config)


def parse(**entry: Any) -> Any:
    return parse_inference(text_of(**entry), "inference.yml").traffic[0]


def test_the_short_form_is_weights() -> None:
    entry = parse(weights={"1": 90, "2": "9.5%"})
    assert weights_of(entry) == [("1", 90.0), ("2", 9.5)]
    assert (entry.sticky_header, entry.shadow, entry.rollout) == (None, None, None)


def test_a_version_that_looks_like_a_number_stays_text() -> None:
    text = """
models:
  - {name: m, version: 1.0, inferer_type: identity}
  - {name: m, version: 1.10, inferer_type: identity}
traffic:
  - model: m
    weights: {1.0: 1, 1.10: 3}
"""
    entry = parse_inference(text, "inference.yml").traffic[0]
    assert weights_of(entry) == [("1.0", 1.0), ("1.10", 3.0)]


def many(count: int) -> dict[str, int]:
    return dict.fromkeys(VERSIONS[:count], 1)


TAKEN: list[dict[str, Any]] = [
    {"weights": many(MAX_VERSIONS)},
    {"weights": {"1": "1000000", "2": 0}},
    {"weights": {"1": "0.000001"}},
    {"shadow": {"version": "3"}},
    {"rollout": {"steps_percent": [0.01, 100]}},
    {"weights": {"1": 1, "2": 0}, "rollout": {}},
]


@pytest.mark.parametrize("entry", TAKEN, ids=str)
def test_what_is_at_a_limit_is_taken(entry: dict[str, Any], tmp_path: Path) -> None:
    parse(**entry)
    same_in_both_readers(text_of(**entry), tmp_path)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": "n"}, "model: model 'n' is not declared in 'models'"),
    ({"weights": {}}, "weights: at least one version needs a weight"),
    ({"weights": many(MAX_VERSIONS + 1)}, "weights: 17 versions are too many, 16 are allowed"),
    ({"weights": {"1": 0, "2": 0}}, "weights: all weights are 0"),
    ({"weights": {"1": 1, "x": 1}}, "weights.x: model 'm' has no version 'x'"),
    ({"weights": {"1": "1000001"}}, "weights.1: '1000001' is no weight"),
    ({"weights": {"1": "-1"}}, "weights.1: '-1' is no weight"),
    ({"weights": {"1": "1e3"}}, "weights.1: '1e3' is no weight"),
    ({"weights": {"1": "1."}}, "weights.1: '1.' is no weight"),
    ({"weights": {"1": "%"}}, "weights.1: '%' is no weight"),
    ({"weights": {"1": "0.0000001"}}, "weights.1: '0.0000001' is no weight"),
    ({"sticky_header": "a b"}, "sticky_header: expected 1 to 128 letters"),
    ({"shadow": {"version": "x"}}, "shadow.version: model 'm' has no version 'x'"),
    ({"shadow": {"version": "3", "share_percent": 0}}, "share_percent: expected a number from"),
    ({"shadow": {"version": "3", "max_in_flight": 1025}}, "max_in_flight: expected a whole"),
    ({"weights": {"2": 1}, "shadow": {"version": "2"}}, "version '2' has all the weight: no req"),
    ({"rollout": {"version": "x"}}, "rollout.version: model 'm' has no version 'x'"),
    ({"weights": {"1": 0, "2": 1}, "rollout": {}}, "rollout: version '2' has all the weight"),
    ({"rollout": {"steps_percent": [1, 10, 10]}}, "steps_percent[2]: must be more than"),
    ({"rollout": {"steps_percent": [101]}}, "steps_percent[0]: expected a number from 0.01"),
    ({"rollout": {"max_latency_factor": 0.9}}, "max_latency_factor: expected a number from 1"),
    ({"weight": {}}, "unknown key 'weight' in 'traffic[0]' (did you mean 'weights'?)"),
]


@pytest.mark.parametrize(("entry", "expected"), REFUSED, ids=[text for _, text in REFUSED])
def test_what_is_wrong_is_said(entry: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        parse(**entry)
    assert expected in str(error.value)
    same_in_both_readers(text_of(**entry), tmp_path)


def test_a_model_has_one_entry(tmp_path: Path) -> None:
    config = yaml.safe_load(text_of())
    config["traffic"] *= 2
    text = yaml.dump(config, Dumper=WithoutAliases)
    with pytest.raises(ConfigError, match=r"traffic\[1\].model: the traffic of 'm' is already"):
        parse_inference(text, "inference.yml")
    same_in_both_readers(text, tmp_path)


class WithoutAliases(yaml.SafeDumper):
    """Writes an object that is there twice as it is."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def same_in_both_readers(text: str, folder: Path) -> None:
    path = folder / "inference.yml"
    path.write_text(text)
    assert by_program("inference", [path]) == [by_python("inference", path)]
