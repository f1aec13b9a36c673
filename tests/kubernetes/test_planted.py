"""Errors that are planted into the chart are found: what the other tests rely on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.kubernetes.chart import CHART, Rendered, render_texts
from tests.kubernetes.checking import reference_problems, schema_problems

VALUES = """
autoscaling: {kind: keda, keda: {serverAddress: "http://prometheus:9090"}}
serviceMonitor: {enabled: true}
networkPolicy: {enabled: true}
models: {volume: {persistentVolumeClaim: {claimName: models}}}
endpointSlices: {namespaces: [other]}
"""


def rendered_with(folder: Path, file: str, right: str, wrong: str) -> Rendered:
    """Render a copy of the chart in which one text of a file is replaced."""
    chart = folder / "grps"
    shutil.copytree(CHART, chart)
    path = chart / file
    text = path.read_text()
    assert text.count(right) >= 1, right
    path.write_text(text.replace(right, wrong))
    return render_texts([VALUES], chart=chart, lint=True)[0]


@pytest.mark.parametrize(
    ("file", "right", "wrong", "named"),
    [
        ("deployment", "terminationMessagePolicy:", "terminationMesagePolicy:", "unexpected"),
        ("deployment", "revisionHistoryLimit: 5", "revisionHistoryLimit: five", "not of type"),
        ("deployment", "apiVersion: apps/v1", "apiVersion: apps/v1\nspecs: {}", "unexpected"),
        ("service", "clusterIP: None", "clusterIp: None", "unexpected"),
        ("poddisruptionbudget", "AlwaysAllow", "[AlwaysAllow]", "not of type"),
        ("rbac", "kind: ServiceAccount\n    name", "kind: ServiceAccount\n    nane", "unexpected"),
        ("networkpolicy", "policyTypes:", "policyType:", "unexpected"),
        ("autoscaling", "minReplicaCount:", "minReplicasCount:", "unexpected"),
        ("autoscaling", "behavior: currentReplicas", "behavior: stay", "not one of"),
        ("servicemonitor", "path: /metrics", "paths: /metrics", "unexpected"),
    ],
)
def test_schemas_find(tmp_path: Path, file: str, right: str, wrong: str, named: str) -> None:
    rendered = rendered_with(tmp_path, f"templates/{file}.yaml", right, wrong)
    assert not rendered.error
    problems = [text for manifest in rendered.manifests for text in schema_problems(manifest)]
    assert any(named in text for text in problems), problems


@pytest.mark.parametrize(
    ("file", "right", "wrong", "named"),
    [
        (
            "deployment.yaml",
            "containerPort: {{ $values.containerPort }}",
            "containerPort: 70000",
            "70000",
        ),
        ("service.yaml", "port: {{ .Values.service.httpPort }}", "port: 0", "0 is no port"),
        ("service.yaml", "targetPort: http", "targetPort: htp", "no port htp"),
        ("_container.tpl", "port: http", "port: web", "no port web"),
        (
            "_container.tpl",
            "name: models\n  mountPath",
            "name: model\n  mountPath",
            "no volume model",
        ),
        (
            "_container.tpl",
            "- {name: tmp, mountPath: /tmp}",
            "- {name: tmp, mountPath: /models}",
            "two mounts",
        ),
        ("networkpolicy.yaml", "port: http}", "port: https}", "no port https"),
        (
            "poddisruptionbudget.yaml",
            '{{- include "grps.selector" . | nindent 6 }}',
            "{a: b}",
            "selects no pod",
        ),
        ("servicemonitor.yaml", "component: service", "component: server", "selects 0 Services"),
        ("servicemonitor.yaml", "port: http", "port: metrics", "no port metrics"),
        (
            "autoscaling.yaml",
            "kind: Deployment, name: {{ $name }}",
            "kind: Deployment, name: x",
            "scales no",
        ),
        (
            "rbac.yaml",
            "kind: Role\n  name: {{ $name }}",
            "kind: Role\n  name: other",
            "binds no Role",
        ),
    ],
)
def test_references_find(tmp_path: Path, file: str, right: str, wrong: str, named: str) -> None:
    rendered = rendered_with(tmp_path, f"templates/{file}", right, wrong)
    assert not rendered.error
    problems = reference_problems(rendered.manifests)
    assert any(named in text for text in problems), problems


@pytest.mark.parametrize(
    ("file", "right", "wrong", "named"),
    [
        ("Chart.yaml", "version: 0.1.0\n#", "version: one\n#", "version"),
        ("templates/rbac.yaml", "kind: Role\n", "kind: {{ .Values.role.kind }}\n", "role"),
    ],
)
def test_lint_finds(tmp_path: Path, file: str, right: str, wrong: str, named: str) -> None:
    rendered = rendered_with(tmp_path, file, right, wrong)
    assert named in " ".join([rendered.error, *rendered.lint])
