"""Services in ``inference.yml``, and models that run in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from grps.errors import ConfigError
from grps.server.configuration import parse_inference
from tests.unit.config.test_native_reader import by_program, by_python

MODEL = {"name": "m", "version": "1", "remote": {"service": "other"}}


def text_of(endpoints: Any, model: Any = None, **service: Any) -> str:
    config = {
        "models": [{**MODEL, **(model or {})}],
        "services": [{"name": "other", "endpoints": endpoints, **service}],
    }
    return yaml.safe_dump(config)


def parse(endpoints: Any, model: Any = None, **service: Any) -> Any:
    return parse_inference(text_of(endpoints, model, **service), "inference.yml")


STATIC = {"source": "static", "addresses": ["10.0.0.5:7080", "[::1]:1"]}


@pytest.mark.parametrize(
    "endpoints",
    [
        STATIC,
        {"source": "dns", "host": "features.default.svc", "port": 7080},
        {"source": "kubernetes", "service": "features", "port": 7080, "namespace": "prod"},
        {"source": "ray"},
    ],
    ids=["static", "dns", "kubernetes", "ray"],
)
def test_each_source_is_taken(endpoints: Any) -> None:
    config = parse(endpoints)
    assert config.services[0].endpoints.source == endpoints["source"]
    assert config.models[0].inferer_type == "remote"
    assert config.dag.nodes[0].model == "m-1"


WRONG_ENDPOINTS: list[tuple[Any, str]] = [
    ({"source": "static"}, "addresses: needed because source is 'static'"),
    ({"source": "dns", "host": "h"}, "port: needed because source is 'dns'"),
    ({"source": "kubernetes", "port": 1}, "service: needed because source is 'kubernetes'"),
    ({"source": "ray", "port": 1}, "port: has no effect with source 'ray'; leave it out"),
    ({**STATIC, "host": "h"}, "host: has no effect with source 'static'"),
    ({"source": "static", "addresses": ["a"]}, "addresses[0]: 'a' is no address such as"),
    ({"source": "static", "addresses": ["a:65536"]}, "addresses[0]: 'a:65536' is no address"),
    ({"source": "static", "addresses": ["a:0"]}, "addresses[0]: 'a:0' is no address"),
    ({"source": "static", "addresses": ["a:1", "a:1"]}, "addresses[1]: 'a:1' is listed twice"),
    (
        {"source": "kubernetes", "service": "s", "port": 1, "api_server": "http://10.0.0.1"},
        "api_server: 'http://10.0.0.1': a token is sent to it; use https",
    ),
    ({"source": "etcd"}, "source"),
]


@pytest.mark.parametrize(("endpoints", "words"), WRONG_ENDPOINTS)
def test_endpoints_that_do_not_fit_are_refused(endpoints: Any, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(endpoints)
    assert words in str(error.value)


def test_addresses_are_bounded() -> None:
    addresses = [f"h{index}:1" for index in range(257)]
    parse({"source": "static", "addresses": addresses[1:]})
    with pytest.raises(ConfigError, match="257 are too many, 256 are allowed"):
        parse({"source": "static", "addresses": addresses})


WRONG_MODELS: list[tuple[Any, str]] = [
    ({"remote": {"service": "othr"}}, "'othr' is not declared in 'services'"),
    ({"inferer_type": "identity"}, "models[0].inferer_type: has no effect with 'remote'"),
    ({"device": "cpu"}, "models[0].device: has no effect with 'remote'"),
    ({"batching": {"type": "none"}}, "models[0].batching: has no effect with 'remote'"),
    ({"remote": None}, "models[0]: required key 'inferer_type' is missing or empty"),
    ({"inferer_type": "remote", "remote": None}, "inferer_type"),
]


@pytest.mark.parametrize(("model", "words"), WRONG_MODELS)
def test_a_remote_model_has_nothing_of_its_own(model: Any, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(STATIC, model)
    assert words in str(error.value)


def test_a_certificate_has_a_key() -> None:
    parse(STATIC, tls={"ca": "a", "certificate": "b", "key": "c"})
    with pytest.raises(ConfigError, match=r"tls.key: needed because there is a certificate"):
        parse(STATIC, tls={"ca": "a", "certificate": "b"})
    with pytest.raises(ConfigError, match=r"tls.certificate: needed because there is a key"):
        parse(STATIC, tls={"ca": "a", "key": "b"})


def test_names_of_services_are_unique() -> None:
    service = {"name": "other", "endpoints": STATIC}
    text = yaml.safe_dump({"models": [MODEL], "services": [service, service]})
    with pytest.raises(ConfigError, match=r"'other' is already services\[0\]"):
        parse_inference(text, "inference.yml")


def test_both_readers_agree(tmp_path: Path) -> None:
    texts = [text_of(endpoints) for endpoints, _ in WRONG_ENDPOINTS]
    texts += [text_of(STATIC, model) for model, _ in WRONG_MODELS]
    many = [f"h{index}:1" for index in range(257)]
    texts += [text_of({"source": "static", "addresses": many}), text_of(STATIC)]
    tls = ({"ca": "a", "key": "b"}, {"ca": "a", "certificate": "b"}, {"ca": "a"})
    texts += [text_of(STATIC, tls=one, api_key_file="k", connections=2) for one in tls]
    texts += [text_of(STATIC, connections=1), text_of(STATIC, connections=33)]
    paths = [tmp_path / f"{index}.yml" for index in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    for path, found in zip(paths, by_program("inference", paths), strict=True):
        assert found == by_python("inference", path), path.read_text()
