"""The toggles of the chart, and few sets of values in which each pair of their settings occurs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Values = dict[str, Any]

INFERENCE = {"models": [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]}
PVC = {"persistentVolumeClaim": {"claimName": "models", "readOnly": True}}
PROMETHEUS = {"serverAddress": "http://prometheus.monitoring:9090"}
TOGGLES: dict[str, dict[str, Values]] = {
    "run": {
        "model": {"run": {"kind": "model", "path": "/models/a.onnx", "args": ["--device", "cpu"]}},
        "project": {"run": {"kind": "project", "path": "/project"}},
        "project with config": {
            "run": {"kind": "project", "path": "/app/server.mar"},
            "config": {"inference": INFERENCE, "server": {"max_concurrency": 64}},
        },
        "project of config": {
            "run": {"kind": "project", "path": ""},
            "config": {"inference": INFERENCE},
        },
        "native": {"run": {"kind": "native"}, "config": {"inference": INFERENCE}},
        "image": {"run": {"kind": "image"}, "image": {"tag": "7"}},
    },
    "tls": {
        "off": {},
        "on": {"tls": {"secretName": "web"}},
        "optional": {"tls": {"secretName": "web", "clientAuth": "optional"}},
        "required": {"tls": {"secretName": "web", "clientAuth": "required"}},
    },
    "auth": {"off": {}, "on": {"auth": {"keysSecretName": "keys"}}},
    "token": {"off": {}, "on": {"adminToken": {"secretName": "admin"}, "env": [{"name": "A"}]}},
    "models": {
        "off": {},
        "claim": {"models": {"volume": PVC, "subPath": "a"}},
        "shared": {"models": {"volume": {"nfs": {"server": "files", "path": "/a"}}}},
        "fetched": {
            "models": {"fetch": {"enabled": True, "image": "tool:1", "command": ["copy", "a"]}}
        },
    },
    "scaling": {
        "off": {"replicas": 3},
        "hpa": {"autoscaling": {"kind": "hpa"}},
        "hpa of the queue": {"autoscaling": {"kind": "hpa", "cpuPercent": 0}},
        "keda": {"autoscaling": {"kind": "keda", "keda": PROMETHEUS}},
        "keda with access": {
            "autoscaling": {"kind": "keda", "keda": {**PROMETHEUS, "authentication": "prometheus"}}
        },
    },
    "monitor": {
        "off": {},
        "on": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
        "with key": {"serviceMonitor": {"enabled": True, "bearerSecret": {"name": "reader"}}},
    },
    "policy": {
        "off": {},
        "own": {"networkPolicy": {"enabled": True}},
        "given": {
            "networkPolicy": {
                "enabled": True,
                "from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}],
                "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
            }
        },
    },
    "gpu": {
        "off": {},
        "on": {
            "gpu": {"count": 2, "runtimeClassName": "nvidia"},
            "sharedMemory": "4Gi",
            "tolerations": [{"key": "batch", "operator": "Exists"}],
        },
    },
    "drain": {"offline": {}, "sleep": {"drain": {"offline": False, "pauseSeconds": 20}}},
    "disruption": {"on": {}, "off": {"podDisruptionBudget": {"enabled": False}}},
    "headless": {"on": {}, "off": {"service": {"headless": False, "type": "LoadBalancer"}}},
    "account": {
        "made": {},
        "given": {"serviceAccount": {"create": False, "name": "given"}},
        "with slices": {"endpointSlices": {"namespaces": ["models", "other"]}},
    },
    "placing": {
        "off": {},
        "on": {
            "nodeSelector": {"pool": "gpu"},
            "priorityClassName": "high",
            "imagePullSecrets": [{"name": "registry"}],
            "podAnnotations": {"a": "b"},
            "podLabels": {"team": "a"},
            "envFrom": [{"secretRef": {"name": "more"}}],
            "extraVolumes": [{"name": "cache", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "cache", "mountPath": "/cache"}],
        },
        "together": {"spreadHosts": False, "strategy": {"type": "Recreate"}},
    },
}
WITHOUT_CONFIGURATION = ("model", "image")

Choice = tuple[str, str]


def values_of(settings: dict[str, str]) -> Values:
    """The values of one setting of each toggle."""
    merged: Values = {}
    for toggle, setting in settings.items():
        _merge(merged, deepcopy(TOGGLES[toggle][setting]))
    return merged


def is_possible(settings: dict[str, str]) -> bool:
    """Whether the chart accepts the settings: some commands read no configuration."""
    needs = settings.get("tls", "off") != "off" or settings.get("auth", "off") != "off"
    return not (needs and settings.get("run") in WITHOUT_CONFIGURATION)


def all_pairs() -> list[dict[str, str]]:
    """Sets of settings in which each possible pair of settings occurs."""
    open_pairs = set(_pairs())
    found = []
    while open_pairs:
        settings = _row(open_pairs)
        chosen = itertools.combinations(settings.items(), 2)
        open_pairs -= {frozenset(pair) for pair in chosen}
        found.append(settings)
    return found


def _pairs() -> Iterator[frozenset[Choice]]:
    for one, other in itertools.combinations(TOGGLES, 2):
        for first, second in itertools.product(TOGGLES[one], TOGGLES[other]):
            if is_possible({one: first, other: second}):
                yield frozenset({(one, first), (other, second)})


def _row(open_pairs: set[frozenset[Choice]]) -> dict[str, str]:
    """One set: a pair that is open, then for each other toggle the setting with most open pairs."""
    settings = dict(sorted(min(open_pairs, key=sorted)))
    for toggle, choices in TOGGLES.items():
        if toggle in settings:
            continue
        possible = [one for one in choices if is_possible({**settings, toggle: one})]

        def gain(setting: str, toggle: str = toggle) -> int:
            chosen = (toggle, setting)
            return sum(frozenset({chosen, other}) in open_pairs for other in settings.items())

        settings[toggle] = max(possible, key=gain)
    return settings


def _merge(into: Values, values: Values) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
