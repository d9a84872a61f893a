#!/usr/bin/python3
"""What does not fit the tunnel is answered by ICMP, from the gateway's own address, with the tunnel's MTU; what fits passes."""
from smoke import *

with Lab() as lab:
    gateway, client, other = site(lab, {}, {"mtu": 1500})
    client.connect()
    other.connect()
    for sender, v4, v6 in ((lab.inside, "10.0.0.1", "fd00::1"), (other, "10.8.0.1", "fd08::1")):
        for target, headers, source, words in ((client.v4, 28, v4, "mtu = 1420"), (client.v6, 48, v6, "mtu=1420")):
            def answer(size): return sender.run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(size - headers), target, check=False)
            expect(" 1 received" in answer(1420), f"{sender.role}: 1420 bytes fit")
            told = answer(1421)
            expect(words in told and source in told, f"{sender.role}: 1421 bytes to {target} should be refused with '{words}' by {source}: {told}")
            say(f"{sender.role} to {target}: 1420 bytes pass, 1421 are answered '{words}' by {source}")
    expect(gateway.counters()["too_big"] >= 4, "counted")
    # Without DF an IPv4 packet may be cut; the sender then gets its answer, or the packet does, but silence is wrong.
    told = lab.inside.run("ping", "-n", "-c", "2", "-W", "2", "-M", "dont", "-s", "1472", client.v4, check=False)
    expect("received, 0% packet loss" in told or "rag" in told, f"1500 bytes without DF: {told}")
