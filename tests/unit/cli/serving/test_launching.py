"""What is printed of a service that has started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grps.cli.serving.launching import shown_of, summarise
from grps.deploy.paths import ServiceFolder
from grps.server.project import Project
from grps.server.state import ServiceState
from tests.support import user_model, write_user_project

KEYS: dict[str, Any] = {"auth": {"keys": [{"name": "a", "sha256": "0" * 64}]}}


@pytest.mark.parametrize(("server", "needs"), [({}, False), (KEYS, True)])
def test_a_service_with_keys_says_how_to_send_one(
    grps_home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    server: dict[str, Any],
    needs: bool,
) -> None:
    write_user_project(tmp_path, [user_model("echo")], server)
    project = Project.read(tmp_path, tmp_path / "conf")
    state = replace(ServiceState.of_this_process(tmp_path), ports=(1, 2))
    summarise(ServiceFolder.of("demo"), state, shown_of(project))
    printed = capsys.readouterr().out
    assert "try       curl" in printed
    assert ("-H 'Authorization: Bearer KEY'" in printed) is needs
