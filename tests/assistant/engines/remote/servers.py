"""Servers for tests: `transformers serve` with real weights, and a small one for faults that no real server shows on demand."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

STARTING_SECONDS = 180.0
"""Most that a server may take to be there; it takes 8 s on two quiet cores."""


@contextmanager
def transformers_serve(folder: Path, log: Path) -> Iterator[str]:
    """The base address of a `transformers serve` on loopback; the model's name there is its folder."""
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        pytest.skip("transformers serve lacks a package (pip install 'transformers[serving]')")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve", str(folder)]
    options = ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*command, *options], stdout=written, stderr=written, env=os.environ | {"HF_HUB_OFFLINE": "1"}
        )
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            assert process.poll() is None, log.read_text("utf-8", errors="replace")
            assert time.monotonic() < ends, log.read_text("utf-8", errors="replace")
            time.sleep(0.1)


@dataclass
class Request:
    """What a stub was sent."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: Any


Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Stub:
    """A server that does what `behaviour` says, and notes what it was asked."""

    behaviour: Behaviour
    requests: list[Request] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """The client has let go while it was being answered."""
    address: str = ""


@contextmanager
def stub(behaviour: Behaviour, certificate: Path | None = None) -> Iterator[Stub]:
    """A stub on loopback, with https where there is a `certificate` (PEM, with its key)."""
    server = Stub(behaviour)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Silent."""

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(self.rfile.read(int(headers["content-length"])))
            self.asked = Request(self.path, headers, body)
            server.requests.append(self.asked)
            try:
                server.behaviour(self)
            except OSError:
                server.gone.set()
            self.close_connection = True

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that trusts no certificate, or goes."""

    http = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.address = f"http{'s' if certificate else ''}://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def status(code: int, **headers: str) -> Behaviour:
    """Refuses with this status, as the servers do: a JSON object that quotes what it was asked."""

    def refuse(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"error": {"message": "SECRET question", "code": code}}).encode()
        handler.send_response(code)
        for name, value in ({"content-type": "application/json", "content-length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return refuse


def begin(handler: BaseHTTPRequestHandler, kind: str = "text/event-stream") -> None:
    """The head of an answer that comes in pieces."""
    handler.send_response(200)
    handler.send_header("content-type", kind)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.flush()


def send(handler: BaseHTTPRequestHandler, text: str) -> None:
    """One piece of it; "" ends it."""
    data = text.encode()
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
    handler.wfile.flush()


def piece(text: str | None, finish: str | None = None) -> str:
    """An event of a streamed answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'id': '1', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"


def says(*texts: str, finish: str | None = "stop", end: bool = True) -> Behaviour:
    """Streams these pieces; without `end` the connection breaks after them."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        begin(handler)
        for text in texts:
            send(handler, piece(text))
        if end:
            if finish:
                send(handler, piece(None, finish))
                send(handler, "data: [DONE]\n\n")
            send(handler, "")

    return answer
