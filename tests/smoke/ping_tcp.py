#!/usr/bin/python3
"""Ping and TCP, both ways, for inner IPv4 and IPv6 over outer IPv4 and IPv6."""
from smoke import *

with Lab() as lab:
    gateway, *clients = site(lab, {"outer": 4}, {"outer": 6})
    for client in clients:
        client.connect()
        for inside, own in (("10.0.0.10", client.v4), ("fd00::10", client.v6)):
            expect(client.pings(inside, count=10) == 10, f"{client.role}: ten pings to {inside}")
            expect(lab.inside.pings(own, count=10) == 10, f"ten pings to {own}")
            rate = client.download(inside, 20_000_000)
            client.upload(inside, 10_000_000)
            say(f"inner {inside} over outer IPv{client.outer}: download {rate * 8 / 1e6:.0f} Mbit/s, upload intact")
        for gateway_address in ("10.8.0.1", "fd08::1"):
            expect(client.pings(gateway_address, count=3) == 3, f"{client.role}: the gateway's own tunnel address {gateway_address}")
    for address in ("192.0.2.1", "2001:db8::1"):
        expect(lab.net.pings(address, count=3) == 3, f"the gateway's own underlay address {address}")
    for address in ("10.0.0.1", "fd00::1"):
        expect(lab.inside.pings(address, count=3) == 3, f"the gateway's own inside address {address}")
