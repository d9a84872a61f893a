#!/usr/bin/python3
"""The same gateway over other DPDK drivers: AF_XDP, TAP and memif; and with huge pages where the kernel lets us have some. Where
the driver needs no path of its own, the dataplane is a user without rights, as it should be.
Arguments: which of them; default all."""
from smoke import *


def af_xdp():
    with Lab() as lab:
        gateway, client = site(lab, {}, lan={"device": "net_af_xdp0,iface=lan0"}, dataplane={"user": "nobody"})
        client.connect()
        client.download("10.0.0.10", 5_000_000)
        client.upload("10.0.0.10", 5_000_000)
        gateway.kill("dataplane", signal.SIGTERM)        # which may not take its program off the interface
        gateway.wait_ready()
        client.download("10.0.0.10", 5_000_000)
        say("AF_XDP carries traffic")


def tap():
    with Lab(wire_inside=False) as lab:                  # the inside host is the kernel end of the TAP device
        gateway = Gateway(lab, lan={"device": "net_tap0,iface=lan0"}, dataplane={"user": "nobody"})
        client = Client(lab, gateway, 1)
        gateway.start()
        wait_until(lambda: "lan0" in lab.gw.ip("-br link"), 5, "the TAP device")
        # DPDK gives both ends of a TAP the same address, and who hears its own address speak must not listen to itself.
        lab.gw.ip("link set lan0 address 02:00:00:00:00:10")
        lab.gw.ip("addr add 10.0.0.10/24 dev lan0")
        lab.gw.ip("link set lan0 up")
        lab.gw.ip("route add 10.8.0.0/16 via 10.0.0.1")
        start_web_server(lab.gw)
        client.connect()
        client.download("10.0.0.10", 5_000_000)
        say("TAP carries traffic")


def memif():
    with Lab() as lab:
        # Two gateways' worth of wire in one: both ends of the memif are inside ports of this gateway.
        gateway = Gateway(lab, ports=[
            {"name": "mem-a", "device": f"net_memif0,role=server,id=1,socket={lab.folder}/memif.sock,socket-abstract=no", "role": "inside",
             "addresses": ["10.1.0.1/24"]},
            {"name": "mem-b", "device": f"net_memif1,role=client,id=1,socket={lab.folder}/memif.sock,socket-abstract=no", "role": "inside",
             "addresses": ["10.2.0.1/24"]}])
        client = Client(lab, gateway, 1)
        gateway.start()
        client.connect()
        client.pings("10.1.0.77")                        # nobody answers, but the question crosses the memif
        wait_until(lambda: gateway.port("mem-b")["received"] > 0, 5, "a packet through the memif")
        say("memif connects and carries packets")


def huge_pages():
    pages, wanted = "/proc/sys/vm/nr_hugepages", 256
    with open(pages) as file: before = int(file.read())
    try:
        with open(pages, "w") as file: file.write(str(before + wanted))
    except OSError:
        return say("huge pages: not ours to configure here")
    try:
        with open(pages) as file:
            if int(file.read()) < before + wanted: return say("huge pages: memory is fragmented")
        with Lab() as lab:
            gateway, client = site(lab, {}, dataplane={"hugepages": "require", "user": "nobody"})
            client.connect()
            client.download("10.0.0.10", 5_000_000)
            say("huge pages carry traffic")
    finally:
        with open(pages, "w") as file: file.write(str(before))


VARIANTS = {variant.__name__: variant for variant in (af_xdp, tap, memif, huge_pages)}
for name in sys.argv[1:] or VARIANTS:
    VARIANTS[name]()
