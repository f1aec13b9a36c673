"""Removing service folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.removing import remove
from grps.errors import DeployError
from grps.server.state import ServiceState


def test_the_folder_is_removed(folder: ServiceFolder, grps_home: Path) -> None:
    folder.server_conf.write_text("log: {log_dir: mine/logs}\n")
    for name in ("project/src", "env/bin", "mine/logs", ".incoming"):
        (folder.root / name).mkdir(parents=True)
    assert remove("demo") == folder.root
    assert [path.name for path in grps_home.iterdir()] == [".locks"]
    with pytest.raises(DeployError, match="no service is called 'demo'"):
        remove("demo")


def test_what_it_refers_to_stays(folder: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.log").touch()
    (folder.root / "logs").symlink_to(tmp_path / "elsewhere")
    remove("demo")
    assert (tmp_path / "elsewhere" / "a.log").exists()


def test_a_link_to_a_folder_elsewhere(folder: ServiceFolder, tmp_path: Path) -> None:
    folder.root.rename(tmp_path / "disk")
    folder.root.symlink_to(tmp_path / "disk")
    remove("demo")
    assert (tmp_path / "disk" / "conf" / "server.yml").exists()
    assert not folder.root.is_symlink()


def test_one_that_runs_is_refused(folder: ServiceFolder) -> None:
    ServiceState.of_this_process(folder.root, "ready").write(folder.state)
    with pytest.raises(DeployError, match=r"runs \(ready\); stop it with: grpst stop demo, or use"):
        remove("demo")
    assert folder.server_conf.exists()


def test_files_of_the_user_are_refused(folder: ServiceFolder) -> None:
    (folder.root / "src").mkdir()
    with pytest.raises(DeployError, match="something that grpst did not make: src; move it away"):
        remove("demo")
    assert (folder.root / "src").exists()


def test_a_folder_that_is_no_service_is_refused(folder: ServiceFolder, grps_home: Path) -> None:
    (grps_home / "photos" / "project").mkdir(parents=True)
    with pytest.raises(DeployError, match="photos is not the folder of a service"):
        remove("photos")
    (grps_home / "empty").mkdir()
    remove("empty")
    assert not (grps_home / "empty").exists()
