"""Keys and tokens for tests of who may call."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

SCOPES = ("infer", "read", "admin")
ISSUER, AUDIENCE = "https://login.example", "grps"


def bearer(key: str) -> dict[str, str]:
    """The header with a key."""
    return {"Authorization": f"Bearer {key}"}


def key_of(name: str) -> str:
    """The key of a caller."""
    return f"secret of {name}"


def entry(name: str, scopes: list[str], **limits: Any) -> dict[str, Any]:
    """What the configuration has of the key of a caller."""
    digest = hashlib.sha256(key_of(name).encode()).hexdigest()
    return {"name": name, "sha256": digest, "scopes": scopes, **limits}


def encoded(data: bytes) -> str:
    """Bytes as a token has them."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    """A number as a public key has it."""
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Issuer:
    """A key pair of each algorithm, and tokens signed with them."""

    rsa: rsa.RSAPrivateKey
    ec: ec.EllipticCurvePrivateKey
    ed: ed25519.Ed25519PrivateKey

    @classmethod
    def create(cls) -> Issuer:
        """Make an issuer with new keys."""
        return cls(
            rsa.generate_private_key(65537, 2048),
            ec.generate_private_key(ec.SECP256R1()),
            ed25519.Ed25519PrivateKey.generate(),
        )

    def jwks(self) -> dict[str, Any]:
        """The public keys; a secret among them, which is refused."""
        numbers, point = self.rsa.public_key().public_numbers(), self.ec.public_key()
        curve = point.public_numbers()
        ed = self.ed.public_key().public_bytes_raw()
        secret = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": encoded(b"shared")}
        return {
            "keys": [
                {"kty": "RSA", "kid": "rsa", "n": number(numbers.n), "e": number(numbers.e)},
                {
                    "kty": "EC",
                    "kid": "ec",
                    "crv": "P-256",
                    "alg": "ES256",
                    "x": encoded(curve.x.to_bytes(32, "big")),
                    "y": encoded(curve.y.to_bytes(32, "big")),
                },
                {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": encoded(ed)},
                secret,
            ]
        }

    def token(self, algorithm: str, kid: str | None = None, **claims: Any) -> str:
        """Sign a token; a claim that is None is left out."""
        header = {"alg": algorithm, "typ": "JWT"} | ({"kid": kid} if kid else {})
        body = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "somebody",
            "exp": time.time() + 600,
            "scope": "infer",
        } | claims
        body = {name: value for name, value in body.items() if value is not None}
        return self.signed(algorithm, json.dumps(header), json.dumps(body))

    def signed(self, algorithm: str, header: str, body: str) -> str:
        """Sign any two texts as a token."""
        text = ".".join(encoded(part.encode()) for part in (header, body))
        return f"{text}.{encoded(self._sign(algorithm, text.encode()))}"

    def _sign(self, algorithm: str, data: bytes) -> bytes:
        if algorithm == "RS256":
            return self.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if algorithm == "PS256":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return self.rsa.sign(data, pss, hashes.SHA256())
        if algorithm == "ES256":
            pair = utils.decode_dss_signature(self.ec.sign(data, ec.ECDSA(hashes.SHA256())))
            return b"".join(part.to_bytes(32, "big") for part in pair)
        if algorithm == "EdDSA":
            return self.ed.sign(data)
        if algorithm == "HS256":
            return hashlib.sha256(b"shared" + data).digest()
        return b""
