#!/usr/bin/python3
"""rate = "10mbit" lets 9 to 11 Mbit/s of TCP through, in each direction, over IPv4 and IPv6, and counts what it drops. One
client is next to the gateway, where a window of two segments is more than 10 Mbit/s; the other is 10 ms away. An attempt that
was too slow is repeated, three times at most: a busy machine loses packets outside the gateway, which the wires' counters
show, or gives the sender no time; never does one that was too fast pass."""
import threading

from smoke import *

POLICY = """schema = 1
[service]
inside = { prefixes = ["10.0.0.0/24", "fd00::/64"], ports = ["tcp/8080", "icmp"] }
[[rule]]
name = "slow"
action = "allow"
from = ["user:corp/ann", "user:corp/bob"]
to = ["inside"]
rate = "10mbit"
"""
LEAST, MOST = 9.0, 11.0             # Mbit/s of TCP's payload
BYTES = 12_400_000                  # ten seconds of it
ATTEMPTS = 3
DISTANCE_MS = 5                     # each way


def at_once(*actions):
    """Runs them side by side; returns what each returned."""
    results, problems = [None] * len(actions), []

    def work(number):
        try: results[number] = actions[number]()
        except Exception as problem: problems.append(problem)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(actions))]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    if problems: raise problems[0]
    return results


def mbit_per_s(transfer, client, host):
    started = time.monotonic()
    transfer(client, host, BYTES, timeout=40)
    return BYTES * 8 / 1e6 / (time.monotonic() - started)


with Lab() as lab:
    gateway, ann, bob = site(lab, *({"name": name, "identity": f"user:corp/{name}"} for name in ("ann", "bob")), policy=POLICY)
    ann.connect()
    port = str(51820 + bob.number)
    lab.net.spawn("distance", "/usr/bin/python3", "-B", os.path.join(HERE, "distance.py"), "192.0.2.254", port,
                  "192.0.2.1", "51820", str(DISTANCE_MS))
    wait_until(lambda: lab.net.run("ss", "-Hlun", f"sport = :{port}").strip(), 10, "the relay to listen")
    bob.connect(via=f"192.0.2.254:{port}")
    for what, transfer in (("download", Client.download), ("upload", Client.upload)):
        for attempt in range(1, ATTEMPTS + 1):
            wires, limited = [Wires(client) for client in (ann, bob)], gateway.rule("slow")["limited_packets"]
            rates = at_once(lambda: mbit_per_s(transfer, ann, "10.0.0.10"), lambda: mbit_per_s(transfer, bob, "fd00::10"))
            outside = [wire.lost() for wire in wires]
            limited = gateway.rule("slow")["limited_packets"] - limited
            say(f"{what}: IPv4 {rates[0]:.2f} Mbit/s, IPv6 {rates[1]:.2f} Mbit/s, {limited} packets over the rate")
            if all(LEAST <= rate <= MOST for rate in rates): break
            expect(max(rates) <= MOST, f"a rate of 10 Mbit/s came to {rates}")
            say(f"too slow, attempt {attempt} of {ATTEMPTS}; lost outside the gateway: {outside}")
        else:
            raise Failure(f"a rate of 10 Mbit/s came to {rates} in the last of {ATTEMPTS} attempts; lost outside the gateway: {outside}")
        expect(limited > 0, "TCP always asks for more than the rate, so something was over it")
    totals = gateway.counters()
    expect(totals["rate_limited"] == gateway.rule("slow")["limited_packets"], "what was dropped for its rate is the rule's")
