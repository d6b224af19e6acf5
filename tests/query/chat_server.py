"""A server that speaks OpenAI's chat protocol, well or badly, on a port of its own.

Run as a program; it prints its port. The address says what happens to each request in turn:
``http://127.0.0.1:PORT/STEP,STEP,.../SESSION/v1``, the last step repeating. What a session was
asked can be read at ``http://127.0.0.1:PORT/log/SESSION``.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import sys
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

GOOD = {
    "attribute": "the tall man in red",
    "action": "The man sat down on the bench.",
    "noun": "man",
}
"""An answer to "The tall man in red sits down on the bench." that no rule gives."""

ANSWERS = {
    "good": json.dumps(GOOD),
    "fenced": f"Of course!\n```json\n{json.dumps(GOOD, indent=1)}\n```\n",
    "thinking": '<think>{"attribute": "the bench"}</think>\n' + json.dumps(GOOD),
    "malformed": json.dumps(GOOD)[:-9],
    "nested": '{"a":' * 3000,
    "missing": json.dumps({key: GOOD[key] for key in ("attribute", "action")}),
    "types": json.dumps(GOOD | {"noun": ["man"]}),
    "foreign": json.dumps(GOOD | {"attribute": "the tall man with a beard"}),
    "blank": json.dumps(GOOD | {"action": " ... "}),
    "adjective": json.dumps(GOOD | {"noun": "tall"}),
    "other": json.dumps(GOOD | {"noun": "bench"}),
    "repeating": json.dumps(GOOD | {"action": "the man sits " * 20}),
    "silent": "",
}
log: dict[str, list[dict[str, Any]]] = {}


class Handler(BaseHTTPRequestHandler):
    """Acts out the steps of an address."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, log.get(self.path.rpartition("/")[2], []))

    def do_POST(self) -> None:
        _, steps, session, *_ = self.path.split("/")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = log.setdefault(session, [])
        script = steps.split(",")
        step = script[min(len(asked), len(script) - 1)]
        self.key = self.headers["Authorization"].removeprefix("Bearer ")
        asked.append({"time": time.time(), "key": self.key, "path": self.path, "body": body})
        if step in ANSWERS:
            self._answer(ANSWERS[step])
        else:
            getattr(self, f"_{step}")(body)

    def _plain(self, body: dict[str, Any]) -> None:
        """Knows neither JSON schemas nor any other setting."""
        if set(body) - {"model", "messages"}:
            return self._error(400)
        return self._answer(ANSWERS["good"])

    def _echo(self, body: dict[str, Any]) -> None:
        """Refuses the key and repeats it wherever text can stand."""
        raw = json.dumps({"error": {"message": f"bad key {self.key}", "code": self.key}}).encode()
        self.send_response(401, f"Unauthorized {self.key}")
        self.send_header("X-Request-Id", self.key)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _parrot(self, body: dict[str, Any]) -> None:
        """Puts the key into the answer."""
        self._answer(json.dumps(GOOD | {"attribute": f"the man {self.key}"}))

    def _watch(self, body: dict[str, Any]) -> None:
        """Looks at the frames it was sent, and says between which of them anything moves."""
        parts = body["messages"][0]["content"]
        labels = [part["text"] for part in parts[:-1] if part["type"] == "text"]
        times = [float(re.fullmatch(r"<([\d.]+) seconds>", label)[1]) for label in labels]
        frames = [_picture(part["image_url"]["url"]) for part in parts if part["type"] != "text"]
        moved = [
            np.abs(after - before).max() > 60.0 for before, after in itertools.pairwise(frames)
        ]
        first, last = moved.index(True), len(moved) - moved[::-1].index(True)
        self._answer(f"It happens from {times[first]} to {times[last]} seconds.")

    def _chatty(self, body: dict[str, Any]) -> None:
        self._answer("I would love to help with that! What a nice video.")

    def _drawn(self, body: dict[str, Any]) -> None:
        """Another answer to each of several requests."""
        asked = len(log[self.path.split("/")[2]])
        self._answer(["from 0.0 to 1.0 seconds", "no idea", "from 0.5 to 1.5 s"][asked - 1])

    def _status403(self, body: dict[str, Any]) -> None:
        self._error(403)

    def _status500(self, body: dict[str, Any]) -> None:
        self._error(500)

    def _busy(self, body: dict[str, Any]) -> None:
        self._error(429, {"Retry-After": "0.9"})

    def _busydate(self, body: dict[str, Any]) -> None:
        self._error(429, {"Retry-After": formatdate(time.time() + 2, usegmt=True)})

    def _busy4(self, body: dict[str, Any]) -> None:
        self._error(429, {"Retry-After": "4"})

    def _busylong(self, body: dict[str, Any]) -> None:
        self._error(429, {"Retry-After": "999"})

    def _redirect(self, body: dict[str, Any]) -> None:
        self._error(307, {"Location": "/good/redirected/v1/chat/completions"})

    def _html(self, body: dict[str, Any]) -> None:
        self._write(200, b"<html>It works!</html>", "text/html")

    def _shapeless(self, body: dict[str, Any]) -> None:
        self._send(200, {"choices": []})

    def _slow(self, body: dict[str, Any]) -> None:
        time.sleep(20)

    def _drip(self, body: dict[str, Any]) -> None:
        """A header that never ends, byte by byte, so that no single read takes long."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        self._forever(b"a", 0.1)

    def _dripbody(self, body: dict[str, Any]) -> None:
        self._endless_head()
        self._forever(b" ", 0.1)

    def _endless(self, body: dict[str, Any]) -> None:
        self._endless_head()
        self._forever(b" " * 65536, 0.0)

    def _endless_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")

    def _truncated(self, body: dict[str, Any]) -> None:
        raw = b'{"choices": [{"message": {"content": "'
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + raw)
        self.close_connection = True

    def _closed(self, body: dict[str, Any]) -> None:
        self.close_connection = True

    def _forever(self, piece: bytes, pause_s: float) -> None:
        end = time.monotonic() + 20
        try:
            while time.monotonic() < end:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(pause_s)
        except OSError:
            pass  # The client has hung up, as it should.
        self.close_connection = True

    def _answer(self, content: str) -> None:
        message = {"role": "assistant", "content": content}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        self._send(200, {"id": "1", "object": "chat.completion", "choices": choices})

    def _error(self, status: int, headers: dict[str, str] | None = None) -> None:
        self._send(status, {"error": {"message": f"no, {self.key}"}}, headers)

    def _send(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        self._write(status, json.dumps(value).encode(), "application/json", headers)

    def _write(
        self, status: int, raw: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(raw)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _picture(url: str) -> np.ndarray:
    """The pixels of a data URI, float64 ``(H, W, 3)``."""
    raw = base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(raw)), dtype=np.float64)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    sys.exit(server.serve_forever())
