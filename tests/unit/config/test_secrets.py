"""Secrets of configuration that is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from grps.config.secret_names import is_secret_name
from grps.config.secret_text import mask_command, mask_text
from grps.config.secrets import NOT_SHOWN, hide_secrets
from grps.server.project import Project

SECRET = "hunter2"
SHAPES = {
    "plain": "password: hunter2",
    "comment": "db_password: hunter2 # hunter2, the old one",
    "comment_line": "# password: hunter2\nsize: 3",
    "quoted": "api_key: 'hunter2'",
    "double": 'HF_TOKEN: "hunter2"',
    "escaped": 'token: "hun\\x74er2 hunter2"',
    "flow": "args: {apikey: hunter2, size: 3}",
    "flow_last": "args: {size: 3, secret_key: hunter2}",
    "quoted_key": '"auth-token": hunter2',
    "item": "- credentials: hunter2",
    "dashed": "api-key: hunter2",
    "camel": "clientSecret: hunter2",
    "literal": "private_key: |\n  first\n  hunter2\nsize: 3",
    "folded": "secret: >-\n  first\n  hunter2\nsize: 3",
    "next_line": "password:\n  hunter2\nsize: 3",
    "continued": "password: first\n  hunter2\nsize: 3",
    "list": "tokens: [first, hunter2]",
    "block_list": "api_keys:\n- first\n- hunter2\nsize: 3",
    "below": "credentials: {user: hunter2, more: [hunter2, {x: hunter2}]}",
    "alias": "shown: &a hunter2\npassword: *a\nsize: 3",
    "alias_tree": "shown: &a {x: hunter2}\nauth: *a\nsize: 3",
    "merge": "base: &a {pass: hunter2}\nother: {<<: *a, size: 3}",
    "complex_key": "? password\n: hunter2",
    "tagged": "!!str password: !!str hunter2",
    "binary": "password: !!binary aHVudGVyMg==",
    "number": "password: 7302",
    "name_and_value": "env: [{name: DB_PASSWORD, value: hunter2}, {name: A, value: 3}]",
    "header_pair": "headers: [[X-Api-Key, hunter2]]",
    "header_line": "headers: ['Authorization: Bearer hunter2', 'Cookie: a=hunter2; b=hunter2']",
    "assignment": "env: [PGPASSWORD=hunter2, A=b]",
    "flag": "args: [run, --password, hunter2, --size, 3]",
    "flag_equals": "args: [run, --token=hunter2]",
    "command": "run: mysql --password hunter2 -v --token='hunter2 x' --size 3",
    "json": """args: '{"password": "hunter2", "n": 3}'""",
    "url_password": "url: postgres://me:hunter2@host:5432/db",
    "url_slash": "url: redis://:hunter2/x@host:6379/0",
    "url_at": "url: amqp://me:hunter2@x@host/",
    "url_token": "url: https://hunter2hunter2@github.com/x",
    "url_parameter": "url: https://host/x?size=3&token=hunter2",
    "url_signature": "url: https://x.blob.core.windows.net/c?sv=2020&sig=hunter2%3D",
    "connection": "conn: AccountName=x;AccountKey=hunter2==;EndpointSuffix=core",
    "dsn": "connection_string: Server=x;hunter2",
    "pass": "pass: hunter2",
    "auth": "auth: hunter2",
    "aws": "aws_secret_access_key: hunter2",
    "sas": "sas_token: sv=2020&x=hunter2",
    "repeated": "shared: hunter2\ntoken: hunter2",
    "version": "api_token_v2: hunter2",
    "session": "sessionid: hunter2",
    "login": "login: 'me:hunter2'",
    "plain_key": "args: {key: hunter2}",
    "plain_key_word": "key: hunter2hunter\nsize: 3",
    "keys": "keys: {a: hunter2, b: [hunter2]}",
    "coded_key": "some_key: hunter2",
    "url_short_token": "url: https://hunter2@host/x",
    "url_token_of_a_broker": "url: redis://hunter2@host",
    "url_token_without_a_password": "url: https://hunter2:@host/",
    "url_coded_name": "url: https://host/?api%5Fkey=hunter2",
    "no_scheme": "proxy: me:hunter2@host:3128",
    "scheme_of_the_page": "url: //me:hunter2@host/x",
    "oracle": "url: jdbc:oracle:thin:me/hunter2@host:1521:x",
    "bot": "url: https://api.telegram.org/bot1234567:hunter2hunter2hunter2hunter2/send",
    "license": "license: hunter2-hunter2",
    "licence_key": "licence_key: hunter2",
    "pin_code": "pin_code: 7302",
    "seed": "seed_phrase: hunter2",
    "cloud_pair": "cloud: {ak: hunter2, sk: hunter2}",
    "base64": "password_b64: aHVudGVyMg==",
    "chinese": "数据库密码: hunter2",
    "accents": "contraseña: hunter2",
    "wide": "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44: hunter2",
    "curl": "run: curl -u me:hunter2 http://host",
    "curl_words": "run: [curl, --user, 'me:hunter2']",
    "mysql": "run: mysql -u root -phunter2",
    "mysql_words": "run: [mysql, -u, root, -phunter2]",
    "sshpass": "run: sshpass -p hunter2 ssh host",
    "netrc": "note: machine host login me password hunter2",
    "element": "note: <a><password x='1'>hunter2</password></a>",
    "json_in_json": """note: '{\\"password\\": \\"hunter2\\"}'""",
    "yaml_in_yaml": "note: |\n  password: >\n    hunter2\n  b: c\nsize: 3",
    "comment_in_yaml": "note: |\n  a: 1\n  b: 2 # password: hunter2\nsize: 3",
    "block_pairs": "headers:\n- - X-Api-Key\n  - hunter2\n- - A\n  - b\nsize: 3",
    "k_and_v": "env: [{k: DB_PASSWORD, v: hunter2}, {id: token, text: hunter2}]",
    "in_the_middle": "secret_prod: hunter2",
    "with_a_service": "args: {api_key_openai: hunter2, token.github: hunter2}",
    "list_of_keys": "api_keys_list: [hunter2]",
    "json_of_credentials": "credentials_json: hunter2",
    "key_hex": "key_hex: hunter2",
    "client_key": "user: {client-key-data: hunter2}",
    "signature_header": "headers: {X-Hub-Signature-256: hunter2}",
    "docker": "run: docker login -u me -p hunter2",
    "sql": "setup: CREATE USER me IDENTIFIED BY 'hunter2'",
    "sentence": "note: the password is hunter2",
    "encoded": "note: password%3Dhunter2",
    "npm": "npmrc: //packages.example.org/:_authToken=hunter2",
    "easy_connect": "db: me/hunter2@//host:1521/x",
    "webhook": "webhook: https://open.feishu.cn/open-apis/bot/v2/hook/hunter2",
    "webhook_elsewhere": "url: https://open.feishu.cn/open-apis/bot/v2/hook/hunter2",
    "key_among_keys": "api_keys: {hunter2hunter2hunter2: 3}",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_secrets_are_hidden_however_they_are_written(shape: str) -> None:
    text = SHAPES[shape]
    shown = hide_secrets(text)
    assert SECRET not in shown
    assert "aHVudGVy" not in shown
    assert "7302" not in shown
    read = yaml.safe_load(shown)
    assert read.__class__ is yaml.safe_load(text).__class__
    assert ("size: 3" in text) == ("size: 3" in shown)
    assert SECRET not in str(read)


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + 8 * "A1",
        "hf_" + 11 * "a1",
        "ghp_" + 18 * "a1",
        "sk-" + 11 * "a1",
        "xoxb-" + 9 * "a1",
        "AIza" + 18 * "a1",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "gsk_" + 13 * "a1",
        "r8_" + 18 * "a1",
        "nvapi-" + 13 * "a1",
        "hvs." + 12 * "a1",
        "dapi" + 16 * "a1",
        "LTAI" + 10 * "a1",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "$2b$12$" + 26 * "a1",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nMIIE\n-----END PGP PRIVATE KEY BLOCK-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_keys_are_known_by_their_form(text: str) -> None:
    shown = yaml.safe_load(hide_secrets(yaml.safe_dump({"note": text, "in_text": f"a {text} b"})))
    assert shown == {"note": "***", "in_text": "a *** b"}


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": 512, "tokenizer": "bert", "token_limit": 3, "passwords_file": "a"},
        {"eos_token": "</s>", "pad_token_id": 0, "special_tokens": ["<s>"], "low_pass": 300},
        {"a": "token", "ctrl_key": "stream", "batching_key": "user", "signature": "classify"},
        {"use_auth": True, "token": None, "password": ""},
        {"labels": ["token", "cat"], "stop_words": ["secret", "dog"]},
        {"url": "http://127.0.0.1:8080/a@b", "git": "ssh://git@host/x", "model": "sk-learn-v2"},
        {"name": "resnet-50", "inferer_path": "/models/m.onnx", "device": "cuda:0", "key": "x"},
        {"license": "apache-2.0", "licenses": "MIT", "user": "me", "username": "me", "key": "x"},
        {"password_file": "/run/x", "secret_name": "db", "token_limit": 3, "token_type": "x"},
        {"key_dim": 64, "num_key_value_heads": 8, "key_names": ["a"], "tokens_per_s": 3},
        {"keys": ["input_ids", "mask"], "sort_key": "date", "env": [{"key": "size", "value": 3}]},
        {"url": "postgres://me@host/db", "abfs": "abfss://data@account/x", "mail": "mailto:a@b.c"},
        {"commit": 5 * "0123abcd", "text": "at 10:30\nor: later", "json": '{"a": [1, 2]}'},
        {"date": "2020-01-01", "cmd": "run --size 3 --name x", "text": "the token is sent"},
    ],
)
def test_others_are_not(value: dict[str, Any]) -> None:
    assert yaml.safe_load(hide_secrets(yaml.safe_dump(value))) == value


def test_texts_stay_as_they_are_written() -> None:
    assert hide_secrets("version: 1.10\nsize: 0x10\n") == "version: 1.10\nsize: 0x10\n"
    assert hide_secrets("") == ""
    assert hide_secrets("a: [") == NOT_SHOWN


def test_a_tree_that_contains_itself() -> None:
    assert SECRET not in hide_secrets("a: &a [*a, {password: [*a, hunter2]}]")


@pytest.mark.parametrize("name", ["password", "DB_PASSWORD", "x-api-key", "accessToken", "pwd2"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


def test_command_lines() -> None:
    words = ["run", "--password", SECRET, f"--api-key={SECRET}", f"http://me:{SECRET}@host/"]
    assert mask_command(words) == "run --password *** --api-key=*** http://me:***@host/"
    assert mask_text("grpst start a.mar --name b") == "grpst start a.mar --name b"


def test_a_project_shows_no_secrets(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    model = "{name: m, version: 1.0.0, inferer_type: identity, inferer_args: {api-key: hunter2}}"
    (conf / "inference.yml").write_text(f"{{models: [{model}]}} # hunter2\n")
    (conf / "server.yml").write_text("# password: hunter2\nmax_concurrency: 3\n")
    shown = Project.read(tmp_path).metadata
    assert SECRET not in shown
    assert "max_concurrency: 3" in shown
    assert "api-key: '***'" in shown
