#!/usr/bin/python3
"""Two clients reach each other through the gateway, one of them over an IPv6 underlay."""
from smoke import *

with Lab() as lab:
    gateway, first, second = site(lab, {"outer": 4}, {"outer": 6})
    first.connect()
    second.connect()
    start_web_server(second, port=8081)
    for address in (second.v4, second.v6):
        expect(first.pings(address, count=5) == 5, f"five pings from client to client, {address}")
        say(f"client to client, {address}: {first.download(address, 10_000_000, port=8081) * 8 / 1e6:.0f} Mbit/s")
