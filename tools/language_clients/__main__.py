"""Call a running service by LangChain and LiteLLM: ``python -m tools.language_clients URL MODEL``.

It installs both into a virtual environment of its own, since they are large. ``--key KEY`` sends
a key. Serve a model first, such as SmolLM2: ``grpst llm_serve MODEL.gguf``. Calls of tools are
checked if the chat template of the model has them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.programs.own_environment import python_with

PACKAGES = ("langchain-openai==1.7.4", "langchain-anthropic==1.7.10", "litellm==1.110.2")
CHECKS = Path(__file__).with_name("checks.py")


def main() -> int:
    """Check a service; the exit code is 0 if all checks passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="such as http://127.0.0.1:7080")
    parser.add_argument("model", help="the name of the model")
    parser.add_argument("--key", default="none", help="API key of the service (default: none)")
    arguments = parser.parse_args()
    command = [
        str(python_with(".language_clients", PACKAGES)),
        str(CHECKS),
        arguments.url.rstrip("/"),
        arguments.model,
    ]
    # LiteLLM would fetch the prices of models.
    environment = {"API_KEY": arguments.key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return subprocess.run(command, check=False, env={**os.environ, **environment}).returncode


if __name__ == "__main__":
    sys.exit(main())
