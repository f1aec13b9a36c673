"""Follows a repository: what is whole is loaded, what has changed is reloaded, the rest unloaded.

A version is whole when two readings of all its bytes, one poll apart, have the same digest. So a
copy that goes on is never loaded. ``inference.yml`` of the service has an entry for each version
that is served, as if an operator had written it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grps.config.document import read_text
from grps.config.parts.sources import RepositoryConfig
from grps.errors import ConfigError, GrpsError, ModelError
from grps.log import logger
from grps.server.files import write_atomically
from grps.server.models.lifecycle import ServedModels
from grps.server.repository.layout import FoundVersion, Signature, read_repository

FIRST_PAUSE_S = 1.0
"""Between the two readings of a start."""
DEFAULT_GRAPH = "repository"
"""The name of the default graph, where the repository has one model."""
ENOUGH = 2
"""Equal readings after which a version is whole, or is gone."""

Wait = Callable[[float], bool]
"""Waits so many seconds; true when the service ends."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a version."""

    signature: Signature
    digest: str
    times: int
    """So often one after the other it was read like this."""


class RepositoryWatch:
    """Keeps the models of a service as its repository has them."""

    def __init__(self, config: RepositoryConfig, project: Path, inference_file: Path) -> None:
        """Read nothing yet.

        Args:
            config: Where the repository is, and how often it is read.
            project: The folder that relative paths start from.
            inference_file: The configuration that has the entries of what is served.
        """
        self._root = project / config.path
        self._poll_s = config.poll_seconds
        self._file = inference_file
        self._readings: dict[str, Reading] = {}
        self._served: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._gone: dict[str, int] = {}
        self._faults: dict[str, str] = {}

    def settle(self, wait: Wait) -> None:
        """Write the entries of what is in the repository and whole, before a start.

        Raises:
            ConfigError: The repository can't be read, or nothing in it can be served.
        """
        self._read()
        wait(FIRST_PAUSE_S)
        found = self._read()
        before = {_key(entry): entry for entry in self._own_entries()}
        entries = []
        for key, digest in self._whole(found).items():
            entry = self._entry(found[key], digest)
            if entry is None:
                continue
            kept = before.get(key, {})
            # An operator may have edited the entry.
            entries.append(kept if kept.get("inferer_path") == entry["inferer_path"] else entry)
            self._served[key] = digest
        if not entries:
            causes = "; ".join(f"{name}: {cause}" for name, cause in self._faults.items())
            raise ConfigError(
                f"the repository {self._root} has no model that can be served"
                f"{f': {causes}' if causes else '; put one at NAME/VERSION/model.onnx'}"
            )
        self._write(entries)
        self._choose_default(sorted({entry["name"] for entry in entries}))

    def follow(self, models: ServedModels, wait: Wait) -> None:
        """Read the repository every ``poll_seconds`` until the service ends."""
        while self._poll_s and not wait(self._poll_s):
            try:
                self.step(models)
            except (GrpsError, OSError) as error:
                self._note("", str(error))
            except Exception as error:
                # One model that surprises must not end this for all others.
                logger.exception("repository %s: can't be followed", self._root)
                self._note("", f"{type(error).__name__}: {error}")

    def step(self, models: ServedModels) -> None:
        """Read the repository once, and load, reload and unload what has changed."""
        found = self._read()
        for key, digest in self._whole(found).items():
            if self._served.get(key) != digest:
                self._put(models, found[key], digest)
        for key in [*self._served]:
            self._gone[key] = 0 if key in found else self._gone.get(key, 0) + 1
            name = key.rpartition("-")[0]
            others = (one for one in found.values() if one.name == name)
            awaited = any(one.key not in self._served for one in others)
            if self._gone[key] >= ENOUGH and not awaited:
                self._remove(models, key)

    def _read(self) -> dict[str, FoundVersion]:
        """Read what is in the repository; keep what was read."""
        repository = read_repository(self._root)
        for name, fault in repository.faults.items():
            self._note(name, fault)
        self._faults = dict(repository.faults)
        readings: dict[str, Reading] = {}
        for key, found in repository.found.items():
            try:
                readings[key] = _next_reading(found, self._readings.get(key))
            except OSError as error:
                logger.debug("%s changes while it is read: %s", found.folder, error)
        self._readings = readings
        return repository.found

    def _whole(self, found: dict[str, FoundVersion]) -> dict[str, str]:
        """Return the digests of what is whole and was not refused as it is."""
        whole = {}
        for key in found:
            reading = self._readings.get(key)
            if reading is None or reading.times < ENOUGH:
                continue
            if self._refused.get(key) != reading.digest:
                whole[key] = reading.digest
        return whole

    def _entry(self, found: FoundVersion, digest: str) -> dict[str, Any] | None:
        try:
            for note in found.settings.notes:
                self._note(found.name, note)
            return found.entry()
        except ModelError as error:
            self._refused[found.key] = digest
            self._faults[found.key] = str(error)
            logger.warning("repository: %s is left out: %s", found.key, error)
            return None

    def _put(self, models: ServedModels, found: FoundVersion, digest: str) -> None:
        entry = self._entry(found, digest)
        if entry is None:
            return
        before = self._own_entries()
        others = [one for one in before if _key(one) != found.key]
        known = len(others) < len(before)
        self._write([*others, entry])
        try:
            if known and found.key in self._served:
                models.reload(found.key)
            else:
                models.load(found.key)
        except GrpsError as error:
            self._refused[found.key] = digest
            self._write(before)
            logger.warning("repository: %s can't be loaded: %s", found.key, error)
            return
        self._served[found.key] = digest
        logger.info("repository: %s is served", found.key)

    def _remove(self, models: ServedModels, key: str) -> None:
        del self._served[key]
        self._gone.pop(key, None)
        try:
            models.unload(key)
        except GrpsError as error:
            logger.warning("repository: %s can't be unloaded: %s", key, error)
        entries = [one for one in self._own_entries() if _key(one) != key]
        if entries:  # a configuration has one model at least
            self._write(entries)
        logger.info("repository: %s is gone", key)

    def _note(self, name: str, fault: str) -> None:
        """Log what is wrong, once."""
        if self._faults.get(name) != fault:
            self._faults[name] = fault
            logger.warning("repository %s: %s", f"{self._root}/{name}".rstrip("/"), fault)

    def _own_entries(self) -> list[dict[str, Any]]:
        """Return the entries of the configuration whose models are in the repository."""
        models = self._document().get("models") or []
        return [one for one in models if self._is_own(one)]

    def _is_own(self, entry: dict[str, Any]) -> bool:
        return Path(str(entry.get("inferer_path") or "")).is_relative_to(self._root)

    def _document(self) -> dict[str, Any]:
        try:
            document = yaml.safe_load(read_text(self._file)) or {}
        except yaml.YAMLError as error:
            raise ConfigError(f"{self._file} is no YAML: {error}") from error
        if not isinstance(document, dict):
            raise ConfigError(f"{self._file} has no keys")
        return document

    def _choose_default(self, names: list[str]) -> None:
        """Let requests that name no model go to the only one, in its latest version."""
        document = self._document()
        before = document.get("dag")
        if before is None or before.get("name") == DEFAULT_GRAPH:
            document.pop("dag", None)
            if len(names) == 1 and len({one["name"] for one in document["models"]}) == 1:
                node = {"name": "node-1", "type": "model", "model": names[0]}
                document["dag"] = {"type": "sequential", "name": DEFAULT_GRAPH, "nodes": [node]}
        if document.get("dag") != before:
            self._save(document)

    def _save(self, document: dict[str, Any]) -> None:
        text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
        write_atomically(self._file, text.encode())

    def _write(self, entries: list[dict[str, Any]]) -> None:
        """Put entries in place of those of the repository; the others stay."""
        document = self._document()
        before = document.get("models") or []
        others = [one for one in before if not self._is_own(one)]
        document["models"] = [*others, *sorted(entries, key=_key)]
        if document["models"] != before:
            self._save(document)


def _key(entry: dict[str, Any]) -> str:
    return f"{entry.get('name')}-{entry.get('version')}"


def _next_reading(found: FoundVersion, before: Reading | None) -> Reading:
    """Read a version again; its bytes are not read once it is whole and its files are as before.

    Raises:
        OSError: It can't be read, or changes meanwhile.
    """
    signature = found.signature()
    if before is not None and before.times >= ENOUGH and before.signature == signature:
        return before
    digest = found.digest()
    if found.signature() != signature:
        raise OSError("its files have changed")
    same = before is not None and (before.signature, before.digest) == (signature, digest)
    return Reading(signature, digest, before.times + 1 if before is not None and same else 1)
