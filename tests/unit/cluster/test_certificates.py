"""Certificates of hosts: who they are for, who may read them, what openssl says of them."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from grps.cluster.certificates import AUTHORITY_KEY, make_certificates
from grps.cluster.placing import AUTHORITY, certificate_of
from grps.errors import DeployError


def openssl(*arguments: str) -> str:
    found = subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)
    return found.stdout


def test_each_host_gets_a_certificate_that_the_authority_has_signed(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    made = make_certificates(folder, ["a", "10.0.0.5"], 30)
    for one in made:
        check = ["verify", "-x509_strict", "-CAfile", str(folder / AUTHORITY)]
        for purpose in ("sslserver", "sslclient"):
            openssl(*check, "-purpose", purpose, str(one.cert))
        assert stat.S_IMODE(one.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / AUTHORITY_KEY).stat().st_mode) == 0o600
    names = [openssl("x509", "-noout", "-ext", "subjectAltName", "-in", str(m.cert)) for m in made]
    assert "DNS:a" in names[0]
    assert "IP Address:10.0.0.5" in names[1]


def test_nothing_is_overwritten_unless_it_is_renewed(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["a"], 30)
    authority = (tmp_path / AUTHORITY).read_bytes()
    key = (tmp_path / "a-key.pem").read_bytes()
    with pytest.raises(DeployError, match="certificate of a; replace it with --renew"):
        make_certificates(tmp_path, ["b", "a"], 30)
    assert not (tmp_path / "b.pem").exists()
    make_certificates(tmp_path, ["b"], 30)
    make_certificates(tmp_path, ["a"], 30, renew=True)
    assert (tmp_path / AUTHORITY).read_bytes() == authority
    assert (tmp_path / "a-key.pem").read_bytes() != key
    with pytest.raises(DeployError, match="no certificate of c"):
        make_certificates(tmp_path, ["c"], 30, renew=True)


def test_a_folder_with_half_an_authority_is_refused(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["a"], 30)
    (tmp_path / AUTHORITY_KEY).unlink()
    with pytest.raises(DeployError, match=r"only ca\.pem of the authority is here"):
        make_certificates(tmp_path, ["b"], 30)


@pytest.mark.parametrize("host", ["../a", "a/b", "", "-a", "a b", "ca", "ca-key"])
def test_names_that_are_no_hosts_are_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(DeployError):
        make_certificates(tmp_path, [host], 30)
    assert list(tmp_path.iterdir()) == []


def test_a_host_finds_its_certificate_by_its_name_or_its_address(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["a", "10.0.0.5"], 30)
    assert certificate_of(tmp_path, ("a", "10.0.0.9"))[0] == tmp_path / "a.pem"
    assert certificate_of(tmp_path, ("b", "10.0.0.5"))[0] == tmp_path / "10.0.0.5.pem"
    with pytest.raises(DeployError, match=r"b\.pem or 10\.0\.0\.9\.pem"):
        certificate_of(tmp_path, ("b", "10.0.0.9"))
