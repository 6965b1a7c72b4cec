"""A real HTTP server with `/v1/completions` that answers, fails, stalls or breaks off as its script says."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Act:
    """What the server does with one request: a status with a body and headers, after a while, whole or broken off.

    A request that wants a stream gets `events`, or those of the usual answer; if there is a body, it gets that.
    """

    status: int = 200
    body: bytes | None = None
    events: Iterable[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    stall_s: float = 0.0
    breaks_off: bool = False

    def is_stream(self, body: Body) -> bool:
        return bool(body.get("stream")) and self.status == 200 and self.body is None

    def content(self, prompt: str) -> bytes:
        return completion(prompt) if self.body is None else self.body

    def stream(self, prompt: str) -> Iterable[bytes]:
        said = events(prompt) if self.events is None else self.events
        return islice(said, 2) if self.breaks_off else said


OK = Act()
FAULTS = {
    "server_error": Act(status=500, body=b"{}"),
    "overloaded": Act(status=503, body=b"no capacity"),
    "rate_limited": Act(status=429, body=b"slow down"),
    "rate_limited_by_header": Act(status=429, body=b"slow down", headers={"Retry-After": "0.05"}),
    "stall": Act(stall_s=30.0),
    "cut": Act(breaks_off=True),
    "no_json": Act(body=b"<html>gateway</html>"),
    "half_json": Act(body=b'{"choices": [{"text": "x'),
    "no_choice": Act(body=b'{"choices": []}'),
    "null_text": Act(body=b'{"choices": [{"text": null, "finish_reason": "stop"}]}'),
    "unfinished": Act(body=b'{"choices": [{"text": "x", "finish_reason": null}]}'),
    "half_a_character": Act(body=b'{"choices": [{"text": "\\ud800", "finish_reason": "stop"}]}'),
}


def completion(prompt: str, text: str | None = None, usage: Body | None = None) -> bytes:
    """A body as vLLM's server writes it."""
    said = text if text is not None else f"answer to {prompt}"
    counted = usage if usage is not None else {"prompt_tokens": len(prompt), "completion_tokens": len(said)}
    choice = {"index": 0, "text": said, "finish_reason": "stop", "logprobs": None}
    return json.dumps({"object": "text_completion", "choices": [choice], "usage": counted}).encode()


def events(prompt: str, text: str | None = None) -> Iterator[bytes]:
    """A stream as vLLM's server writes it, four characters a token."""
    whole = json.loads(completion(prompt, text))
    said = whole["choices"][0]["text"]
    for start in range(0, len(said), 4):
        yield event(said[start : start + 4])
    yield event("", "stop")
    yield b"data: " + json.dumps({"choices": [], "usage": whole["usage"]}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def event(text: str, finish_reason: str | None = None) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "text": text, "finish_reason": finish_reason, "logprobs": None}
    return b"data: " + json.dumps({"object": "text_completion", "choices": [choice]}).encode() + b"\n\n"


class FaultServer:
    """A server on localhost, and what it was asked.

    Attributes:
        url: its address, `/v1` included.
        asked: the bodies of all requests, in the order of their arrival.
        keys: the Authorization headers.
        at: when each request came, seconds of the monotonic clock.
        most_at_once: requests that it had at the same time at most.
        at_once: requests that it has now.
    """

    def __init__(self, script: Callable[[Body, int], Act]) -> None:
        self.asked: list[Body] = []
        self.keys: list[str] = []
        self.at: list[float] = []
        self.most_at_once = 0
        self._script = script
        self._tries: Counter[str] = Counter()
        self.at_once = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def act(self, body: Body, authorization: str) -> Act:
        with self._lock:
            self.asked.append(body)
            self.keys.append(authorization)
            self.at.append(time.monotonic())
            self._tries[body["prompt"]] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            act = self._script(body, self._tries[body["prompt"]])
        self._ended.wait(act.stall_s)
        return act

    def done(self) -> None:
        with self._lock:
            self.at_once -= 1

    def tries(self) -> Counter[str]:
        """How often each prompt was asked."""
        return Counter(body["prompt"] for body in self.asked)

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _chunks(said: Iterable[bytes], breaks_off: bool) -> Iterator[bytes]:
    for part in said:
        yield f"{len(part):x}\r\n".encode() + part + b"\r\n"
    if not breaks_off:
        yield b"0\r\n\r\n"


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if not content:  # given up before it was sent
            return
        body = json.loads(content)
        act = self.server.owner.act(body, self.headers.get("Authorization", ""))
        try:
            if act.is_stream(body):
                self._stream(act.stream(body["prompt"]), act.breaks_off)
            else:
                self._reply(act, act.content(body["prompt"]))
        except OSError:
            pass
        finally:
            self.server.owner.done()

    def _reply(self, act: Act, content: bytes) -> None:
        if act.breaks_off:
            self.close_connection = True
        self.send_response(act.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in act.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if act.breaks_off else content)

    def _stream(self, said: Iterable[bytes], breaks_off: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = breaks_off
        for chunk in _chunks(said, breaks_off):
            self.wfile.write(chunk)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, owner: FaultServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner


@contextmanager
def fault_server(script: Callable[[Body, int], Act] = lambda body, tries: OK) -> Iterator[FaultServer]:
    """Serve while the block runs.

    Args:
        script: what to do with a request, given its body and the number of this try (from 1).
    """
    server = FaultServer(script)
    try:
        yield server
    finally:
        server.close()
