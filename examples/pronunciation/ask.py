"""Ask for the pronunciation of words, all at once."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from grps.client import Client

NAMES = """
<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D
DH EH0 EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0
OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH
"""
SOUNDS = NAMES.split()
LAST = SOUNDS.index("</s>")


def ask(client: Client, word: str) -> str:
    """Return a word and its sounds."""
    result = client.predict({"word": np.array([word], dtype=object)})
    sounds = [SOUNDS[number] for number in result.tensors["sound"].tolist() if number != LAST]
    return f"{word}: {' '.join(sounds)}"


if __name__ == "__main__":
    with Client(sys.argv[1]) as client, ThreadPoolExecutor(8) as threads:
        for line in threads.map(lambda word: ask(client, word), sys.argv[2:]):
            print(line)
