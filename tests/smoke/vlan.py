#!/usr/bin/python3
"""Two VLANs of one device are two ports: each has its addresses and its hosts, and a tunnel reaches both."""
from smoke import *

with Lab(wire_inside=False) as lab:
    lab.wire(lab.inside, "eth0", lab.gw, "lan0")
    lab.given_to_dpdk(lab.gw, "lan0")
    tagger = lab.inside.spawn("tagger", "/usr/bin/python3", os.path.join(HERE, "vlan_tagger.py"), "eth0", "12", "13")
    for vlan, third in ((12, 0), (13, 1)):
        link = f"vlan{vlan}"
        wait_until(lambda: link in lab.inside.ip("-br link"), 5, f"the TAP device {link}")
        lab.inside.ip(f"link set {link} up")
        lab.inside.ip(f"addr add 10.0.{third}.10/24 dev {link}")
        lab.inside.ip(f"addr add fd00:{third}::10/64 dev {link} nodad" if third else f"addr add fd00::10/64 dev {link} nodad")
    lab.inside.ip("route add 10.8.0.0/16 via 10.0.0.1")
    lab.inside.ip("route add fd08::/64 via fd00::1")
    # The host answers on the VLAN that its address is of: the gateway takes no source from another port.
    for family, source, clients, router in (("-4", "10.0.1.10", "10.8.0.0/16", "10.0.1.1"), ("-6", "fd00:1::10", "fd08::/64", "fd00:1::1")):
        lab.inside.ip(f"{family} route add {clients} via {router} table 13")
        lab.inside.ip(f"{family} rule add from {source} table 13")
    gateway = Gateway(lab, lan={"vlan": 12}, ports=[{"name": "lan13", "device": af_packet("lan0"), "vlan": 13, "role": "inside",
                                                     "addresses": ["10.0.1.1/24", "fd00:1::1/64"]}])
    client = Client(lab, gateway, 1)
    gateway.start()
    start_web_server(lab.inside)
    client.connect()
    for host in ("10.0.0.10", "fd00::10", "10.0.1.10", "fd00:1::10"):
        expect(client.pings(host, count=3) == 3, f"pings to {host}")
        client.download(host, 2_000_000)
        say(f"{host} is reached through its VLAN")
    expect(gateway.port("lan13")["received"] > 0, "the second VLAN's port counts its own packets")
    expect(lab.inside.pings("10.0.1.1") == 1, "the gateway answers on the second VLAN")
