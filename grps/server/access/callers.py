"""Who may call a service: what ``auth`` of ``server.yml`` and its files list."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path

from grps.config.checks import check_keys
from grps.config.document import read_text
from grps.config.loader import load_keys
from grps.config.schema import AuthConfig, CertificateConfig, JwtConfig, KeyConfig
from grps.errors import ConfigError, GrpsError
from grps.log import logger
from grps.server.native import (
    NativeCaller,
    NativeCallers,
    NativeCertificate,
    NativeJwt,
    NativeKey,
    Server,
)

INTERVAL_S = 1.0
"""How often the files are looked at."""

State = tuple[tuple[int, int, int] | None, ...]
"""What a change of the files changes: number, size and time of each; ``None`` for a missing one."""


class Callers:
    """The callers of a service, which follow their files."""

    def __init__(self, config: AuthConfig, folders: Sequence[Path], server: Server) -> None:
        """Prepare to admit them.

        Args:
            config: The section ``auth``.
            folders: The folders that its files are relative to; a file is in the first that has it.
            server: What admits them.
        """
        self._config = config
        self._folders = folders
        self._server = server
        names = (config.keys_file, config.jwt.jwks_file if config.jwt is not None else None)
        self._names = tuple(name for name in names if name is not None)
        self._state = self._look()

    def admit(self) -> None:
        """Read the files and let the server admit who is listed.

        Raises:
            ConfigError: A file can't be read or used; those of before stay admitted.
        """
        callers = read_callers(self._config, self._folders)
        try:
            self._server.set_callers(callers)
        except ValueError as error:
            where = find_file(self._folders, self._config.jwt.jwks_file if self._config.jwt else "")
            raise ConfigError(f"{where}: {error}") from error
        logger.info(
            "callers: %d keys, %d certificates%s",
            len(callers.keys),
            len(callers.certificates),
            ", JSON web tokens" if callers.jwt is not None else "",
        )

    def follow(self, wait: Callable[[float], bool]) -> None:
        """Admit them again whenever a file has changed, until ``wait`` returns true."""
        while self._names and not wait(INTERVAL_S):
            state = self._look()
            if state == self._state:
                continue
            self._state = state
            try:
                self.admit()
            except GrpsError as error:
                logger.error("the callers stay as they were: %s", error)

    def _look(self) -> State:
        return tuple(_state_of(find_file(self._folders, name)) for name in self._names)


def find_file(folders: Sequence[Path], name: str) -> Path:
    """Return the file of this name in the first folder that has it; else in the first folder."""
    files = [folder / name for folder in folders]
    return next((file for file in files if file.exists()), files[0])


def read_callers(config: AuthConfig, folders: Sequence[Path]) -> NativeCallers:
    """Return the callers that a configuration and its files list.

    Raises:
        ConfigError: A file can't be read or breaks a rule, or two keys are the same.
    """
    keys = config.keys
    if config.keys_file is not None:
        path = find_file(folders, config.keys_file)
        keys += load_keys(path)
        check_keys(keys, "keys", lambda at, text: ConfigError(f"{path}: {at}: {text}"))
    return NativeCallers(
        keys=tuple(NativeKey(bytes.fromhex(key.sha256), _caller(key)) for key in keys),
        jwt=_jwt(config.jwt, folders) if config.jwt is not None else None,
        certificates=tuple(
            NativeCertificate(one.subject, _caller(one)) for one in config.certificates
        ),
    )


def warn_if_open(host: str) -> None:
    """Log that other machines may call without credentials, if they may."""
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    if not is_local:
        logger.info(
            "no 'auth' in server.yml: every client that reaches %s may infer and read metadata",
            host,
        )


def _caller(config: KeyConfig | CertificateConfig) -> NativeCaller:
    return NativeCaller(
        name=config.name,
        scopes=config.scopes,
        max_requests_per_second=config.max_requests_per_second,
        max_requests_per_minute=config.max_requests_per_minute,
        max_tokens_per_minute=config.max_tokens_per_minute,
        max_concurrency=config.max_concurrency,
    )


def _jwt(config: JwtConfig, folders: Sequence[Path]) -> NativeJwt:
    return NativeJwt(
        jwks=read_text(find_file(folders, config.jwks_file)),
        issuer=config.issuer,
        audience=config.audience,
        scopes_claim=config.scopes_claim,
        default_scopes=config.default_scopes,
    )


def _state_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
