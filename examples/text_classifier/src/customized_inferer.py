"""A naive Bayes classifier, trained at load on the texts in data/."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

from grps import GrpsContext, ModelInferer, clogger, inferer_register


class NaiveBayes(ModelInferer):
    """Tells the label of a list of words."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Remember where the texts are."""
        super().init(path, device, args)

    def load(self) -> bool:
        """Count the words of each label."""
        self.words: dict[str, Counter[str]] = {}
        for line in Path(self._path or "").read_text(encoding="utf-8").splitlines():
            label, text = line.split("\t")
            self.words.setdefault(label, Counter()).update(text.split())
        self.vocabulary = len(set().union(*self.words.values()))
        clogger.info("trained on %d words", self.vocabulary)
        return True

    def infer(self, inp: list[str], context: GrpsContext) -> dict[str, float]:
        """Return the probability of each label, with add-one smoothing."""
        scores = {label: self._score(counts, inp) for label, counts in self.words.items()}
        best = max(scores.values())
        weights = {label: math.exp(score - best) for label, score in scores.items()}
        total = sum(weights.values())
        return {label: weight / total for label, weight in weights.items()}

    def _score(self, counts: Counter[str], words: list[str]) -> float:
        total = counts.total() + self.vocabulary
        return sum(math.log((counts[word] + 1) / total) for word in words)


inferer_register.register("naive_bayes", NaiveBayes())
