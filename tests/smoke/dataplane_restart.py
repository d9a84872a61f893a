#!/usr/bin/python3
"""The dataplane dies (SIGKILL) under traffic: both directions flow again within 5 s, and nobody helped."""
from smoke import *

LIMIT_MS = 5000

with Lab() as lab:
    gateway, ours, theirs = site(lab, {}, {"answers": True, "outer": 6})
    theirs.start(knows_gateway=False)
    lab.inside.wait_for_ping(theirs.v4)
    ours.connect()
    for number in (signal.SIGKILL, signal.SIGTERM):
        traffics = [Traffic(client, counted=False) for client in (ours, theirs)]
        flow(2)
        gateway.kill("dataplane", number)
        say(f"the dataplane was ended by {number.name}")
        flow(LIMIT_MS / 1000 + 3)
        for traffic in traffics:
            results, _ = traffic.stop()
            for name, result in results.items():
                expect(result["longest_gap_ms"] <= LIMIT_MS and result["highest"] >= result["sent"] - 200,
                       f"{traffic.client.role} {name} should flow again within {LIMIT_MS} ms: {result}")
        gateway.wait_ready()
