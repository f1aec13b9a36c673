"""The page at ``/`` in a real browser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import RunningServer, serving, user_model, write_user_project

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=4000",
)


def page(server: RunningServer, profile: Path) -> str:
    """The page's elements after its scripts have run."""
    command = ["chromium", *FLAGS, f"--user-data-dir={profile}", "--dump-dom", server.url("/")]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.browser
def test_it_shows_readiness_and_configuration(tmp_path: Path) -> None:
    folder = write_user_project(tmp_path / "ready", [user_model("echo")])
    with serving(folder) as server:
        shown = page(server, tmp_path / "profile")
    assert 'id="state" role="status" class="ready">ready<' in shown
    assert "inferer_name: echo" in shown


@pytest.mark.browser
def test_it_says_why_the_service_is_not_ready(tmp_path: Path) -> None:
    offline = {"health": {"start_online": False}}
    folder = write_user_project(tmp_path / "offline", [user_model("echo")], offline)
    with serving(folder) as server:
        shown = page(server, tmp_path / "profile")
    assert 'class="unready">not ready<' in shown
    assert "Service Unavailable" in shown
