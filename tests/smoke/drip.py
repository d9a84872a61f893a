"""A download without end, slow enough to last: it tells to the hundredth of a second when it was cut, and what arrived."""
import itertools
import os
import time

from client import bracketed, known_bytes
from lab import expect, wait_until

QUIET_S = 1.0       # 50 pieces come each second: after so long without one it is cut, not late


class Drip:
    numbers = itertools.count(1)

    def __init__(self, client, host="10.0.0.10", port=8080):
        self.client, number = client, next(Drip.numbers)
        self.path = os.path.join(client.lab.folder, f"drip-{number}")
        self.process = client.spawn(f"drip-{number}", "curl", "-sS", "-f", "-N", "-o", self.path, f"http://{bracketed(host)}:{port}/drip")
        wait_until(lambda: self.process.poll() is not None or self.size_bytes() > 4000, 10, f"a download by {client.peer_name}")
        expect(self.process.poll() is None, f"{client.peer_name} could not begin its download")

    def size_bytes(self):
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def last_at(self):
        """When the last piece came, in seconds of time.time()."""
        return os.stat(self.path).st_mtime_ns / 1e9

    def is_quiet(self):
        return time.time() - self.last_at() > QUIET_S

    def await_cut(self, since, within_s, what):
        """Waits until it is cut, which must be at most so long after `since` and not before; returns how long after."""
        wait_until(self.is_quiet, max(0.0, since - time.time()) + within_s + QUIET_S + 3, f"{what} to cut {self.client.peer_name}")
        after_s = self.last_at() - since
        expect(after_s <= within_s, f"{what} cut {self.client.peer_name} after {after_s:.2f} s, later than {within_s} s")
        expect(after_s >= -0.2, f"{self.client.peer_name} was cut {-after_s:.2f} s before {what}")
        self.end()
        return after_s

    def expect_growing(self):
        size = self.size_bytes()
        wait_until(lambda: self.size_bytes() > size + 4000, 3, f"the download of {self.client.peer_name} to go on")

    def end(self):
        """What arrived is what was sent, without a gap."""
        if self.process.poll() is None: self.client.lab.end(self.process)
        with open(self.path, "rb") as file: got = file.read()
        expect(got == known_bytes(len(got)), f"what {self.client.peer_name} got differs from what was served")
        return len(got)
