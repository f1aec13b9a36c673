"""Certificates for tests, made by the openssl command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_NO_EXTENSIONS = "[req]\ndistinguished_name = subject\n[subject]\n"
_REVOCATIONS = """[ca]
default_ca = own
[own]
database = {index}
default_md = sha256
default_crl_days = 1
crlnumber = {index}.number
"""
_AUTHORITY = ("-addext", "basicConstraints=critical,CA:TRUE")
_NO_AUTHORITY = ("-addext", "basicConstraints=CA:FALSE")
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files in PEM."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """An authority that signs certificates."""

    pair: Pair
    folder: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> Authority:
        """Make an authority whose files are in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        pair = Pair(folder / f"{name}.pem", folder / f"{name}-key.pem")
        (folder / "openssl.cnf").write_text(_NO_EXTENSIONS)
        _openssl("req", "-x509", *_KEY, *_AUTHORITY, "-subj", f"/CN={name}", *_output(pair))
        return cls(pair, folder)

    def revoke(self, *pairs: Pair, name: str = "revoked") -> Path:
        """Make a list that revokes certificates; it is valid for a day."""
        settings = self.folder / f"{name}.cnf"
        index = self.folder / f"{name}.txt"
        index.write_text("")
        index.with_name(f"{index.name}.number").write_text("01")
        settings.write_text(_REVOCATIONS.format(index=index))
        signer = ("-cert", str(self.pair.cert), "-keyfile", str(self.pair.key))
        for pair in pairs:
            _openssl("ca", "-config", str(settings), *signer, "-revoke", str(pair.cert))
        made = self.folder / f"{name}.crl"
        _openssl("ca", "-config", str(settings), *signer, "-gencrl", "-out", str(made))
        return made

    def sign(self, name: str, subject: str, alternatives: str = "") -> Pair:
        """Make a certificate, called ``name``, for a subject such as ``/O=Example/CN=robot``."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")
        extra = [*_NO_AUTHORITY]
        if alternatives:
            extra += ["-addext", f"subjectAltName={alternatives}"]
        signer = ("-CA", str(self.pair.cert), "-CAkey", str(self.pair.key))
        _openssl("req", "-x509", *_KEY, *signer, "-subj", subject, *extra, *_output(pair))
        return pair


def _output(pair: Pair) -> tuple[str, ...]:
    config = str(pair.cert.parent / "openssl.cnf")
    return ("-config", config, "-out", str(pair.cert), "-keyout", str(pair.key))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
