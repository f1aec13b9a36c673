"""Names and places of services."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grps.deploy.paths import (
    ServiceFolder,
    all_folders,
    check_name,
    check_writable,
    home,
    use_temporary_home,
)
from grps.deploy.supervision.lock import hold
from grps.errors import DeployError, HomeError

UNKNOWN_USER = 3_999_999


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without HOME and without an entry in the user database; returns TMPDIR."""
    monkeypatch.delenv("GRPS_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: UNKNOWN_USER)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRPS_HOME", raising=False)
    assert home() == Path.home() / ".grps"
    monkeypatch.setenv("GRPS_HOME", str(tmp_path))
    assert ServiceFolder.of("a").root == tmp_path / "a"


def test_a_user_without_a_home_hears_of_the_variable(no_home: Path) -> None:
    for use in (home, all_folders, lambda: ServiceFolder.of("a")):
        with pytest.raises(HomeError, match=r"user id 3999999 .*set GRPS_HOME"):
            use()


def test_home_of_an_unknown_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPS_HOME", "~no_such_user/grps")
    with pytest.raises(HomeError, match="GRPS_HOME is '~no_such_user/grps', which leads nowhere"):
        home()


def test_a_server_in_the_foreground_gets_a_folder_in_tmpdir(
    no_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: no_home.stat().st_uid)
    monkeypatch.setenv("HOME", "/proc/no_home")
    made = no_home / f"grps-{os.getuid()}"
    assert use_temporary_home() == made == home()
    assert made.stat().st_mode & 0o777 == 0o700
    assert use_temporary_home() is None, "a value of GRPS_HOME is kept"


def test_a_folder_in_tmpdir_that_others_can_write_is_refused(
    no_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: no_home.stat().st_uid)
    monkeypatch.setenv("HOME", "/proc/no_home")
    made = no_home / f"grps-{os.getuid()}"
    made.mkdir()
    made.chmod(0o777)
    with pytest.raises(HomeError, match="not a folder that only this user may use; set GRPS_HOME"):
        use_temporary_home()
    made.rmdir()
    made.symlink_to(no_home)
    with pytest.raises(HomeError, match="not a folder that only this user may use"):
        use_temporary_home()


def test_a_usable_home_is_kept(no_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(no_home / "me"))
    assert use_temporary_home() is None
    assert home() == no_home / "me" / ".grps"


@pytest.mark.parametrize("place", ["/proc/self", "/dev/null"])
def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("GRPS_HOME", place)
    with (
        pytest.raises(HomeError, match=rf"can't be written: {place}/.locks: .*; set GRPS_HOME"),
        hold("demo"),
    ):
        pass


def test_a_service_folder_that_cannot_be_written(folder: ServiceFolder) -> None:
    check_writable(folder)
    (folder.root / "run").symlink_to("/proc/self")
    if not os.access("/proc/self", os.W_OK):
        with pytest.raises(HomeError, match=r"can't be written: .*/run; .*set GRPS_HOME"):
            check_writable(folder)
    (folder.root / "logs").touch()
    with pytest.raises(HomeError, match=r"the service folder can't be written: .*/(logs|run);"):
        check_writable(folder)


@pytest.mark.parametrize("name", ["my_grps", "a", "A-1.b_c", "x" * 128])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".locks", "a/b", "a b", "a\n", "é", "x" * 129])
def test_bad_names(name: str) -> None:
    with pytest.raises(DeployError, match="can't be a service name"):
        check_name(name)


def test_log_dir(folder: ServiceFolder) -> None:
    assert folder.log_dir == folder.root / "./logs"
    folder.server_conf.write_text("log: {log_dir: /var/log/demo}\n")
    assert folder.log_dir == Path("/var/log/demo")
    folder.server_conf.write_text("log: [\n")
    assert folder.log_dir == folder.root / "logs"
