"""Raw limit: nginx answers a static body (NGINX_WORKERS, default 2); W1, W2."""

import os
import shutil

from benchmarks.peers import paths
from benchmarks.peers import workloads as w
from benchmarks.peers.api import Endpoint, Launch, Skip

VENV, PORT = None, 9010
PACKAGES: list[str] = []

CONFIG = """
daemon off;
worker_processes {workers};
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 16m;
  client_body_buffer_size 4m;
  client_body_temp_path {folder}/body;
  keepalive_requests 1000000000;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 '{{"x":"hello world"}}'; }}
    location /mean {{ return 200 '{{"y":[{means}]}}'; }}
  }}
}}
"""


def launch(workload: str) -> Launch | None:
    """Write the configuration and return the command."""
    if workload not in ("W1", "W2"):
        return None
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not program:
        raise Skip("nginx is not installed")
    folder = paths.TMP / "nginx"
    folder.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(
        workers=os.environ.get("NGINX_WORKERS", "2"),
        folder=folder,
        user="user root;" if os.getuid() == 0 else "",
        port=PORT,
        means=",".join(f"{v:.6f}" for v in w.MEANS),
    )
    config = folder / "nginx.conf"
    config.write_text(text)
    return Launch([program, "-p", str(folder), "-c", str(config)])


def endpoints(workload: str) -> list[Endpoint]:
    """One static location per workload."""
    if workload == "W1":
        return [w.http("static", PORT, "/", w.json_body("W1"), "W1")]
    return [w.http("static", PORT, "/mean", w.raw_body("W2"), "W2")]
