"""A proxy between a client and an S3 server that does to one request what a network may do.

    with FaultProxy("127.0.0.1", 9000) as proxy:
        line = proxy.line()           # a port of its own, where requests are counted
        ...                           # prepare
        line.arm(3, "drop_answer")    # the third request from now on is done, and not answered
        ...                           # act
        line.disarm()                 # and what was held back is let go
        line.settled()                # waits until all of it arrived

Nothing here waits for time: a request that is delayed is held until its client has gone, one that is
late until it is let go.
"""

import asyncio
import threading

FAULTS = {
    "drop_request": "not done, and the connection ends",
    "drop_answer": "done, and the connection ends",
    "duplicate": "done twice; the answer is that to the second",
    "delay": "done when the client has given up",
    "late": "done when the test lets it, the client being long gone",
    "truncate": "done, and half of the answer comes",
    "answer_500": "not done, and answered with 500",
    "answer_503": "not done, and answered with 503",
    "kill_before": "not done, and the client's process ends",
    "kill_after": "done, and the client's process ends before it sees the answer",
}

ERRORS = {"answer_500": ("500 Internal Server Error", "InternalError"),
          "answer_503": ("503 Service Unavailable", "SlowDown")}


def error_answer(fault):
    status, code = ERRORS[fault]
    body = f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>-</Message></Error>".encode()
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def field(head, name):
    for line in head.split(b"\r\n")[1:]:
        if line.lower().startswith(name + b":"):
            return line.split(b":", 1)[1].strip()
    return None


async def read_message(reader, has_body=True):
    """(head, body), or nothing at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        assert field(head, b"transfer-encoding") is None, head
        length = int(field(head, b"content-length") or 0) if has_body else 0
        return head, await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


class Line:
    """A port, and the requests that came to it. Everything but the methods without underscore runs
    on the loop of the proxy."""

    def __init__(self, proxy):
        self._proxy = proxy
        self._lock = threading.Lock()
        self._number = 0
        self._armed = (0, None)
        self._writers = set()
        self._under_way = set()
        self._let_go = asyncio.Event()
        self.fired = False
        self.seen = []
        self.kill = None  # ends the client's process

    def arm(self, number, fault):
        with self._lock:
            self._number, self._armed, self.fired, self.seen = 0, (number, fault), False, []
            self._let_go = asyncio.Event()

    def disarm(self):
        """Further requests pass."""
        with self._lock:
            self._armed = (0, None)

    def let_go(self):
        self._proxy.run(self._set_let_go())

    def settled(self):
        """Nothing is under way any more, but what is late."""
        self._proxy.run(self._wait_for_all())

    def close(self):
        self._proxy.run(self._close())

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _set_let_go(self):
        self._let_go.set()

    async def _wait_for_all(self):
        while True:
            waiting = [task for task in self._under_way if not task.is_late or self._let_go.is_set()]
            if not waiting:
                return
            await asyncio.wait(waiting)

    async def _listen(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def _close(self):
        self._let_go.set()
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._wait_for_all()

    def _fault_of(self, head):
        with self._lock:
            self._number += 1
            self.seen.append(head.split(b"\r\n", 1)[0].decode())
            number, fault = self._armed
            if fault is None or self._number != number:
                return None
            self.fired = True
            return fault

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        try:
            while (request := await read_message(reader)) is not None:
                fault = self._fault_of(request[0])
                if not await self._answer(request, fault, reader, writer):
                    break
        except ConnectionError:
            pass
        except Exception as error:  # a fault of the test, which it looks for
            self._proxy.failures.append(repr(error))
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _answer(self, request, fault, reader, writer):
        """Whether the connection goes on."""
        if fault in ERRORS:
            writer.write(error_answer(fault))
            await writer.drain()
            return True
        if fault in ("delay", "late"):
            gone = asyncio.Event()
            self._hold(request, gone if fault == "delay" else self._let_go)
            while await reader.read(65536):
                pass
            gone.set()
            return False
        if fault == "kill_before":
            self.kill()
        if fault in ("drop_request", "kill_before"):
            return False
        answer = await self._proxy.server.exchange(request)
        if fault == "duplicate":
            answer = await self._proxy.server.exchange(request)
        if fault == "kill_after":
            self.kill()
        if fault in ("drop_answer", "kill_after"):
            return False
        if fault == "truncate":
            head, body = answer
            writer.write(head + body[:len(body) // 2] if body else head[:len(head) // 2])
            await writer.drain()
            return False
        writer.write(b"".join(answer))
        await writer.drain()
        return True

    def _hold(self, request, event):
        async def arrive():
            await event.wait()
            await self._proxy.server.exchange(request)

        task = asyncio.get_running_loop().create_task(arrive())
        task.is_late = event is self._let_go
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


class Server:
    """The server, and connections to it that are idle."""

    def __init__(self, address):
        self.address = address
        self._idle = []

    async def exchange(self, request):
        while True:
            is_fresh = not self._idle
            if is_fresh:
                streams = await asyncio.open_connection(*self.address, limit=1 << 20)
            else:
                streams = self._idle.pop()
            answer = await self._ask(streams, request)
            if answer is not None:
                if (field(answer[0], b"connection") or b"").lower() == b"close":
                    streams[1].close()
                else:
                    self._idle.append(streams)
                return answer
            streams[1].close()
            # One that was idle may have been closed at the other end before it saw the request.
            if is_fresh:
                raise AssertionError(f"the server did not answer: {request[0][:80]!r}")

    async def _ask(self, streams, request):
        reader, writer = streams
        try:
            writer.write(b"".join(request))
            await writer.drain()
        except ConnectionError:
            return None
        return await read_message(reader, has_body=not request[0].startswith(b"HEAD"))

    def close(self):
        for _, writer in self._idle:
            writer.close()


class FaultProxy:
    def __init__(self, host, port):
        self.server = Server((host, port))
        self.failures = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self.server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    def line(self):
        return self.run(Line(self)._listen())
