"""``mlflow:models:/NAME/VERSION`` and ``mlflow:runs:/RUN/PATH``: artifacts of a tracking server."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from grps.errors import SourceError
from grps.sources.network.hosts import HostPolicy
from grps.sources.network.web import Web, basic, shown_url
from grps.sources.network.web_files import WebFile
from grps.sources.remote import MAX_FILES, RemoteFile, RemoteModel, checked_files, checked_path
from grps.sources.schemes import objects
from grps.sources.uri import SourceUri, last_name

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
_MODEL = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[0-9]+)|@(?P<alias>[^/@]+))")
_LOGGED = re.compile(r"models:/(?P<id>m-[0-9a-f]+)")
_RUN = re.compile(r"runs:/(?P<run>[0-9a-zA-Z_-]+)(?:/(?P<path>.+))?")
_MOST_DEPTH = 16


def find(uri: SourceUri, web: Web, policy: HostPolicy) -> RemoteModel:
    """Look up what is at a URI."""
    server = (os.environ.get(TRACKING_VARIABLE) or "").rstrip("/")
    if urlsplit(server).scheme not in ("https", "http"):
        raise SourceError(
            f"{uri}: set {TRACKING_VARIABLE} to the URL of the tracking server, such as "
            "https://mlflow.example.com"
        )
    web.allow_plain(server)
    api = _Api(uri, web, server)
    place, name = api.place()
    scheme = urlsplit(place).scheme
    if scheme in ("s3", "gs"):
        return objects.find(SourceUri.parse(place), web, policy)
    if scheme != "mlflow-artifacts":
        raise SourceError(
            f"{uri}: its artifacts are at {shown_url(place)!r}, which is not fetched; "
            "start the tracking server with --serve-artifacts, or keep them in s3:// or gs://"
        )
    return api.artifacts(urlsplit(place).path.strip("/"), name)


class _Api:
    """The REST API of a tracking server."""

    def __init__(self, uri: SourceUri, web: Web, server: str) -> None:
        self._uri, self._web, self._server = uri, web, server

    def place(self) -> tuple[str, str]:
        """Return the URI of the artifacts, and the name of the model's folder."""
        text = self._uri.rest
        if found := _LOGGED.fullmatch(text):
            return self._of_logged(found["id"]), found["id"]
        if found := _MODEL.fullmatch(text):
            version = found["version"] or self._version_of(found["name"], found["alias"])
            answer = self._get(
                "model-versions/get-download-uri", name=found["name"], version=version
            )
            place = self._text(answer, "artifact_uri")
            if logged := _LOGGED.fullmatch(place):
                place = self._of_logged(logged["id"])
            return place, last_name(found["name"], "model")
        if found := _RUN.fullmatch(text):
            run = self._get("runs/get", run_id=found["run"])
            place = self._text(run, "run", "info", "artifact_uri").rstrip("/")
            path = (found["path"] or "").strip("/")
            name = last_name(path or found["run"], "model")
            return (f"{place}/{checked_path(path, str(self._uri))}" if path else place), name
        raise SourceError(
            f"{self._uri}: write mlflow:models:/NAME/VERSION, mlflow:models:/NAME@ALIAS or "
            "mlflow:runs:/RUN/PATH"
        )

    def artifacts(self, root: str, name: str) -> RemoteModel:
        """Return the files that the tracking server passes on."""
        files: list[RemoteFile] = []
        is_file = self._is_file(root)
        if is_file:
            entry = {"path": root.rpartition("/")[2], **is_file}
            file = self._file(root, last_name(root, name), entry)
            return RemoteModel(file.path, (file,), is_folder=False)
        self._walk(root, "", files, 0)
        return RemoteModel(name, checked_files(files, str(self._uri)), is_folder=True)

    def _is_file(self, root: str) -> dict[str, Any] | None:
        """Return what is known of ``root`` if it is a file."""
        folder, _, last = root.rpartition("/")
        for entry in self._listed(folder):
            if entry.get("path") == last and not entry.get("is_dir"):
                return {"file_size": entry.get("file_size")}
        return None

    def _walk(self, root: str, inside: str, files: list[RemoteFile], depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise SourceError(f"{self._uri}: has folders in more than {_MOST_DEPTH} levels")
        folder = f"{root}/{inside}".rstrip("/")
        for entry in self._listed(folder):
            name = checked_path(str(entry.get("path", "")).rpartition("/")[2], str(self._uri))
            path = f"{inside}/{name}" if inside else name
            if entry.get("is_dir"):
                self._walk(root, path, files, depth + 1)
            else:
                files.append(self._file(f"{root}/{path}", path, entry))
            if len(files) > MAX_FILES:
                raise SourceError(f"{self._uri}: has more than {MAX_FILES} files")

    def _listed(self, folder: str) -> list[dict[str, Any]]:
        query = f"?{urlencode({'path': folder})}" if folder else ""
        answer = self._web.json(
            f"{self._server}/api/2.0/mlflow-artifacts/artifacts{query}", self._headers()
        )
        found = answer.get("files") if isinstance(answer, dict) else None
        return [entry for entry in found or () if isinstance(entry, dict)]

    def _file(self, at: str, path: str, entry: dict[str, Any]) -> RemoteFile:
        size = entry.get("file_size")
        size = int(size) if isinstance(size, (int, str)) and str(size).isdigit() else None
        url = f"{self._server}/api/2.0/mlflow-artifacts/artifacts/{quote(at)}"
        # Artifacts of a run or a version are written once; the server has no marks of content.
        file = WebFile(web=self._web, url=url, headers=self._headers, never_changes=True)
        return RemoteFile(path=path, size=size, marker=f"{at}:{size}", open=file.open)

    def _version_of(self, name: str, alias: str) -> str:
        answer = self._get("registered-models/alias", name=name, alias=alias)
        return self._text(answer, "model_version", "version")

    def _of_logged(self, model_id: str) -> str:
        return self._text(self._get(f"logged-models/{model_id}"), "model", "info", "artifact_uri")

    def _get(self, what: str, **query: str) -> Any:
        mark = "?" if query else ""
        url = f"{self._server}/api/2.0/mlflow/{what}{mark}{urlencode(query)}"
        return self._web.json(url, self._headers())

    def _text(self, answer: Any, *keys: str) -> str:
        for key in keys:
            answer = answer.get(key) if isinstance(answer, dict) else None
        if not isinstance(answer, str) or not answer:
            raise SourceError(f"{self._uri}: the tracking server's answer has no {'.'.join(keys)}")
        return answer

    def _headers(self) -> dict[str, str]:
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        user = os.environ.get("MLFLOW_TRACKING_USERNAME")
        if token:
            return {"Authorization": f"Bearer {token}"}
        if user:
            return {"Authorization": basic(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))}
        return {}
