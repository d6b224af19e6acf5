"""Models by id, from a server that answers as the hub does: what is fetched, what never is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pytest
from safetensors.torch import load_file

from broken_checkpoints import BROKEN, shard

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FIND = """
import sys
from zerotube.checkpoints.files import architecture_of
from zerotube.checkpoints.strict import find_checkpoint
from zerotube.errors import ModelError
from zerotube.mllm.registry import check_architecture
try:
    files = find_checkpoint(
        sys.argv[1],
        accept=lambda config: check_architecture(architecture_of(config)),
        wanted="a model",
        fix="look again",
    )
    print(files.folder.name, len(files.tensors))
except ModelError as error:
    print(error)
"""
"""What loading begins with; the rest of it reads the folder that this finds."""


@dataclass
class Hub:
    """One repository, ``owner/model``.

    Attributes:
        folder: its files.
        address: of the server.
        fetched: how often the content of each file was sent.
    """

    folder: Path
    address: str = ""
    fetched: Counter[str] = field(default_factory=Counter)

    def find(self, cache: Path, *, offline: bool = False) -> str:
        """What a process prints that looks for the model: the hub's address is read at import."""
        environment = {
            **{key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"},
            "HF_ENDPOINT": self.address,
            "HF_HOME": str(cache),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **({"HF_HUB_OFFLINE": "1"} if offline else {}),
        }
        done = subprocess.run(
            [sys.executable, "-c", FIND, "owner/model"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout


@pytest.fixture
def hub(toy_folder: Path, tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(shutil.copytree(toy_folder, tmp_path / "repository"))
    (hub.folder / "pytorch_model.bin").write_bytes(b"not to be fetched")
    (hub.folder / "own.py").write_text("raise SystemExit", encoding="utf-8")

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(content=False)

        def do_GET(self) -> None:
            self.answer(content=True)

        def answer(self, *, content: bool) -> None:
            path = urlparse(self.path).path
            if path.startswith("/api/models/owner/model"):
                self.send(self.listing(path), {}, content=content)
                return
            name = path.partition(f"/resolve/{COMMIT}/")[2] or path.partition("/resolve/main/")[2]
            file = hub.folder / name
            if not name or not file.is_file():
                self.send(b"", {"X-Error-Code": "EntryNotFound"}, status=404, content=False)
                return
            if content:
                hub.fetched[name] += 1
            raw = file.read_bytes()
            self.send(raw, {"ETag": f'"{sha256(raw).hexdigest()}"'}, content=content)

        def listing(self, path: str) -> bytes:
            files = [item for item in hub.folder.iterdir() if item.is_file()]
            if "/tree/" in path:
                found: object = [
                    {
                        "type": "file",
                        "path": item.name,
                        "size": item.stat().st_size,
                        "oid": "0" * 40,
                    }
                    for item in files
                ]
            else:
                siblings = [{"rfilename": item.name} for item in files]
                found = {"id": "owner/model", "sha": COMMIT, "siblings": siblings}
            return json.dumps(found).encode()

        def send(
            self, raw: bytes, headers: dict[str, str], *, content: bool, status: int = 200
        ) -> None:
            self.send_response(status)
            for key, value in {"X-Repo-Commit": COMMIT, **headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            if content:
                self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    server.server_close()


def test_an_id_is_fetched_once_and_then_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    count = len(load_file(hub.folder / "model.safetensors"))
    shard(hub.folder)
    assert hub.find(tmp_path / "cache") == f"{COMMIT} {count}\n"
    assert hub.fetched["model-00001-of-00001.safetensors"] == 1
    assert set(hub.fetched.values()) == {1}
    assert not {"pytorch_model.bin", "own.py"} & set(hub.fetched)
    before = hub.fetched.copy()
    assert hub.find(tmp_path / "cache", offline=True) == f"{COMMIT} {count}\n"
    assert hub.fetched == before


@pytest.mark.parametrize("case", ["an index of pickles", "an index of other folders"])
def test_what_an_index_must_not_name_is_never_fetched(hub: Hub, tmp_path: Path, case: str) -> None:
    BROKEN[case][0](hub.folder)
    said = hub.find(tmp_path / "cache")
    assert "which names the file" in said
    assert said.count("\n") == 1
    assert not [name for name in hub.fetched if name.endswith((".bin", ".safetensors"))]


def test_a_model_of_no_family_is_refused_before_its_weights_are_fetched(
    hub: Hub, tmp_path: Path
) -> None:
    file = hub.folder / "config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, "architectures": ["Other"]}), encoding="utf-8")
    assert "of architecture 'Other'" in hub.find(tmp_path / "cache")
    assert set(hub.fetched) == {"config.json"}
