"""The verbs of a cluster without a cluster: help, wrong usage, certificates, and no Ray."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grps.cluster.description import Version
from grps.cluster.packing import ModelChoices, pack_source
from grps.cluster.placing import Placing
from grps.cluster.ray.checks import warnings_of
from grps.cluster.ray.starting import SETTINGS, token_of
from grps.deploy.archive.unpack import unpack
from grps.deploy.paths import ServiceFolder
from grps.errors import DeployError
from grps.server.configuration import load_inference, load_server
from tests.onnx_models import save_identity
from tests.support import REPOSITORY, write_project

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Grpst

CODE = """
import sys
from grps.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print([name for name in ("ray", "cryptography") if name in sys.modules])
"""


@pytest.mark.parametrize("words", [["--help"], ["cluster", "--help"], ["cluster", "deploy", "-h"]])
def test_help_imports_no_ray(words: list[str]) -> None:
    found = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert "Usage: " in found.stdout
    assert found.stdout.splitlines()[-1] == "[]"


def test_ray_is_imported_in_its_package_only_and_when_it_is_used() -> None:
    for path in sorted((REPOSITORY / "grps").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if any(name.partition(".")[0] == "ray" for name in names):
                assert path.is_relative_to(REPOSITORY / "grps" / "cluster" / "ray"), path
                assert node not in tree.body, path


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["status"], "knows no cluster"),
        (["down"], "knows no cluster"),
        (["scale", "ocr", "3:1"], "greater than the second"),
        (["up", "--local", "--address", "h:1"], "leave the flags of Ray out"),
        (["deploy", ".", "--name", "a/b"], "can't be the name"),
        (["deploy", ".", "--name", "a", "--memory", "4GB"], "not a size"),
        (["deploy", ".", "--name", "a", "--tls", "x", "--insecure"], "exclude each other"),
        (["cert", "certificates", "--hosts", ","], "at least one host"),
    ],
)
def test_wrong_usage(grpst: Grpst, words: list[str], cause: str) -> None:
    result = grpst("cluster", *words)
    assert result.exit_code in (1, 2)
    assert cause in result.output


def test_ray_that_is_not_installed_is_told(grpst: Grpst, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = grpst("cluster", "up")
    assert result.exit_code == 1
    assert "pip install 'grpst[ray]'" in result.output


def test_certificates_that_a_service_can_use(grpst: Grpst, tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    result = grpst("cluster", "cert", str(folder), "--hosts", "a, 10.0.0.5")
    assert result.exit_code == 0
    assert f"    client_ca: {folder}/ca.pem" in result.output
    assert grpst("cluster", "cert", str(folder), "--hosts", "a").exit_code == 1
    version = Version(archive="0" * 64, size=1, source="x", tls=str(folder))
    placing = Placing.of(version, "a", "10.0.0.5")
    assert (placing.listen, placing.address_of(7080)) == ("10.0.0.5", "10.0.0.5:7080")
    served = ServiceFolder("demo", write_project(tmp_path / "demo", []))
    placing.write_tls(served)
    tls = load_server(served.server_conf).interface.tls
    assert tls is not None
    assert (tls.cert, tls.client_auth) == (str(folder / "a.pem"), "required")


def test_a_replica_listens_on_the_loopback_unless_it_is_told_or_has_certificates() -> None:
    version = Version(archive="0" * 64, size=1, source="x")
    assert Placing.of(version, "a", "10.0.0.5").listen == "127.0.0.1"
    open_to_all = Version(archive="0" * 64, size=1, source="x", insecure=True)
    assert Placing.of(open_to_all, "a", "fd00::5").address_of(1) == "[fd00::5]:1"


def test_a_bare_model_becomes_an_archive_that_works_elsewhere(tmp_path: Path) -> None:
    model = save_identity(tmp_path / "net.onnx", "float32")
    choices = ModelChoices(name="net")
    packed = pack_source(model, tmp_path / "made", choices, "1", lambda *_: None)
    unpack(packed.path, tmp_path / "there")
    found = load_inference(tmp_path / "there" / "conf" / "inference.yml").models[0]
    assert found.inferer_path == "models/net.onnx"
    assert (tmp_path / "there" / "models" / "net.onnx").read_bytes() == model.read_bytes()
    with pytest.raises(DeployError, match="for bare models"):
        pack_source(
            packed.path, tmp_path, ModelChoices(name="net", device="cuda"), "1", lambda *_: None
        )


def test_the_token_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(DeployError, match="no such file"):
        token_of(path, make=False)
    assert token_of(path, make=True) == path
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text()) >= 32
    path.chmod(0o640)
    with pytest.raises(DeployError, match="chmod 600"):
        token_of(path, make=False)


def test_what_a_foreign_cluster_lacks_is_told() -> None:
    good = {**SETTINGS, "RAY_AUTH_MODE": "token"}
    assert warnings_of(good) == []
    for name, words in (
        ("RAY_AUTH_MODE", "asks for no token"),
        ("RAY_gcs_storage", "forgets everything"),
        ("RAY_health_check_period_ms", "late"),
    ):
        (warning,) = warnings_of({**good, name: ""})
        assert words in warning
