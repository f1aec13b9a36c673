"""The section ``tracing`` of ``server.yml``."""

from __future__ import annotations

import re

import pytest

from grps.errors import ConfigError
from grps.server.configuration import parse_server


class TestTracing:
    @pytest.mark.parametrize("ratio", ["0", "0.25", "1", "1.0"])
    def test_ratios(self, ratio: str) -> None:
        text = f"tracing: {{endpoint: 'http://otel:4317', sample_ratio: {ratio}}}"
        tracing = parse_server(text, "server.yml").tracing
        assert tracing is not None
        assert tracing.sample_ratio == float(ratio)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("tracing: {}", "required key 'endpoint' is missing"),
            ("tracing: {endpoint: 'https://otel'}", "expected a URL such as http://"),
            (
                "tracing: {endpoint: 'http://otel', sample_ratio: 1.1}",
                "expected a number from 0 to 1; got '1.1'",
            ),
            ("tracing: {endpoint: 'http://otel', sample_ratio: yes}", "a number from 0 to 1"),
            ("tracing: {endpoint: 'http://otel', protocol: udp}", "one of grpc, http"),
            ("log: {format: xml}", "expected one of json, text"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, text: str, message: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(message)):
            parse_server(text, "server.yml")
