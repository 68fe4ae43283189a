"""A link of a known kind for tests: a TCP proxy that delays, stalls, is cut, and counts.

Turns: what the client sends has one turn more than all it had been sent before, and an answer has the turns of what it
answers; a connection opened after something was heard costs one as well. So the turns of the bytes that a screen was
made of are the round trips it took, however long each of them was.
"""

import heapq
import itertools
import random
import selectors
import socket
import threading
import time



class Pair:
    """One connection of the client and its other half."""

    def __init__(self, client, server, turns):
        self.client, self.server, self.turns = client, server, turns
        self.answering = turns      # of what the server heard last
        self.request = b""          # the beginning of the first
        self.sent = 0               # bytes the client was sent
        self.due = {True: 0.0, False: 0.0}
        self.open = True
        self.held = b""             # of the stream, beyond what it may bring


class Proxy(threading.Thread):
    def __init__(self, port, delay=0.05, stall=0.3, stalls=0.0):
        super().__init__(daemon=True)
        self.target, self.delay, self.stall, self.stalls = port, delay, stall, stalls
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.turns = 0              # of the newest bytes the client was sent
        self.turns_max = None       # what has more is held back
        self.stream_bytes_max = None  # of a stream's answer; the rest is held back until there is none
        self.connections, self.delivered = 0, 0
        self.frozen = self.is_cut = self.ending = False
        self.pairs, self.queue, self.order = [], [], itertools.count()
        self.random = random.Random(7)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.lock = threading.Lock()
        self.start()

    # ---- for the tests ----

    def freeze(self, on=True):
        """Nothing arrives, and nobody is told."""
        self.frozen = on

    def cut(self):
        """Every connection ends, and none comes about."""
        with self.lock:
            self.is_cut = True
            for pair in list(self.pairs):
                self.close(pair)

    def restore(self):
        self.is_cut = False

    def streams(self):
        """Bytes that each answer to a request for the stream has brought."""
        with self.lock:
            return [pair.sent for pair in self.pairs if b"/api/v1/stream" in pair.request]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending = True
        self.join(5)

    # ---- its thread ----

    def run(self):
        while not self.ending:
            for key, _ in self.selector.select(0.005):
                with self.lock:
                    if key.data is None:
                        self.accept()
                    elif key.data[0].open:
                        self.take(*key.data)
            with self.lock:
                self.deliver()
        for pair in list(self.pairs):
            self.close(pair)
        self.listener.close()

    def accept(self):
        client, _ = self.listener.accept()
        if self.is_cut:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 2)
        except OSError:
            client.close()
            return
        self.connections += 1
        pair = Pair(client, server, self.turns + 1 if self.turns > 0 else 0)
        self.pairs.append(pair)
        self.selector.register(client, selectors.EVENT_READ, (pair, True))
        self.selector.register(server, selectors.EVENT_READ, (pair, False))

    def take(self, pair, upwards):
        try:
            data = (pair.client if upwards else pair.server).recv(1 << 16)
        except OSError:
            data = b""
        if upwards:
            pair.request += data[:1000 - len(pair.request)]
            turns = max(pair.turns, self.turns) + 1
        else:
            turns = pair.answering
        late = self.stall if self.stalls > 0 and self.random.random() < self.stalls else 0
        due = max(time.monotonic() + self.delay + late, pair.due[upwards])
        pair.due[upwards] = due
        heapq.heappush(self.queue, (due, next(self.order), pair, upwards, turns, data))
        if not data:
            self.selector.unregister(pair.client if upwards else pair.server)

    def deliver(self):
        while self.queue and self.queue[0][0] <= time.monotonic() and not self.frozen:
            _, _, pair, upwards, turns, data = heapq.heappop(self.queue)
            if not pair.open:
                continue
            if self.turns_max is not None and turns > self.turns_max:
                continue
            if not data:
                self.close(pair)
                continue
            if not upwards:
                if self.stream_bytes_max is not None and b"/api/v1/stream" in pair.request:
                    data, room = pair.held + data, max(0, self.stream_bytes_max - pair.sent)
                    data, pair.held = data[:room], data[room:]
                elif pair.held:
                    data, pair.held = pair.held + data, b""
                pair.sent += len(data)
                self.turns = max(self.turns, turns)
                self.delivered += len(data)
            else:
                pair.answering = turns
            try:
                (pair.server if upwards else pair.client).sendall(data)
            except OSError:
                self.close(pair)

    def close(self, pair):
        if not pair.open:
            return
        pair.open = False
        self.pairs.remove(pair)
        for s in (pair.client, pair.server):
            try:
                self.selector.unregister(s)
            except KeyError:
                pass
            s.close()
