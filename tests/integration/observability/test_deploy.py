"""The alerts and the dashboard in ``deploy/``, against a real Prometheus and a real service."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import requests
import yaml

from tests.support import REPOSITORY, serving, user_model, write_user_project

DEPLOY = REPOSITORY / "deploy"
NAME = re.compile(r"\b((?:grps|process)_[a-z0-9_]+)")
NOT_HERE = {"grps_gpu_busy_ratio", "grps_gpu_memory_used_bytes", "grps_gpu_memory_total_bytes"}
NOT_HERE |= {"grps_gpu_temperature_celsius", "grps_gpu_power_watts"}
"""What a machine without a GPU does not tell."""


def expressions() -> list[str]:
    """All queries of the dashboard and of the alerts."""
    dashboard = json.loads((DEPLOY / "grafana" / "grps.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    return [one["expr"] for one in [*targets, *rules]]


def promtool(*arguments: str) -> str:
    command = ["promtool", *arguments]
    folder = DEPLOY / "prometheus"
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_alerts_fire_when_they_should() -> None:
    assert "rules found" in promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "prometheus.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


def test_every_query_is_well_formed(tmp_path: Path) -> None:
    filled = [
        text.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$model", ".*")
        for text in expressions()
    ]
    rules = [{"record": f"r{number}", "expr": text} for number, text in enumerate(filled)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


def test_every_metric_that_is_asked_for_is_told(tmp_path: Path) -> None:
    asked = {name for text in expressions() for name in NAME.findall(text)} - NOT_HERE
    graph = {
        "name": "pair",
        "type": "graph",
        "nodes": [{"name": "only", "model": "echo-1.0.0"}],
    }
    models = [user_model("echo")]
    write_user_project(tmp_path, models)
    inference = tmp_path / "conf" / "inference.yml"
    inference.write_text(yaml.safe_dump({"models": models, "graphs": [graph]}))
    with serving(tmp_path) as server:
        server.post({"str_data": "x"}, "?model=pair")
        server.post({"str_data": "x"}, "?model=pair&streaming=true")
        page = requests.get(server.url("/metrics"), timeout=30).text
    told = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    told |= {f"{name}{suffix}" for name in told for suffix in ("_bucket", "_count", "_sum")}
    assert asked - told == set()
