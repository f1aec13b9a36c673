"""Makes an authority and a certificate for each host, for TLS between hosts both ways."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from grps.cluster.placing import AUTHORITY
from grps.errors import DeployError, MissingExtraError
from grps.server.files import write_atomically

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

AUTHORITY_KEY = "ca-key.pem"
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
AUTHORITY_DAYS = 3650
EARLIER = timedelta(hours=1)
"""Clocks of hosts differ: a certificate is valid from a little before it is made."""
PUBLIC = 0o644


@dataclass(frozen=True, slots=True)
class HostFiles:
    """Files of one host."""

    host: str
    cert: Path
    key: Path


def make_certificates(
    folder: Path, hosts: Sequence[str], days: int, *, renew: bool = False
) -> list[HostFiles]:
    """Make certificates and keys of hosts, and the authority that signs them if it is missing.

    Args:
        folder: Where they are written; keys for their owner only.
        hosts: Names or addresses, as other hosts call them.
        days: How long the certificates are valid.
        renew: Replace those that are there, with new keys; the authority stays.

    Raises:
        DeployError: A host has a certificate already, or its name can't be one.
        MissingExtraError: The package ``cryptography`` is not installed.
    """
    files = [_files_of(folder, _checked(host)) for host in dict.fromkeys(hosts)]
    there = [one.host for one in files if one.cert.exists() or one.key.exists()]
    if there and not renew:
        raise DeployError(
            f"{folder} has a certificate of {', '.join(there)}; replace it with --renew"
        )
    missing = [one.host for one in files if not one.cert.exists()]
    if renew and missing:
        raise DeployError(
            f"{folder} has no certificate of {', '.join(missing)}; make it without --renew"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        authority = _authority(folder, may_make=not renew)
        for one in files:
            _make(one, authority, days)
    except ImportError as error:
        raise MissingExtraError("cryptography", "ray") from error
    return files


def _files_of(folder: Path, host: str) -> HostFiles:
    return HostFiles(host, folder / f"{host}.pem", folder / f"{host}-key.pem")


def _checked(host: str) -> str:
    """Return a name or an address that can be the name of a file and in a certificate."""
    if _address(host) is None and not HOST.fullmatch(host):
        raise DeployError(f"{host!r} is neither the name nor the address of a host")
    if f"{host}.pem" in (AUTHORITY, AUTHORITY_KEY):
        raise DeployError(f"a host can't be called {host!r} here; use its address")
    return host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _authority(
    folder: Path, *, may_make: bool
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the authority of a folder, which is made if it has none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    cert_file, key_file = folder / AUTHORITY, folder / AUTHORITY_KEY
    if cert_file.exists() != key_file.exists() or not (cert_file.exists() or may_make):
        there = cert_file if cert_file.exists() else key_file
        raise DeployError(
            f"{folder}: only {there.name} of the authority is here; certificates are made where "
            f"{AUTHORITY} and {AUTHORITY_KEY} are"
            if there.exists()
            else f"{folder} has no authority ({AUTHORITY} and {AUTHORITY_KEY})"
        )
    if cert_file.exists():
        try:
            cert = x509.load_pem_x509_certificate(cert_file.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        except ValueError as error:
            raise DeployError(f"{folder}: the authority can't be read: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise DeployError(f"{key_file} is not a key of grpst cluster cert")
        return cert, key
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("GRPS cluster")
    cert = _sign(name, name, key.public_key(), key, AUTHORITY_DAYS, host=None)
    write_atomically(key_file, _private_bytes(key), 0o600)
    write_atomically(cert_file, cert.public_bytes(serialization.Encoding.PEM), PUBLIC)
    return cert, key


def _make(
    files: HostFiles,
    authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey],
    days: int,
) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    issuer, issuer_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(files.host[:64])
    cert = _sign(subject, issuer.subject, key.public_key(), issuer_key, days, files.host)
    write_atomically(files.key, _private_bytes(key), 0o600)
    write_atomically(files.cert, cert.public_bytes(serialization.Encoding.PEM), PUBLIC)


def _sign(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    days: int,
    host: str | None,
) -> x509.Certificate:
    """Sign a certificate: of a host, for both ends of a connection, or of the authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    made = made.add_extension(identifier, critical=False)
    made = made.add_extension(_usage(is_authority=host is None), critical=True)
    if host is not None:
        address = _address(host)
        known = x509.DNSName(host) if address is None else x509.IPAddress(address)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = made.add_extension(x509.SubjectAlternativeName([known]), critical=False)
        made = made.add_extension(x509.ExtendedKeyUsage(both), critical=False)
    return made.sign(signer, hashes.SHA256())


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _private_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
