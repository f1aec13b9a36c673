"""Services in ``inference.yml``, and models that run in them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from grps.errors import ConfigError
from grps.server.configuration import parse_inference

MODEL = {"name": "m", "version": "1", "remote": {"service": "other"}}


def parse(endpoints: Any, model: Any = None, **service: Any) -> Any:
    config = {
        "models": [{**MODEL, **(model or {})}],
        "services": [{"name": "other", "endpoints": endpoints, **service}],
    }
    return parse_inference(
        yaml.safe_dump(config),
        "inference.yml",
    )


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


@pytest.mark.parametrize(
    ("endpoints", "words"),
    [
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
    ],
)
def test_endpoints_that_do_not_fit_are_refused(endpoints: Any, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(endpoints)
    assert words in str(error.value)


def test_addresses_are_bounded() -> None:
    addresses = [f"h{index}:1" for index in range(257)]
    parse({"source": "static", "addresses": addresses[1:]})
    with pytest.raises(ConfigError, match="257 are too many, 256 are allowed"):
        parse({"source": "static", "addresses": addresses})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"remote": {"service": "othr"}}, "'othr' is not declared in 'services'"),
        ({"inferer_type": "identity"}, "models[0].inferer_type: has no effect with 'remote'"),
        ({"device": "cpu"}, "models[0].device: has no effect with 'remote'"),
        ({"batching": {"type": "none"}}, "models[0].batching: has no effect with 'remote'"),
        ({"remote": None}, "models[0]: required key 'inferer_type' is missing or empty"),
        ({"inferer_type": "remote", "remote": None}, "inferer_type"),
    ],
)
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
