"""A stand-in for the Hugging Face hub: what huggingface_hub asks for, kept in memory.

Served: repository info, creation of repositories and branches, the check of a card's metadata,
upload as Git LFS or within the commit, commits, and files with their metadata. Xet storage is not:
clients set HF_HUB_DISABLE_XET.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "hf_of_the_tests"
Files = dict[str, bytes]


@dataclass
class Repository:
    """Commits by hash, and branches to the hash of their last commit."""

    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def add(self, branch: str, changes: Files) -> str:
        """A commit of changed files on top of a branch."""
        files = self.commits.get(self.branches.get(branch, ""), {}) | changes
        text = "".join(name + hashlib.sha1(files[name]).hexdigest() for name in sorted(files))
        commit = hashlib.sha1(f"{len(self.commits)} {text}".encode()).hexdigest()
        self.commits[commit], self.branches[branch] = files, commit
        return commit

    def find(self, revision: str) -> str | None:
        """The commit of a branch or hash."""
        found = self.branches.get(revision, revision)
        return found if found in self.commits else None


@dataclass
class HubServer:
    """What is kept, and how badly it is served.

    Attributes:
        repositories: owner/name to content.
        objects: uploads by SHA-256.
        spoil: file name to what is sent instead of it, of the same size or not.
        silent: whether requests are never answered.
        requests: method and path of every request so far.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: Files = field(default_factory=dict)
    spoil: Files = field(default_factory=dict)
    silent: bool = False
    requests: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    """One request; the server's state is `hub`."""

    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.route("GET")

    def do_HEAD(self) -> None:
        self.route("HEAD")

    def do_POST(self) -> None:
        self.route("POST")

    def do_PUT(self) -> None:
        self.route("PUT")

    def log_message(self, *args: object) -> None:
        pass

    def route(self, method: str) -> None:
        path = unquote(self.path.split("?")[0])
        self.hub.requests.append(f"{method} {path}")
        if self.hub.silent:
            self.hub.ended.wait()
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        changes = method in ("POST", "PUT") and not path.startswith("/objects/")
        if changes and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"error": "Invalid username or password."})
            return
        for pattern, handle in ROUTES:
            if match := re.fullmatch(pattern, f"{method} {path}"):
                handle(self, **match.groupdict())
                return
        self.answer(404, {"error": "Not Found"}, {"X-Error-Code": "EntryNotFound"})

    def answer(
        self, status: int, content: Any, headers: dict[str, str] | None = None, head: bool = False
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def repository(self, name: str) -> Repository | None:
        found = self.hub.repositories.get(name)
        if found is None:
            headers = {"X-Error-Code": "RepoNotFound"}
            self.answer(404, {"error": "Repository not found"}, headers, self.command == "HEAD")
        return found

    def info(self, name: str, revision: str = "main") -> None:
        if repository := self.repository(name):
            sha = repository.find(revision)
            if sha is None:
                self.answer(404, {"error": "no"}, {"X-Error-Code": "RevisionNotFound"})
                return
            self.answer(200, {"id": name, "modelId": name, "sha": sha, "siblings": []})

    def create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        self.hub.repositories.setdefault(name, Repository()).add("main", {})
        self.answer(200, {"url": f"{self.hub.url}/{name}", "name": name, "id": name})

    def branch(self, name: str, branch: str) -> None:
        if repository := self.repository(name):
            known = branch in repository.branches
            repository.branches.setdefault(branch, repository.branches["main"])
            self.answer(409 if known else 200, {"error": "Reference already exists"})

    def validate(self) -> None:
        valid = json.loads(self.body)["content"].startswith("---\n")
        errors = [] if valid else [{"message": "no metadata"}]
        self.answer(200 if valid else 400, {"errors": errors, "warnings": []})

    def preupload(self, name: str, revision: str) -> None:
        files = [
            {
                "path": item["path"],
                "uploadMode": "lfs" if item["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": False,
            }
            for item in json.loads(self.body)["files"]
        ]
        self.answer(200, {"files": files})

    def batch(self, name: str) -> None:
        objects = [
            {**item, "actions": {"upload": {"href": f"{self.hub.url}/objects/{item['oid']}"}}}
            for item in json.loads(self.body)["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        right = hashlib.sha256(self.body).hexdigest() == oid
        self.hub.objects[oid] = self.body
        self.answer(200 if right else 400, {})

    def commit(self, name: str, revision: str) -> None:
        changes: Files = {}
        for line in self.body.decode().splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                changes[value["path"]] = self.hub.objects[value["oid"]]
        if repository := self.repository(name):
            oid = repository.add(revision, changes)
            url = f"{self.hub.url}/{name}/commit/{oid}"
            self.answer(200, {"success": True, "commitOid": oid, "commitUrl": url})

    def resolve(self, name: str, revision: str, file: str) -> None:
        repository, head = self.repository(name), self.command == "HEAD"
        if repository is None:
            return
        commit = repository.find(revision)
        if commit is None:
            self.answer(404, {"error": "no"}, {"X-Error-Code": "RevisionNotFound"}, head)
            return
        headers = {"X-Repo-Commit": commit}
        content = repository.commits[commit].get(file)
        if content is None:
            headers["X-Error-Code"] = "EntryNotFound"
            self.answer(404, {"error": "no"}, headers, head)
            return
        headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        self.answer(200, self.hub.spoil.get(file, content), headers, head)


NAME, REVISION = r"(?P<name>[^/]+/[^/]+)", r"(?P<revision>[^/]+)"
ROUTES = [
    (f"GET /api/models/{NAME}", Handler.info),
    (f"GET /api/models/{NAME}/revision/{REVISION}", Handler.info),
    ("POST /api/repos/create", Handler.create),
    (f"POST /api/models/{NAME}/branch/(?P<branch>.+)", Handler.branch),
    ("POST /api/validate-yaml", Handler.validate),
    (f"POST /api/models/{NAME}/preupload/{REVISION}", Handler.preupload),
    (rf"POST /{NAME}\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT /objects/(?P<oid>.+)", Handler.upload),
    (f"POST /api/models/{NAME}/commit/{REVISION}", Handler.commit),
    (f"(GET|HEAD) /{NAME}/resolve/{REVISION}/(?P<file>.+)", Handler.resolve),
]


@contextmanager
def running(hub: HubServer) -> Iterator[HubServer]:
    """The server on a free port of this machine."""
    handler = type("OneHub", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        hub.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield hub
        finally:
            hub.ended.set()
            http.shutdown()
            thread.join()
