"""An HTTP proxy on loopback that fails on purpose, between a storage client and a server that does not."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Fault(StrEnum):
    """What can befall a request."""

    REQUEST_LOST = "the connection drops before the server has the request"
    ANSWER_LOST = "the connection drops when the server has done what was asked"
    ERROR_500 = "500, and the server has done what was asked"
    ERROR_503 = "503, and the server has not seen the request"
    DELAYED = "the answer comes late"
    CUT_SHORT = "the answer ends within its body"


WAYS: Mapping[str, tuple[Fault, ...]] = {
    "drops": (Fault.REQUEST_LOST, Fault.ANSWER_LOST),
    "errors": (Fault.ERROR_500, Fault.ERROR_503),
    "delays": (Fault.DELAYED,),
    "cuts": (Fault.CUT_SHORT,),
}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}


class Schedule:
    """Which requests fail, and how: a fixed share of them in each way, at random places.

    Every so many requests, one is hit: with few requests, too, each fault happens.

    Args:
        ways: keys of `WAYS`.
        every: one in so many requests fails in each way.
        seed: of the places.
    """

    def __init__(self, ways: Sequence[str], every: int, seed: int) -> None:
        self.happened: Counter[Fault] = Counter()
        self.requests: Counter[str] = Counter()
        self._every = every
        self._seen: Counter[str] = Counter()
        self._random = {way: random.Random(f"{seed} {way}") for way in ways}
        self._hit = {way: self._random[way].randrange(every) for way in ways}
        self._turn: Counter[str] = Counter()
        self._lock = threading.Lock()

    def draw(self, way: str) -> Fault | None:
        """What befalls the next request that can fail in this way; mostly nothing."""
        if way not in self._hit:
            return None
        with self._lock:
            place = self._seen[way] % self._every
            self._seen[way] += 1
            hit = place == self._hit[way]
            if place == self._every - 1:
                self._hit[way] = self._random[way].randrange(self._every)
            if not hit:
                return None
            fault = WAYS[way][self._turn[way] % len(WAYS[way])]
            self._turn[way] += 1
            self.happened[fault] += 1
            return fault

    def saw(self, method: str) -> None:
        """Count a request."""
        with self._lock:
            self.requests[method] += 1


@dataclass(frozen=True)
class FaultyProxy:
    """A running proxy.

    Attributes:
        endpoint: its URL.
        schedule: what it does, and what it has done.
    """

    endpoint: str
    schedule: Schedule


@contextmanager
def faulty_proxy(
    upstream: str, ways: Sequence[str] = tuple(WAYS), *, every: int = 20, seed: int = 0, delay: float = 0.2
) -> Iterator[FaultyProxy]:
    """A proxy before the server at ``upstream``, an ``http://host:port``.

    Args:
        upstream: the server that answers.
        ways: keys of `WAYS`: how requests fail.
        every: one in so many requests fails in each way: 20 are 5 %.
        seed: of the places at which they fail.
        delay: seconds that an answer is late.
    """
    schedule = Schedule(ways, every, seed)
    handler = type("Handler", (_Handler,), {"schedule": schedule, "upstream": urlsplit(upstream), "delay": delay})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield FaultyProxy(f"http://127.0.0.1:{server.server_address[1]}", schedule)
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    schedule: Schedule
    upstream: object
    delay: float

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.schedule.saw(self.command)
        fault = self.schedule.draw("drops") or self.schedule.draw("errors") or self.schedule.draw("delays")
        if fault is Fault.REQUEST_LOST:
            return self._drop()
        if fault is Fault.ERROR_503:
            return self._answer(503, {"Content-Length": "0"}, b"")
        answer, data = self._forward(body)
        if fault is Fault.ANSWER_LOST:
            return self._drop()
        if fault is Fault.ERROR_500:
            return self._answer(500, {"Content-Length": "0"}, b"")
        if fault is Fault.DELAYED:
            time.sleep(self.delay)
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        if self.command != "HEAD":
            headers["Content-Length"] = str(len(data))
        if fault is None and len(data) > 1 and answer.status < 300 and self.schedule.draw("cuts"):
            self._answer(answer.status, headers, data[: len(data) // 2])
            return self._drop()
        return self._answer(answer.status, headers, data)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _handle  # noqa: N815 (the names that the base class looks for)

    def _forward(self, body: bytes) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _drop(self) -> None:
        """End the connection with a reset, as a machine that goes away does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the base class)
        """Write no log: nobody reads it."""
