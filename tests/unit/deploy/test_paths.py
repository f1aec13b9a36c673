"""Names and places of services."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.deploy.paths import ServiceFolder, check_name, home
from grps.errors import DeployError


def test_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRPS_HOME", raising=False)
    assert home() == Path.home() / ".grps"
    monkeypatch.setenv("GRPS_HOME", str(tmp_path))
    assert ServiceFolder.of("a").root == tmp_path / "a"


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
