#!/usr/bin/python3
"""`host = ["tcp/8443"]`: a server on the gateway's host is reached through the DPDK port at the port's own addresses; its
other ports, and the same port through a port without `host`, are not."""
from smoke import *

with Lab() as lab:
    gateway, client = site(lab, {}, wan={"host": ["tcp/8443"]})
    for port in (8443, 8444):
        start_web_server(lab.gw, port=port)
    for address in ("192.0.2.1", "[2001:db8::1]"):
        def ask(port): return client.run("curl", "-s", "-m", "2", f"http://{address}:{port}/", check=False)
        wait_until(lambda: ask(8443).startswith("This is"), 10, f"an answer from {address}:8443")
        expect(ask(8444) == "", f"{address}:8444 must not be reachable")
        out = client.run("curl", "-s", "-m", "20", "-o", "/dev/null", "-w", "%{size_download}", f"http://{address}:8443/bytes/3000000")
        expect(out == "3000000", f"a download from the host through {address}: {out}")
        say(f"{address}: the host's port 8443 is reachable, 8444 is not")
    expect(lab.inside.run("curl", "-s", "-m", "2", "http://10.0.0.1:8443/", check=False) == "", "not through the inside port")
    client.connect()                                     # tunnels go on beside it
    client.download("10.0.0.10", 5_000_000)
