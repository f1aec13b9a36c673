"""What the chart writes works: a service is started, probed and stopped as a pod is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.certificates import Authority
from tests.kubernetes.chart import Rendered, render
from tests.kubernetes.toggles import INFERENCE
from tests.support import STOP_TIMEOUT_S, two_free_ports, wait_until

GRPST = Path(sys.executable).parent / "grpst"
KEYS = "keys: [{name: a, sha256: '" + "0" * 64 + "', scopes: [infer]}]\n"
MOUNTED = re.compile(r"(?<!\w)/(?:project|tls|auth)\b")
TOKEN = "token-of-the-secret"
PLAIN = {
    "run": {"kind": "project", "path": ""},
    "config": {"inference": INFERENCE},
    "drain": {"pauseSeconds": 1},
}
GUARDED = {
    **PLAIN,
    "tls": {"secretName": "web"},
    "auth": {"keysSecretName": "keys"},
    "adminToken": {"secretName": "admin"},
}


@dataclass
class Pod:
    """A container of the chart, without a container around it."""

    rendered: Rendered
    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def in_folder(self, text: str) -> str:
        """Put the folder of the test before the absolute paths of files."""
        return MOUNTED.sub(rf"{self.folder}\g<0>", text)

    def probe(self, name: str) -> int | None:
        """The status that a probe gets, or None without a response."""
        action = self.rendered.container()[name]["httpGet"]
        url = f"{action.get('scheme', 'HTTP').lower()}://127.0.0.1:{self.port}{action['path']}"
        try:
            # As the kubelet, which does not verify the certificates of pods.
            return requests.get(url, timeout=20, verify=self.certificate()).status_code
        except requests.ConnectionError:
            return None

    def certificate(self) -> str | bool:
        path = self.folder / "tls" / "ca.crt"
        return str(path) if path.exists() else True

    def before_stop(self) -> None:
        """Run the preStop action."""
        _, *arguments = self.rendered.container()["lifecycle"]["preStop"]["exec"]["command"]
        subprocess.run([sys.executable, *arguments], check=True, env=self.environment(), timeout=60)

    def environment(self) -> dict[str, str]:
        """What the container has: no home, state in /tmp alone, and the Secret's token."""
        given = {one["name"] for one in self.rendered.container().get("env", ())}
        own = {"GRPS_HOME": str(self.folder / "tmp")}
        if "GRPS_ADMIN_TOKEN" in given:
            own["GRPS_ADMIN_TOKEN"] = TOKEN
        return {**{k: v for k, v in os.environ.items() if k != "HOME"}, **own}


@contextmanager
def started(folder: Path, values: dict[str, Any]) -> Iterator[Pod]:
    """Start the container of the chart; its files are read-only, as mounted ones are."""
    port = two_free_ports()[0]
    (rendered,) = render({**values, "containerPort": port})
    pod = Pod(rendered, folder, port, None)  # type: ignore[arg-type]
    _write_files(pod)
    # The image's entry point is grpst, in the foreground.
    arguments = [pod.in_folder(one) for one in rendered.container()["args"]]
    command = [str(GRPST), *arguments, "--foreground"]
    with (folder / "stderr.log").open("wb") as log:
        pod.process = subprocess.Popen(command, stderr=log, env=pod.environment())
    try:
        yield pod
    finally:
        pod.process.kill()
        pod.process.wait()


def _write_files(pod: Pod) -> None:
    conf = Path(pod.in_folder("/project/conf"))
    conf.mkdir(parents=True)
    for name, text in pod.rendered.one("ConfigMap")["data"].items():
        (conf / name).write_text(pod.in_folder(text))
    if "tls" in {mount["name"] for mount in pod.rendered.container()["volumeMounts"]}:
        authority = Authority.make(pod.folder / "authority", "ca")
        pair = authority.sign("web", "/CN=web", "DNS:localhost,IP:127.0.0.1")
        (pod.folder / "tls").mkdir()
        names = {"tls.crt": pair.cert, "tls.key": pair.key, "ca.crt": authority.pair.cert}
        for name, source in names.items():
            (pod.folder / "tls" / name).write_bytes(source.read_bytes())
        (pod.folder / "auth").mkdir()
        (pod.folder / "auth" / "keys.yml").write_text(KEYS)
    for path in (conf, conf.parent):
        path.chmod(0o555)


@pytest.mark.parametrize("values", [PLAIN, GUARDED], ids=["plain", "guarded"])
def test_pod_starts_is_probed_and_drains(tmp_path: Path, values: dict[str, Any]) -> None:
    with started(tmp_path, values) as pod:
        wait_until(lambda: pod.probe("startupProbe") == 200, "ready")
        assert pod.probe("livenessProbe") == pod.probe("readinessProbe") == 200
        pod.before_stop()
        # It gets no requests of load balancers, but is alive and serves those that come.
        assert pod.probe("readinessProbe") == 503
        assert pod.probe("livenessProbe") == 200
        pod.process.send_signal(signal.SIGTERM)
        assert pod.process.wait(STOP_TIMEOUT_S) == 0
