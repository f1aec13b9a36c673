"""``grpst tune`` around a search that is not real."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from grps.cli.main import main
from grps.cli.verbs.measuring import tune as verb
from grps.tune import BusyMachineError, Outcome, Search
from tests.support import write_project
from tests.unit.tune.made import outcome

MODEL = {
    "name": "net",
    "version": "1.0.0",
    "inferer_type": "onnxruntime",
    "inferer_path": "net.onnx",
    "converter_type": "numpy",
    "device": "cpu",
}


def run(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["tune", *words])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[Search]:
    """The searches that are asked for; each finds something better."""
    found: list[Search] = []

    def tune(search: Search, report: object) -> Outcome:
        found.append(search)
        return replace(outcome(), search=search)

    monkeypatch.setattr(verb, "tune", tune)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path, [MODEL, {**MODEL, "name": "other"}], {"max_concurrency": 7})


def test_a_project_is_searched_as_it_is(searches: list[Search], project: Path) -> None:
    done = run(
        str(project), "-m", "net", "--slo", "p99=20ms", "--shape", "x=1,3", "--max-time", "2m"
    )
    (search,) = searches
    assert search.config.key == "net-1.0.0"
    assert search.config.inferer_path == str(project / "net.onnx")
    assert (search.concurrency, search.max_time_s) == (7, 120.0)
    assert search.shapes == {"x": (1, 3)}
    assert not search.force
    changes = yaml.safe_load(done.stdout[done.stdout.index("# grpst tune") :])
    assert changes["models"][0]["instances"] == 2
    assert (project / "conf" / "inference.yml").read_text().count("instances") == 0


def test_files_are_written(searches: list[Search], project: Path, tmp_path: Path) -> None:
    names = {flag: tmp_path / f"out.{flag}" for flag in ("output", "json", "html")}
    flags = [word for flag, path in names.items() for word in (f"--{flag}", str(path))]
    done = run(str(project), "-m", "net", "--slo", "p99=20ms", *flags)
    assert "models:" not in done.stdout
    assert yaml.safe_load(names["output"].read_text())["models"]
    assert json.loads(names["json"].read_text())["verdict"] == "better"
    assert names["html"].read_text().startswith("<!DOCTYPE html>")


def test_settings_are_applied_and_the_old_file_is_kept(
    searches: list[Search], project: Path
) -> None:
    file = project / "conf" / "inference.yml"
    before = file.read_text()
    done = run(str(project), "-m", "net-1.0.0", "--slo", "p99=20ms", "--apply")
    assert "inference.yml.before-tune" in done.stderr
    tuned, other = yaml.safe_load(file.read_text())["models"]
    assert tuned["instances"] == 2
    assert other == {**MODEL, "name": "other"}
    assert file.with_name("inference.yml.before-tune").read_text() == before


def test_a_busy_machine_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    def busy(search: Search, report: object) -> Outcome:
        raise BusyMachineError("the machine is busy: cron")

    monkeypatch.setattr(verb, "tune", busy)
    done = run(str(project), "-m", "net", "--slo", "p99=20ms", code=3)
    assert "cron" in done.stderr


def test_no_verdict_changes_nothing(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    none = replace(outcome(better=False), verdict="none", reason="the machine was busy")
    monkeypatch.setattr(verb, "tune", lambda search, report: none)
    before = (project / "conf" / "inference.yml").read_text()
    done = run(str(project), "-m", "net", "--slo", "p99=20ms", "--apply", code=3)
    assert "no verdict" in done.stderr
    assert (project / "conf" / "inference.yml").read_text() == before


@pytest.mark.parametrize("time", ["9.9s", "25h", "x", "-5", "1441m"])
def test_times_out_of_range_are_refused(time: str, project: Path) -> None:
    done = run(str(project), "--slo", "p99=20ms", "--max_time", time, code=2)
    assert "from 10s to 24 hours" in done.stderr


def test_what_is_wrong_is_said(searches: list[Search], project: Path, tmp_path: Path) -> None:
    several = run(str(project), "--slo", "p99=20ms", code=2)
    assert "net-1.0.0, other-1.0.0" in several.stderr
    assert "use one of" in run(str(project), "-m", "none", "--slo", "p99=20ms", code=2).stderr
    assert "no such file" in run("none.onnx", "--slo", "p99=20ms", code=1).stderr
    assert "percentile" in run(str(project), "-m", "net", "--slo", "mean=2ms", code=1).stderr
    file = tmp_path / "net.onnx"
    file.write_bytes(b"\x08\x08\x12\x00")
    assert "--apply" in run(str(file), "--slo", "p99=20ms", "--apply", code=2).stderr
    assert "--model" in run(str(file), "-m", "a", "--slo", "p99=20ms", code=2).stderr
    assert searches == []
