"""Secrets of configuration that is shown."""

from __future__ import annotations

import pytest
import yaml

from grps.config.secrets import hide_secrets


@pytest.mark.parametrize(
    "line",
    [
        "password: hunter2",
        "  db_password: hunter2 # the old one",
        "api_key: 'hunter2'",
        'HF_TOKEN: "hunter2"',
        "args: {apikey: hunter2, size: 3}",
        "args: {size: 3, secret_key: hunter2}",
        '"auth-token": hunter2',
        "- credentials: hunter2",
    ],
)
def test_secrets_are_hidden_and_the_text_stays_yaml(line: str) -> None:
    shown = hide_secrets(line)
    assert "hunter2" not in shown
    assert yaml.safe_load(shown).__class__ is yaml.safe_load(line).__class__
    assert ("size" in line) == ("size: 3" in shown)


@pytest.mark.parametrize(
    "line",
    [
        "max_tokens: 512",
        "tokenizer: bert",
        "token_limit: 3",
        "passwords_file: a",
        "token:",
        "a: token",
    ],
)
def test_others_are_not(line: str) -> None:
    assert hide_secrets(line) == line
