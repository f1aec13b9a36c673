"""Which hosts may be asked, where redirects may lead, and what a URI may have in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.errors import ConfigError, SourceError
from grps.sources.network.hosts import HostPolicy, is_public
from grps.sources.network.web import MAX_HOPS, Web
from grps.sources.settings import Settings
from grps.sources.uri import SourceUri, is_uri
from tests.unit.sources.conftest import Make
from tests.unit.sources.host import Host, hosting

PUBLIC, PRIVATE = "93.184.215.14", "10.1.2.3"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        (PUBLIC, True),
        ("2606:4700::1111", True),
        (PRIVATE, False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00:ec2::254", False),
        ("fe80::1%eth0", False),
        ("::ffff:10.1.2.3", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def policy_of(*allowed: str, **addresses: str) -> HostPolicy:
    known = {name.replace("_", "."): address for name, address in addresses.items()}
    made = HostPolicy.of(allowed)
    return HostPolicy(made.allowed, lambda host, port: [known[host]])


def test_a_redirect_to_a_private_address_is_refused_unless_it_is_named() -> None:
    policy = policy_of(cdn_example=PUBLIC, inner_example=PRIVATE)
    assert policy.check_host("cdn.example", 443, redirected_from="hub.example")
    with pytest.raises(SourceError, match=r"leads to inner\.example \(10\.1\.2\.3\), which is no"):
        policy.check_host("inner.example", 443, redirected_from="hub.example")
    with pytest.raises(SourceError, match="no public address"):
        policy.check_host("127.0.0.1", 443, redirected_from="hub.example")
    # A proxy looks names up, but addresses are known here.
    assert policy.check_host("unknown.example", 443, redirected_from="hub.example", by_proxy=True)
    with pytest.raises(SourceError, match="no public address"):
        policy.check_host("127.0.0.1", 443, redirected_from="hub.example", by_proxy=True)
    # An operator may name it, in the URI or in the list.
    assert not policy.check_host("inner.example", 443, redirected_from=None)
    named = policy_of("hub.example", "inner.example", inner_example=PRIVATE)
    assert not named.check_host("inner.example", 443, redirected_from="hub.example")
    # A wildcard names no host.
    wild = policy_of("*.example", inner_example=PRIVATE)
    with pytest.raises(SourceError, match="no public address"):
        wild.check_host("inner.example", 443, redirected_from="hub.example")


def test_addresses_of_credentials_are_refused_even_if_an_operator_writes_them() -> None:
    with pytest.raises(SourceError, match="where clouds keep credentials"):
        policy_of().check_host("169.254.169.254", 443, redirected_from=None)


def test_a_list_of_hosts_holds_for_uris_redirects_and_buckets() -> None:
    policy = policy_of("models.example", "*.cdn.example", "s3://weights", models_example=PUBLIC)
    policy.check_host("models.example", 443, redirected_from=None)
    policy.check_host("a.cdn.example", 443, redirected_from=None)
    policy.check_bucket("s3", "weights")
    for host in ("cdn.example", "evilcdn.example", "models.example.evil", "example"):
        with pytest.raises(SourceError, match=r"is not in sources\.allowed_hosts"):
            policy.check_host(host, 443, redirected_from=None)
    for scheme, bucket in (("s3", "other"), ("gs", "weights")):
        with pytest.raises(SourceError, match=r"is not in sources\.allowed_hosts"):
            policy.check_bucket(scheme, bucket)


@pytest.mark.parametrize("entry", ["", "https://a.example", "a b", "*", "a.example/x"])
def test_entries_that_are_no_hosts_are_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"sources\.allowed_hosts"):
        HostPolicy.of([entry])


def test_a_redirect_is_followed_on_the_host_that_was_named(host: Host, sources: Make) -> None:
    host.files["/b"] = b"onnx"
    host.redirects["/a"] = "/b"
    fetched = sources().fetch(f"{host.url}/a")
    assert (fetched.path.name, fetched.path.read_bytes()) == ("a", b"onnx")


def test_a_redirect_to_another_place_of_this_machine_is_refused(host: Host, sources: Make) -> None:
    with hosting() as inner:
        inner.files["/secret"] = b"secret"
        host.redirects["/a"] = f"{inner.url.replace('127.0.0.1', '127.0.0.2')}/secret"
        with pytest.raises(SourceError, match=r"leads to 127\.0\.0\.2"):
            sources().fetch(f"{host.url}/a")
        host.redirects["/a"] = f"{inner.url}/secret"
        with pytest.raises(SourceError, match=r"leads to 127\.0\.0\.1"):
            sources().fetch(f"{host.url}/a")
        assert inner.seen == []
        fetched = sources(allowed_hosts=("127.0.0.1",)).fetch(f"{host.url}/a")
        assert fetched.path.read_bytes() == b"secret"


def test_a_name_that_has_another_address_by_then_is_refused(host: Host) -> None:
    with hosting() as inner:
        inner.answers["/secret"] = {}
        host.redirects["/a"] = f"{inner.url.replace('127.0.0.1', 'localhost')}/secret"
        web = Web(HostPolicy((), lambda host, port: [PUBLIC]))
        with pytest.raises(
            SourceError, match=r"it is localhost \(127\.0\.0\.1\), which is no public"
        ):
            web.json(f"{host.url}/a")
        web.close()


def test_credentials_stay_at_the_first_host(host: Host) -> None:
    with hosting() as other:
        other.answers["/x"] = {}
        host.redirects["/same"] = "/other"
        host.redirects["/other"] = f"{other.url}/x"
        web = Web(HostPolicy.of(["127.0.0.1"]))
        assert web.json(f"{host.url}/same", {"Authorization": "Bearer t", "X-Mine": "1"}) == {}
        web.close()
        assert [seen[2].get("authorization") for seen in host.seen] == ["Bearer t", "Bearer t"]
        assert other.seen[0][2].get("authorization") is None
        assert other.seen[0][2]["x-mine"] == "1"


def test_too_many_redirects_are_refused(host: Host) -> None:
    for number in range(MAX_HOPS + 1):
        host.redirects[f"/{number}"] = f"/{number + 1}"
    host.answers[f"/{MAX_HOPS + 1}"] = {}
    web = Web(HostPolicy())
    assert web.json(f"{host.url}/1") == {}
    with pytest.raises(SourceError, match=f"more than {MAX_HOPS} redirects"):
        web.json(f"{host.url}/0")
    web.close()


def test_without_tls_a_digest_is_needed() -> None:
    policy = policy_of(models_example=PUBLIC)
    with pytest.raises(SourceError, match="without TLS"):
        Web(policy).read("http://models.example/a")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("https://me:password1@h.example/m", "must have no credentials"),
        ("https://token@h.example/m", "must have no credentials"),
        ("https://h.example/m?X-Amz-Signature=0a1b2c3d4e5f", "must have no credentials"),
        ("https://h.example/m?token=abcdef123456", "must have no credentials"),
        ("ftp://h.example/m", "no URI of a model"),
        ("file:///etc/passwd", "no URI of a model"),
        ("https://h.example/m#md5=1", "only #sha256= and 64"),
        ("https://h.example/m#sha256=ABC", "only #sha256= and 64"),
        ("https://h.example/a b", "no spaces"),
        ("https://h.example/a\nb", "no spaces"),
        (f"https://h.example/{'a' * 2031}", "at most 2048"),
        ("https:/h.example/m", "write https://"),
        ("mlflow://models:/a/1", "write mlflow:models:/"),
    ],
)
def test_uris_that_are_refused(text: str, cause: str) -> None:
    with pytest.raises(SourceError, match=cause) as raised:
        SourceUri.parse(text)
    for secret in ("password1", "token@", "0a1b2c3d4e5f", "abcdef123456"):
        assert secret not in str(raised.value)


def test_the_longest_uri_is_read() -> None:
    text = f"https://h.example/{'a' * 2030}"
    assert SourceUri.parse(text).text == text


def test_paths_are_not_uris() -> None:
    for path in ("model.onnx", "/a/b", "a:b", "C:\\a", Path("s3"), "", None):
        assert not is_uri(path)
    for uri in ("s3://a/b", "HTTPS://a/b", "mlflow:models:/a/1", "ftp://a"):
        assert is_uri(uri)


def test_the_environment_comes_before_the_configuration(tmp_path: Path) -> None:
    environment = {
        "GRPS_CACHE": str(tmp_path),
        "GRPS_SOURCES_ALLOWED_HOSTS": "a.example, s3://b",
        "GRPS_SOURCES_MAX_BYTES": "10",
    }
    settings = Settings.of(None, environment)
    assert (settings.cache, settings.allowed_hosts) == (tmp_path, ("a.example", "s3://b"))
    assert (settings.max_bytes, settings.max_cache_bytes) == (10, 256 << 30)
    with pytest.raises(ConfigError, match="GRPS_CACHE_MAX_BYTES is 'x'"):
        Settings.of(None, {"GRPS_CACHE_MAX_BYTES": "x"})
    assert Settings.of(None, {"XDG_CACHE_HOME": "/c"}).cache == Path("/c/grps/models")
