"""The Helm chart: what it renders is valid, and what can't work is refused."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from grps.server.configuration import parse_inference, parse_server
from tests.kubernetes.chart import CHART, NAME, Rendered, render, render_texts
from tests.kubernetes.checking import reference_problems, schema_problems
from tests.kubernetes.toggles import INFERENCE, all_pairs, values_of
from tests.support import REPOSITORY

PROJECT = {"run": {"kind": "project", "path": ""}, "config": {"inference": INFERENCE}}
KEDA = {"kind": "keda", "keda": {"serverAddress": "http://prometheus:9090"}}


@pytest.fixture(scope="module")
def default() -> Rendered:
    return render({})[0]


def test_every_pair_of_toggles_is_valid() -> None:
    rows = all_pairs()
    for settings, rendered in zip(rows, render(*map(values_of, rows)), strict=True):
        assert not rendered.error, (settings, rendered.error)
        problems = [text for manifest in rendered.manifests for text in schema_problems(manifest)]
        problems += reference_problems(rendered.manifests)
        assert not problems, settings
        container = rendered.container()
        assert container["securityContext"]["readOnlyRootFilesystem"], settings


def test_lint_finds_nothing() -> None:
    given = yaml.safe_dump(values_of({"run": "project of config", "tls": "on", "scaling": "keda"}))
    for rendered in render_texts(["{}", given], lint=True):
        assert (rendered.error, rendered.lint) == ("", ())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"repilcas": 2}, "'repilcas' not allowed"),
        ({"probes": {"startup": 3}}, "'startup' not allowed"),
        ({"autoscaling": {"keda": {"adress": "x"}}}, "'adress' not allowed"),
        ({"replicas": "two"}, "/replicas"),
        ({"containerPort": 65536}, "/containerPort"),
        ({"containerPort": 1023}, "/containerPort"),
        ({"service": {"httpPort": 0}}, "/service/httpPort"),
        ({"service": {"grpcPort": 65536}}, "/service/grpcPort"),
        ({"run": {"kind": "modle"}}, "/run/kind"),
        ({"run": {"path": "models"}}, "/run/path"),
        ({"tmp": {"sizeLimit": "256 MB"}}, "/tmp/sizeLimit"),
        ({"autoscaling": {"minReplicas": 0}}, "/autoscaling/minReplicas"),
        ({"gpu": {"count": -1}}, "/gpu/count"),
        ({"serviceMonitor": {"interval": "15"}}, "/serviceMonitor/interval"),
        ({"tls": {"secretName": "Web_1"}}, "/tls/secretName"),
        ({"podDisruptionBudget": {"maxUnavailable": "101%"}}, "/podDisruptionBudget"),
        ({"drain": {"pauseSeconds": 0}}, "/drain/pauseSeconds"),
    ],
)
def test_schema_refuses(values: dict[str, Any], named: str) -> None:
    assert named in render(values)[0].error


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"auth": {"keysSecretName": "keys"}}, "run.kind is model, which reads no configuration"),
        ({"config": {"server": {"max_concurrency": 1}}}, "config, tls and auth need run.kind"),
        ({"run": {"kind": "image"}, "tls": {"secretName": "web"}}, "run.kind is image"),
        ({"run": {"kind": "image", "args": ["x"]}}, "replace the image's command"),
        ({"run": {"path": ""}}, "set run.path to the model"),
        ({"run": {"kind": "project", "path": ""}}, "or config.inference"),
        ({"run": {"kind": "native"}, "tls": {"secretName": "web"}}, "also need config.inference"),
        (
            {
                "run": {"kind": "project", "path": "/project"},
                "config": {"server": {"limits": {"drain_timeout_ms": 5}}},
            },
            "set drain.timeoutSeconds",
        ),
        ({**PROJECT, "tls": {"clientAuth": "required"}}, "tls.clientAuth needs tls.secretName"),
        ({"models": {"fetch": {"enabled": True}}}, "needs models.fetch.image"),
        ({"autoscaling": {"kind": "keda"}}, "autoscaling.keda.serverAddress"),
        ({"autoscaling": {**KEDA, "queueLength": 0}}, "autoscaling.queueLength"),
        ({"autoscaling": {"kind": "hpa", "queueLength": 0, "cpuPercent": 0}}, "cpuPercent"),
        ({"autoscaling": {"minReplicas": 11}}, "greater than autoscaling.maxReplicas"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, Any], named: str) -> None:
    assert named in render(values)[0].error


def test_configuration_is_what_the_service_reads() -> None:
    server = {"limits": {"max_request_bytes": 268435456}, "tracing": {"endpoint": "http://c:4317"}}
    values = {
        **PROJECT,
        "config": {"inference": INFERENCE, "server": server},
        "tls": {"secretName": "web", "clientAuth": "optional"},
        "auth": {"keysSecretName": "keys"},
        "drain": {"timeoutSeconds": 45},
    }
    (rendered,) = render(values)
    files = rendered.one("ConfigMap")["data"]
    assert parse_inference(files["inference.yml"], "inference.yml").models[0].name == "echo"
    read = parse_server(files["server.yml"], "server.yml")
    assert read.limits.max_request_bytes == 268435456
    assert read.limits.drain_timeout_ms == 45000
    assert read.interface.tls is not None
    assert read.auth is not None
    mounts = {mount["mountPath"] for mount in rendered.container()["volumeMounts"]}
    assert {"/project/conf", "/tls", "/auth"} <= mounts


def test_grace_period_covers_pause_and_drain() -> None:
    values = {"drain": {"pauseSeconds": 20, "timeoutSeconds": 60}}
    pod = render(values)[0].one("Deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 20 + 60 + 10


def test_startup_probe_lasts_as_long_as_asked(default: Rendered) -> None:
    for seconds in (2, 3, 300):
        probe = render({"probes": {"startupSeconds": seconds}})[0].container()["startupProbe"]
        assert seconds <= probe["periodSeconds"] * probe["failureThreshold"] <= seconds + 1


def test_probes_call_routes_of_the_service(default: Rendered) -> None:
    page = (REPOSITORY / "docs" / "reference" / "http.md").read_text()
    container = default.container()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f"| `{container[probe]['httpGet']['path']}` | GET" in page


def test_pods_get_no_token_unless_they_read_endpoint_slices() -> None:
    without, with_slices = render({}, {"endpointSlices": {"namespaces": ["other"]}})
    for rendered, mounted in ((without, False), (with_slices, True)):
        pod = rendered.one("Deployment")["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is mounted
    role = with_slices.one("Role", f"models-{NAME}-endpoints")
    assert role["metadata"]["namespace"] == "other"
    assert role["rules"] == [
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["get", "list", "watch"],
        }
    ]


def test_scaling_asks_for_metrics_that_exist() -> None:
    hpa, keda = render({"autoscaling": {"kind": "hpa"}}, {"autoscaling": KEDA})
    metrics = hpa.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    pods = [metric["pods"]["metric"]["name"] for metric in metrics if metric["type"] == "Pods"]
    query = keda.one("ScaledObject")["spec"]["triggers"][0]["metadata"]["query"]
    page = (REPOSITORY / "docs" / "reference" / "metrics.md").read_text()
    names = [*pods, *re.findall(r"\bgrps_\w+", query)]
    assert len(names) == 3
    for name in names:
        assert f"| `{name}` | gauge |" in page


def test_the_query_counts_what_waits_in_the_pods_of_the_service(tmp_path: Path) -> None:
    (rendered,) = render({"autoscaling": KEDA})
    query = rendered.one("ScaledObject")["spec"]["triggers"][0]["metadata"]["query"]
    series = {
        "grps_model_queue_length": [("a", NAME, 3), ("b", NAME, 4), ("a", "other", 50)],
        "grps_waiting": [("a", NAME, 10), ("b", NAME, 0), ("a", "other", 50)],
    }
    given = [
        {"series": f'{name}{{namespace="models",service="{service}",pod="{pod}"}}', "values": value}
        for name, all_values in series.items()
        for pod, service, value in all_values
    ]
    expected = {"expr": query, "eval_time": "0s", "exp_samples": [{"labels": "{}", "value": 17}]}
    file = tmp_path / "test.yml"
    file.write_text(
        yaml.safe_dump({"tests": [{"input_series": given, "promql_expr_test": [expected]}]})
    )
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_schema_knows_every_value() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)


def test_versions_are_those_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    cargo = (REPOSITORY / "Cargo.toml").read_text()
    version = re.search(r'^version = "(.+)"$', cargo, re.MULTILINE)
    assert version is not None
    assert chart["appVersion"] == version[1]
