"""A home for services that lives as long as one test."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.deploy.paths import ServiceFolder


@pytest.fixture
def grps_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("GRPS_HOME", str(home))
    return home


@pytest.fixture
def folder(grps_home: Path) -> ServiceFolder:
    made = ServiceFolder.of("demo")
    made.server_conf.parent.mkdir(parents=True)
    made.server_conf.write_text("interface: {host: 127.0.0.1, port: '0,0'}\n")
    return made
