"""A scripted server that speaks OpenAI's chat completions over real HTTP on localhost, and can misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """One scripted answer: a text, tool calls, or a raw body with a status."""

    text: str | None = None
    calls: tuple[tuple[str, dict[str, Any] | str], ...] = ()
    status: int = 200
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    reasoning: str | None = None


def call(name: str, **args: Any) -> Reply:
    return Reply(calls=((name, args),))


def submit(answer: str) -> Reply:
    return call("submit", answer=answer, options=[])


RATE_LIMITED = Reply(
    status=429,
    headers={"Retry-After": "0"},
    raw=b'{"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}',
)
MALFORMED = Reply(raw=b'{"id": "x", "choices": [{"message": {"role": "assi')
SERVER_ERROR = Reply(status=500, raw=b'{"error": {"message": "boom"}}')
TOO_LONG = Reply(
    status=400,
    raw=b'{"error": {"code": 400, "message": "request (9000 tokens) exceeds the available context size (8192 tokens), '
    b'try increasing it", "type": "exceed_context_size_error"}}',
)
BAD_KEY = Reply(status=401, raw=b'{"error": {"message": "bad key sk-secret", "code": "invalid_api_key"}}')


class Script:
    """The replies in order; the last one repeats. `requests` are the bodies received."""

    def __init__(self, *replies: Reply | Callable[[dict[str, Any]], Reply]) -> None:
        self._replies = list(replies)
        self._lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []

    def next(self, body: dict[str, Any]) -> Reply:
        with self._lock:
            self.requests.append(body)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return reply(body) if callable(reply) else reply


@contextmanager
def serve(script: Script) -> Iterator[str]:
    """Run the server; yields its base address (ending in /v1)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = script.next(body)
            data = reply.raw if reply.raw is not None else _completion(body, reply, len(script.requests))
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests read `Script.requests` instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _completion(body: dict[str, Any], reply: Reply, number: int) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": f"c{number}-{index}",
                "type": "function",
                "function": {"name": name, "arguments": args if isinstance(args, str) else json.dumps(args)},
            }
            for index, (name, args) in enumerate(reply.calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.calls else "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps(
        {
            "id": f"r{number}",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }
    ).encode()
