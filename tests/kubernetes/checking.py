"""What is wrong with manifests: each by its schema, and all of them together."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import referencing
from jsonschema import Draft202012Validator

from tests.kubernetes.chart import Manifest

SCHEMAS = Path(__file__).parent / "schemas"
VERSIONS = ("1.30", "1.37")
"""The oldest Kubernetes that the chart is for, and a late one."""
MAX_PORT = 65535


def schema_problems(manifest: Manifest) -> list[str]:
    """What the schemas find: unknown fields, wrong types, missing fields."""
    problems: list[str] = []
    for validator in _validators(manifest["apiVersion"], manifest["kind"]):
        for error in validator.iter_errors(manifest):
            problems.append(f"{manifest['kind']} {error.json_path}: {error.message}")
    return problems


def _validators(api_version: str, kind: str) -> list[Draft202012Validator]:
    group, _, version = api_version.rpartition("/")
    name = f"{group}_{kind.lower()}_{version}.json"
    if (SCHEMAS / name).exists() or (SCHEMAS / f"{name}.gz").exists():
        return [_custom(name)]
    return [_core(one, group.partition(".")[0], kind.lower(), version) for one in VERSIONS]


@functools.cache
def _custom(name: str) -> Draft202012Validator:
    path = SCHEMAS / name
    packed = SCHEMAS / f"{name}.gz"
    text = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    return Draft202012Validator(json.loads(text))


@functools.cache
def _core(kubernetes: str, group: str, kind: str, version: str) -> Draft202012Validator:
    name = f"{kind}-{group}-{version}.json" if group else f"{kind}-{version}.json"
    text = (_core_schemas(kubernetes) / name).read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text), registry=_definitions(kubernetes))


def _core_schemas(kubernetes: str) -> Any:
    root = files("kubernetes_validate") / "kubernetes-json-schema"
    return root / f"v{kubernetes}.0-local-strict"


@functools.cache
def _definitions(kubernetes: str) -> Any:
    text = (_core_schemas(kubernetes) / "_definitions.json").read_text(encoding="utf-8")
    resource = referencing.Resource.from_contents(json.loads(text))
    # Without the crawl, each reference is looked for in the whole file again.
    return referencing.Registry().with_resource("_definitions.json", resource).crawl()


def reference_problems(manifests: Sequence[Manifest]) -> list[str]:
    """What does not fit together: ports, volumes, labels and names that lead nowhere."""
    by_kind: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        by_kind.setdefault(manifest["kind"], []).append(manifest)
    (deployment,) = by_kind["Deployment"]
    template = deployment["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    ports = {port["name"]: port for port in pod["containers"][0]["ports"]}
    return [
        *_volume_problems(pod, by_kind.get("ConfigMap", [])),
        *_port_problems(manifests, ports),
        *_selector_problems(by_kind, labels),
        *_target_problems(by_kind, deployment["metadata"]["name"]),
    ]


def _volume_problems(pod: dict[str, Any], maps: Sequence[Manifest]) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    containers = [*pod["containers"], *pod.get("initContainers", ())]
    mounted = [mount for container in containers for mount in container["volumeMounts"]]
    used = {mount["name"] for mount in mounted}
    yield from (f"no volume {name}" for name in used - set(volumes))
    yield from (f"volume {name} is not mounted" for name in set(volumes) - used)
    for container in containers:
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        yield from (f"two mounts at {path}" for path in set(paths) if paths.count(path) > 1)
    names = {one["metadata"]["name"] for one in maps}
    for volume in volumes.values():
        if "configMap" in volume and volume["configMap"]["name"] not in names:
            yield f"no ConfigMap {volume['configMap']['name']}"


def _port_problems(manifests: Sequence[Manifest], ports: dict[str, Any]) -> Iterator[str]:
    for path, key, value in _leaves(manifests):
        is_port = key in ("port", "targetPort", "containerPort")
        if is_port and isinstance(value, int) and not 1 <= value <= MAX_PORT:
            yield f"{path}: {value} is no port"
        named = key == "targetPort" or (key == "port" and "Monitor" not in path)
        if named and isinstance(value, str) and value not in ports:
            yield f"{path}: the container has no port {value}"


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{path}.{key}", key, value
            yield from _leaves(value, f"{path}.{key}")
    elif isinstance(node, (list, tuple)):
        for number, value in enumerate(node):
            here = value["kind"] if isinstance(value, dict) and "kind" in value else number
            yield from _leaves(value, f"{path}[{here}]")


def _selector_problems(by_kind: dict[str, list[Manifest]], labels: dict[str, str]) -> Iterator[str]:
    kinds = {
        "Deployment": ("selector", "matchLabels"),
        "Service": ("selector",),
        "PodDisruptionBudget": ("selector", "matchLabels"),
        "NetworkPolicy": ("podSelector", "matchLabels"),
    }
    for kind, keys in kinds.items():
        for manifest in by_kind.get(kind, ()):
            selector = functools.reduce(lambda node, key: node[key], keys, manifest["spec"])
            if not selector or not selector.items() <= labels.items():
                yield f"{kind} {manifest['metadata']['name']} selects no pod of the Deployment"
    for monitor in by_kind.get("ServiceMonitor", ()):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        found = [s for s in by_kind["Service"] if wanted <= s["metadata"]["labels"].items()]
        if len(found) != 1:
            yield f"ServiceMonitor selects {len(found)} Services, so pods are scraped as often"
        for endpoint in monitor["spec"]["endpoints"]:
            if any(endpoint["port"] not in _port_names(service) for service in found):
                yield f"ServiceMonitor: the Service has no port {endpoint['port']}"


def _port_names(service: Manifest) -> set[str]:
    return {port["name"] for port in service["spec"]["ports"]}


def _target_problems(by_kind: dict[str, list[Manifest]], name: str) -> Iterator[str]:
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for manifest in by_kind.get(kind, ()):
            if manifest["spec"]["scaleTargetRef"]["name"] != name:
                yield f"{kind} scales no Deployment of the release"
    accounts = {one["metadata"]["name"] for one in by_kind.get("ServiceAccount", ())}
    for binding in by_kind.get("RoleBinding", ()):
        roles = {(r["metadata"]["namespace"], r["metadata"]["name"]) for r in by_kind["Role"]}
        if (binding["metadata"]["namespace"], binding["roleRef"]["name"]) not in roles:
            yield f"RoleBinding {binding['metadata']['name']} binds no Role"
        if not {subject["name"] for subject in binding["subjects"]} <= accounts:
            yield f"RoleBinding {binding['metadata']['name']} is for no ServiceAccount"
