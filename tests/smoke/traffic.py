"""Numbered UDP through the tunnel, 2,000 packets a second in each direction, and the account of every one of them."""
import json
import os

from lab import BUILD, Failure, expect, say, wait_until

TOOL = os.path.join(BUILD, "tests/smoke/udp_stream")
ATTEMPTS = 3        # a run in which this busy machine lost packets before the gateway saw them is repeated


class Stream:
    """One direction: a sender in one namespace, a receiver in another."""

    def __init__(self, name, sender, receiver, address, port, per_second=2000, size_bytes=200):
        self.name, self.lab = name, sender.lab
        self.paths = [os.path.join(self.lab.folder, f"stream-{name}-{end}.json") for end in ("recv", "send")]
        self.receiver = receiver.spawn(f"recv-{name}", TOOL, "recv", address, str(port), stdout=open(self.paths[0], "w"))
        wait_until(lambda: os.path.getsize(self.paths[0]) > 0, 5, "udp_stream to listen")
        self.sender = sender.spawn(f"send-{name}", TOOL, "send", address, str(port), str(per_second), str(size_bytes),
                                   stdout=open(self.paths[1], "w"))

    def stop_sending(self):
        if self.sender.poll() is None: self.lab.end(self.sender)

    def result(self):
        """Call after stop_sending. {"sent", "lost", "received", "duplicates", "reordered", "longest_gap_ms", "missing", ...}"""
        self.lab.end(self.receiver)
        with open(self.paths[0]) as file: got = json.loads(file.read().split("\n")[1])
        with open(self.paths[1]) as file: got.update(json.load(file))
        got["lost"] = got["sent"] - got["distinct"]
        return got


class Wires:
    """What is needed to tell where a packet was lost: in the gateway, or before it and behind it."""

    def __init__(self, client):
        self.client, self.lab, self.gateway = client, client.lab, client.gateway
        self.before = self._before_gateway()

    def _before_gateway(self):
        """What the wires carried towards the gateway less what its ports received, and what fell before the wires."""
        wires = (self.lab.net.statistics("gw")["tx"]["packets"], self.lab.inside.statistics("eth0")["tx"]["packets"])
        ports = (self.gateway.port("wan")["received"], self.gateway.port("lan")["received"])
        return {"wan": wires[0] - ports[0], "lan": wires[1] - ports[1],
                "tun": self.client.statistics(self.client.link)["tx"]["dropped"],
                "client_socket": self.client.udp_counters()["RcvbufErrors"]}

    def lost(self):
        """Outside the gateway, by place. Counted until the gateway's published counters have caught up with the wires."""
        def now(): return {key: value - self.before[key] for key, value in self._before_gateway().items()}
        try: return wait_until(lambda: (lambda lost: lost if not any(lost.values()) else None)(now()), 2, "equal counters", patience=1)
        except Failure: return now()


class Traffic:
    """Both directions between a client and the inside host."""
    ports = iter(range(20000, 60000))

    def __init__(self, client, per_second=2000, inner=4, counted=True):
        self.client, self.lab, self.gateway = client, client.lab, client.gateway
        there, here = ("10.0.0.10", client.v4) if inner == 4 else ("fd00::10", client.v6)
        self.wires = Wires(client) if counted else None
        port = next(Traffic.ports)
        self.up = Stream(f"{client.role}-up-{port}", client, self.lab.inside, there, port, per_second)
        self.down = Stream(f"{client.role}-down-{port}", self.lab.inside, client, here, port, per_second)

    def stop_sending(self):
        for stream in (self.up, self.down): stream.stop_sending()

    def stop(self, quiet=False):
        """Returns ({"up": ..., "down": ...}, packets lost outside the gateway by place)."""
        self.stop_sending()
        results = {"up": self.up.result(), "down": self.down.result()}
        outside = self.wires.lost() if self.wires else {}
        for name, result in results.items():
            if not quiet: say(f"{self.client.role} {name}: sent {result['sent']}, lost {result['lost']}, duplicates {result['duplicates']}, "
                f"reordered {result['reordered']}, longest gap {result['longest_gap_ms']} ms")
        return results, outside


def without_loss(clients, body, attempts=ATTEMPTS, per_second=2000, inner=4):
    """Runs body() while numbered UDP flows both ways; none may be missing or doubled. Repeated, at most three times, only if
    packets fell before the gateway or in the far end's own socket, which the counters of the wires show."""
    clients = clients if isinstance(clients, list) else [clients]
    for attempt in range(1, attempts + 1):
        traffics = [Traffic(client, per_second, inner) for client in clients]
        value = body()
        for traffic in traffics: traffic.stop_sending()
        accounts = [traffic.stop() for traffic in traffics]
        results = [result for both, _ in accounts for result in both.values()]
        for result in results:
            expect(result["sent"] > 0 and result["refused_by_kernel"] == 0, f"the sender could not send: {result}")
            expect(result["duplicates"] == 0, f"{result['duplicates']} packets arrived twice: {result}")
        lost = sum(result["lost"] for result in results)
        if lost == 0: return value
        # The wires are shared by all clients, a client's own tunnel and socket are its own.
        outside = [accounts[0][1], *[{key: mine[key] for key in ("tun", "client_socket")} for _, mine in accounts[1:]]]
        say(f"{lost} packets lost; outside the gateway: {outside}; missing: {[result['missing'] for result in results]}")
        expect(sum(max(0, count) for where in outside for count in where.values()) >= lost,
               f"the gateway lost packets: {lost} in all, outside it {outside}")
        say(f"lost outside the gateway, attempt {attempt} of {attempts}")
    raise Failure(f"packets were lost outside the gateway in {attempts} runs: this machine is too busy to tell")
