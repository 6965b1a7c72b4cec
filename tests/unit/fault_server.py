"""A real HTTP server with `/v1/completions` that answers, fails, stalls or breaks off as its script says."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Act:
    """What the server does with one request: a status with a body and headers, after a while, whole or broken off."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    stall_s: float = 0.0
    breaks_off: bool = False


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


class FaultServer:
    """A server on localhost, and what it was asked.

    Attributes:
        url: its address, `/v1` included.
        asked: the bodies of all requests, in the order of their arrival.
        keys: the Authorization headers.
        at: when each request came, seconds of the monotonic clock.
        most_at_once: requests that it had at the same time at most.
    """

    def __init__(self, script: Callable[[Body, int], Act]) -> None:
        self.asked: list[Body] = []
        self.keys: list[str] = []
        self.at: list[float] = []
        self.most_at_once = 0
        self._script = script
        self._tries: Counter[str] = Counter()
        self._at_once = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = _server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def act(self, body: Body, authorization: str) -> Act:
        with self._lock:
            self.asked.append(body)
            self.keys.append(authorization)
            self.at.append(time.monotonic())
            self._tries[body["prompt"]] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            act = self._script(body, self._tries[body["prompt"]])
        self._ended.wait(act.stall_s)
        return act

    def done(self) -> None:
        with self._lock:
            self._at_once -= 1

    def tries(self) -> Counter[str]:
        """How often each prompt was asked."""
        return Counter(body["prompt"] for body in self.asked)

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _server(owner: FaultServer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if not content:  # given up before it was sent
                return
            body = json.loads(content)
            act = owner.act(body, self.headers.get("Authorization", ""))
            try:
                self._reply(act, completion(body["prompt"]) if act.body is None else act.body)
            except OSError:
                pass
            finally:
                owner.done()

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

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 256

    return Server(("127.0.0.1", 0), Handler)


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
