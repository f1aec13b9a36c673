"""Ask for names in Latin letters, all at once."""

import importlib.util
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from grps.client import Client

LAST = 2


def vocabulary() -> list[str]:
    """Return the letters by their numbers."""
    found = importlib.util.find_spec("arabic_name_romanizer")
    if found is None or found.origin is None:
        raise FileNotFoundError("run: pip install --no-deps arabic-name-romanizer==0.2.0")
    file = Path(found.origin).parent / "resources" / "vocab.json"
    tokens: list[str] = json.loads(file.read_text(encoding="utf-8"))["tokens"]
    return tokens


def ask(client: Client, letters: list[str], name: str) -> str:
    """Return a name in both scripts."""
    result = client.predict({"name": np.array([name], dtype=object)})
    latin = [letters[number] for number in result.tensors["letter"].tolist() if number != LAST]
    return f"{name}: {''.join(latin)}"


if __name__ == "__main__":
    letters = vocabulary()
    with Client(sys.argv[1]) as client, ThreadPoolExecutor(8) as threads:
        for line in threads.map(lambda name: ask(client, letters, name), sys.argv[2:]):
            print(line)
