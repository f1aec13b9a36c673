"""Callers from configuration and files."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest

from grps.config.schema import AuthConfig, JwtConfig, KeyConfig
from grps.errors import ConfigError
from grps.server.access.callers import Callers, read_callers, warn_if_open
from grps.server.configuration import parse_server
from grps.server.native import NativeCallers

DIGEST = hashlib.sha256(b"secret").hexdigest()


class Recorder:
    """What admits callers, and keeps them."""

    def __init__(self) -> None:
        self.admitted: list[NativeCallers] = []

    def set_callers(self, callers: NativeCallers) -> None:
        self.admitted.append(callers)


def write_keys(folder: Path, *names: str) -> Path:
    path = folder / "keys.yml"
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    lines = [
        f"- {{name: {name}, sha256: {digest}}}" for name, digest in zip(names, digests, strict=True)
    ]
    path.write_text("keys:\n" + "\n".join(lines))
    return path


def test_keys_of_the_configuration_and_of_the_file(tmp_path: Path) -> None:
    write_keys(tmp_path, "b")
    config = AuthConfig(
        keys=(
            KeyConfig(
                name="a",
                sha256=DIGEST,
                scopes=("admin",),
                max_requests_per_minute=9,
                max_concurrency=2,
            ),
        ),
        keys_file="keys.yml",
    )
    first, second = read_callers(config, [tmp_path]).keys
    assert (first.sha256.hex(), first.caller.scopes) == (DIGEST, ("admin",))
    assert (first.caller.max_concurrency, first.caller.max_requests_per_second) == (2, None)
    assert (first.caller.max_requests_per_minute, first.caller.max_tokens_per_minute) == (9, None)
    assert (second.caller.name, second.caller.scopes) == ("b", ("infer", "read"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("auth: {keys: [{name: a, sha256: short}]}", "a SHA-256 of 64 digits"),
        (f"auth: {{keys: [{{name: a, sha256: {DIGEST.upper()}}}]}}", "a SHA-256 of 64 digits"),
        (
            f"auth: {{keys: [{{name: a, sha256: '{DIGEST}', scopes: [write]}}]}}",
            "one of admin, infer, read",
        ),
        (f"auth: {{keys: [{{name: a, sha256: '{DIGEST}', key: x}}]}}", "unknown key 'key'"),
        (
            f"auth: {{keys: [{{name: a, sha256: '{DIGEST}'}}, {{name: b, sha256: '{DIGEST}'}}]}}",
            "auth.keys[1].sha256: it is the key of auth.keys[0]",
        ),
        (
            f"auth: {{keys: [{{name: a, sha256: '{DIGEST}'}}, {{name: a, sha256: '{'0' * 64}'}}]}}",
            "'a' is already the name of auth.keys[0]",
        ),
        (
            f"auth: {{keys: [{{name: a, sha256: '{DIGEST}', max_requests_per_second: 0}}]}}",
            "max_requests_per_second",
        ),
        *(
            (f"auth: {{keys: [{{name: a, sha256: '{DIGEST}', {limit}: {number}}}]}}", limit)
            for limit in ("max_requests_per_minute", "max_tokens_per_minute")
            for number in (0, 1_000_000_001, 1.5)
        ),
        ("auth: {jwt: {issuer: x}}", "jwks_file"),
    ],
)
def test_faults_of_the_configuration(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.yml") as raised:
        parse_server(text, "server.yml")
    assert fault in str(raised.value)


def test_a_key_that_both_list_is_refused(tmp_path: Path) -> None:
    write_keys(tmp_path, "secret")
    config = AuthConfig(keys=(KeyConfig(name="a", sha256=DIGEST),), keys_file="keys.yml")
    with pytest.raises(ConfigError, match=r"keys.yml: keys\[1\].sha256"):
        read_callers(config, [tmp_path])


def test_a_file_is_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    service, project = tmp_path / "service", tmp_path / "project"
    service.mkdir()
    project.mkdir()
    config = AuthConfig(keys_file="keys.yml")
    write_keys(project, "a")
    assert [key.caller.name for key in read_callers(config, [service, project]).keys] == ["a"]
    write_keys(service, "b")
    assert [key.caller.name for key in read_callers(config, [service, project]).keys] == ["b"]


@pytest.mark.parametrize("config", [
    AuthConfig(keys_file="missing.yml"),
    AuthConfig(jwt=JwtConfig(jwks_file="missing.json")),
])  # fmt: skip
def test_a_missing_file_is_named(tmp_path: Path, config: AuthConfig) -> None:
    with pytest.raises(ConfigError, match=r"missing.*can't read the file"):
        read_callers(config, [tmp_path])


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write_keys(tmp_path, "a")
    recorder = Recorder()
    callers = Callers(AuthConfig(keys_file="keys.yml"), [tmp_path], recorder)  # type: ignore[arg-type]
    callers.admit()

    steps = iter([lambda: None, lambda: write_keys(tmp_path, "a", "b"), lambda: None, path.unlink])

    def wait(_: float) -> bool:
        step = next(steps, None)
        if step is not None:
            step()
        return step is None

    callers.follow(wait)
    assert [len(each.keys) for each in recorder.admitted] == [1, 2]


@pytest.mark.parametrize(
    ("host", "warns"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True)],
)
def test_only_a_service_for_others_warns(
    host: str, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        warn_if_open(host)
    assert ("no 'auth'" in caplog.text) == warns
