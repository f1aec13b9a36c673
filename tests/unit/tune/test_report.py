"""The end of a search as text, YAML, JSON and a page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from grps.server.configuration import load_inference, parse_inference
from grps.tune import TuneError
from grps.tune.patch import BACKUP, apply, to_yaml
from grps.tune.report.page import to_page
from grps.tune.report.records import to_json
from grps.tune.report.text import lines, table
from grps.tune.trials.services import DEFAULT
from tests.support import REPOSITORY
from tests.unit.tune.made import outcome

SCHEMA = json.loads((REPOSITORY / "docs" / "reference" / "tune-result.schema.json").read_text())
INFERENCE = """\
models: # of this service
  - name: other
    version: 1.0.0
    inferer_type: identity
  - name: net
    version: 1.0.0 # the first
    device: cpu
    inferer_type: onnxruntime
    inferer_path: net.onnx
    inferer_args: # none
    converter_type: numpy
    instances: 1 # copies
    batching:
      type: none # or dynamic
      max_batch_size: 16
"""


def test_the_changes_are_yaml_with_evidence() -> None:
    text = to_yaml(outcome())
    assert yaml.safe_load(text) == {
        "models": [
            {
                "name": "net",
                "version": "1.0.0",
                "inferer_args": {"intra_op_threads": 1},
                "instances": 2,
                "batching": {"type": "dynamic", "max_batch_size": 8},
            }
        ]
    }
    assert "# 900 requests/s instead of 300 (3.00x)" in text
    both = "tuned p99 15 ms (holds), CPU 0.8 ms; default p99 60 ms (misses)"
    assert f"#   900 requests/s: {both}" in text
    assert "# trial of 6 s at 900 requests/s: tuned p99 15 ms (holds)" in text


@pytest.mark.parametrize(
    ("held", "most", "gain"),
    [
        (300.0, 450.0, "900 requests/s instead of 300 (3.00x)"),
        (0.0, 450.0, "900 requests/s; the default serves at most 450 (2.00x)"),
        (0.0, 950.0, "900 requests/s; the default held no rate that was tried"),
        (0.0, 0.0, "900 requests/s; the default held no rate that was tried"),
        (900.0, 0.0, "900 requests/s with a lower p99 than the default"),
    ],
)
def test_what_is_gained_is_said_by_what_is_known(held: float, most: float, gain: str) -> None:
    assert replace(outcome(), default_rate=held, capacities={DEFAULT: most}).gain == gain


def test_a_rate_that_a_longer_trial_lowered_is_the_one_to_plan_with() -> None:
    found = outcome()
    assert found.confirmation is not None
    lowered = replace(found, confirmation=replace(found.confirmation, lowered=765.0))
    assert lowered.gain == "765 requests/s"
    assert json.loads(to_json(lowered))["goodput"]["tuned"] == 765.0
    assert json.loads(to_json(lowered))["confirmation"]["rate"] == 900.0


def test_no_changes_are_only_comments() -> None:
    text = to_yaml(outcome(better=False))
    assert yaml.safe_load(text) is None
    assert "no changes: because" in text


@pytest.mark.parametrize("better", [True, False])
def test_json_has_the_form_of_its_schema(better: bool) -> None:
    record = json.loads(to_json(outcome(better=better)))
    jsonschema.validate(record, SCHEMA)
    assert record["capacities"]["default"] == 450.0
    assert record["goodput"] == {"tuned": 900.0 if better else None, "default": 300.0}


def test_a_page_shows_curves_and_trials() -> None:
    page = to_page(outcome())
    assert page.count("<svg") == 3
    assert "because of &lt;this&gt; &amp; that" in page
    assert "http" not in page


def test_a_table_and_the_end() -> None:
    head, default, tuned = table(outcome())
    assert (head[0], default[0]) == ("TRIED", "default")
    assert default[2:5] == ("450/s", "300/s", "900/s")
    assert tuned[2:5] == ("1000/s", "900/s", "-")
    assert any(line.startswith("better after 50 s") for line in lines(outcome()))
    assert any(line.startswith("keep the default") for line in lines(outcome(better=False)))


def test_the_longest_trial_says_whether_a_rate_was_held() -> None:
    found = outcome()
    longest = replace(found.trials[-1], holds=False)
    _, _, tuned = table(replace(found, trials=(*found.trials[:-1], longest)))
    assert tuned[3:5] == ("-", "900/s")


def test_settings_are_put_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "inference.yml"
    file.write_text(INFERENCE)
    file.chmod(0o640)
    written = load_inference(file).models[1]
    backup = apply(outcome(path="/elsewhere/net.onnx"), file, written)
    text = file.read_text()
    model = parse_inference(text, "inference.yml").models[1]
    assert (model.instances, model.inferer_args) == (2, {"intra_op_threads": 1})
    assert model.batching is not None
    assert (model.batching.type, model.batching.max_batch_size) == ("dynamic", 8)
    for comment in ("# of this service", "# the first", "# copies", "# or dynamic"):
        assert comment in text
    assert backup == tmp_path / f"inference.yml{BACKUP}"
    assert backup.read_text() == INFERENCE
    assert file.stat().st_mode & 0o777 == 0o640

    # Another search keeps the first backup, and a link stays a link.
    file.write_text(INFERENCE.replace("# of this service", "# of that service"))
    link = tmp_path / "link.yml"
    link.symlink_to(file)
    second = apply(outcome(path="/elsewhere/net.onnx"), link, written)
    assert second == tmp_path / f"inference.yml{BACKUP}-2"
    assert backup.read_text() == INFERENCE
    assert link.is_symlink()
    assert "instances: 2" in file.read_text()


def test_a_file_that_has_changed_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "inference.yml"
    file.write_text(INFERENCE)
    written = load_inference(file).models[1]
    changed = INFERENCE.replace("instances: 1", "instances: 4")
    file.write_text(changed)
    with pytest.raises(TuneError, match="no longer as it was"):
        apply(outcome(), file, written)
    assert file.read_text() == changed
    assert list(tmp_path.iterdir()) == [file]
