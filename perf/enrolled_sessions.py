#!/usr/bin/python3
"""What many enrolled sessions cost: a gateway in network namespaces, and machines that enrol by HTTPS through its DPDK port, each
answered when it is on disk. Prints enrolments per second, memory of both processes, and how long a restart takes.

    SALLYPORT_BUILD=build perf/enrolled_sessions.py [--sessions N] [--connections N] [--json FILE]
"""
import argparse
import base64
import http.client
import json
import os
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/smoke"))
from enrolled import enrolling_site
from lab import Failure, Lab, expect, inside_of, wait_until


def resident_bytes(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def settled_bytes(pid):
    """When it no longer grows: what was begun is done."""
    last = [0, 0]
    def steady():
        last[:] = [last[1], resident_bytes(pid)]
        return last[0] == last[1] and last[1]
    return wait_until(steady, 30, "the memory to settle")


class Machines:
    """Connections that enrol one machine after another, each with a key of its own, by one enrolment key."""

    def __init__(self, lab, client, secret):
        self.client, self.secret = client, secret
        self.tls = ssl.create_default_context(cafile=os.path.join(lab.folder, "enrol-ca.pem"))
        self.lock, self.left, self.failures = threading.Lock(), 0, []

    def take(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def enrol(self):
        try:
            connection = http.client.HTTPSConnection("192.0.2.1", 8443, context=self.tls, timeout=60)
            with inside_of(self.client): connection.connect()
            while self.take():
                body = json.dumps({"public_key": base64.b64encode(os.urandom(32)).decode(), "token": self.secret})
                connection.request("POST", "/v1/enroll", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200: raise RuntimeError(f"{answer.status} {text}")
        except Exception as failure:                    # of a thread: the caller tells
            self.failures.append(failure)

    def run(self, count, connections):
        self.left = count
        threads = [threading.Thread(target=self.enrol) for _ in range(connections)]
        began = time.monotonic()
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        expect(not self.failures, f"enrolments failed: {self.failures[:3]}")
        return time.monotonic() - began


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat: fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


parser = argparse.ArgumentParser()
parser.add_argument("--sessions", type=int, default=10_000)
parser.add_argument("--connections", type=int, default=16)
parser.add_argument("--json")
options = parser.parse_args()
room = options.sessions + 1024
with Lab() as lab:
    gateway, client = enrolling_site(lab, {"name": "machines"}, enrolment={"requests_per_s": 100_000},
                                     pool=("10.64.0.0/14", "fd08:1::/64"), controlplane={"log_level": "info"},
                                     dataplane={"max_peers": room, "max_sessions": 4 * room})

    def sessions():
        try: return gateway.ctl("pools")["pools"][0]["sessions"]
        except Failure: return None                     # nobody listens yet

    secret = gateway.ctl("enrolment-keys", "create", "racks", "--tag", "rack", "--expires", "1h", "--session", "1h")["secret"]
    machines = Machines(lab, client, secret)
    machines.run(100, 1)                                # what is made once is there before anything is measured
    pids = {which: gateway.pid(which) for which in ("controlplane", "dataplane")}
    before = {which: settled_bytes(pid) for which, pid in pids.items()}
    cpu_s = cpu_seconds(pids["controlplane"])
    took_s = machines.run(options.sessions, options.connections)
    cpu_s = cpu_seconds(pids["controlplane"]) - cpu_s
    after = {which: settled_bytes(pid) for which, pid in pids.items()}
    expect(sessions() == options.sessions + 100, "every machine has a session")
    state_bytes = os.path.getsize(os.path.join(lab.folder, "state.db"))
    gateway.kill("controlplane")
    began = time.monotonic()
    wait_until(lambda: sessions() == options.sessions + 100 and gateway.ctl("status")["dataplane"]["connected"], 60, "a restart")
    restart_s = time.monotonic() - began
    result = {"sessions": options.sessions, "enrolments_per_s": round(options.sessions / took_s),
              "control_plane_cpu_us_each": round(cpu_s / options.sessions * 1e6),
              "control_plane_bytes_each": round((after["controlplane"] - before["controlplane"]) / options.sessions),
              "dataplane_bytes_each": round((after["dataplane"] - before["dataplane"]) / options.sessions),
              "state_file_bytes_each": round(state_bytes / options.sessions), "restart_s": round(restart_s, 2)}
    for name, value in result.items(): print(f"{name:<28}{value:>12,}")
    if options.json:
        with open(options.json, "w") as file: json.dump(result, file, indent=2)
