#!/usr/bin/python3
"""A 1,400-byte tunnel between hosts that believe in more: SYNs are clamped both ways, so nothing has to be too big."""
import json

from smoke import *

with Lab() as lab:
    gateway, client = site(lab, {"mtu": 1420}, wg_mtu=1400)
    client.connect()
    for host, headers in (("10.0.0.10", 40), ("[fd00::10]", 60)):
        before = gateway.counters()
        agreed = json.loads(client.run("curl", "-sS", "-f", f"http://{host}:8080/mss"))["mss"]
        expect(1400 - headers - 12 <= agreed <= 1400 - headers, f"{host}: the server's segments of {agreed} bytes should fill 1400")
        client.download(host.strip("[]"), 10_000_000)
        client.upload(host.strip("[]"), 10_000_000)
        after = gateway.counters()
        expect(after["mss_clamped"] >= before["mss_clamped"] + 4, "SYN and SYN-ACK of each connection were clamped")
        expect(after["too_big"] == before["too_big"], "no segment was too big")
        say(f"{host}: segments of {agreed} bytes, {after['mss_clamped'] - before['mss_clamped']} SYNs clamped, none too big")
