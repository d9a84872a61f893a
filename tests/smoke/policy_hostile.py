#!/usr/bin/python3
"""A client that floods and scans uses up its own share of flows: another one's new connections open all the same. Segments out
of state, errors about no flow, port 0 and unknown protocols are dropped, each under its name."""
import socket

from scapy.all import ICMP, IP, TCP, UDP, Ether, Raw

from smoke import *

POLICY = """schema = 1
[service]
inside = { prefixes = ["10.0.0.0/24"], ports = ["tcp", "udp/7000", "icmp"] }
[[rule]]
name = "both"
action = "allow"
from = ["peer:mallory", "peer:neighbour"]
to = ["inside"]
"""
SECONDS = 6

with Lab() as lab:
    gateway, mallory, neighbour = site(lab, {"name": "mallory"}, {"name": "neighbour"}, policy=POLICY)
    for client in (mallory, neighbour): client.connect()
    drip = Drip(neighbour)

    def misbehave(what, destination, port):
        """Returns how the counters rose while mallory floods and its neighbour opens a connection every 50 ms."""
        path, before = os.path.join(lab.folder, f"{what}.txt"), gateway.counters()
        flood = mallory.spawn(what, "/usr/bin/python3", "-B", os.path.join(HERE, "syn_flood.py"), mallory.v4, destination, str(port),
                              str(SECONDS), stdout=open(path, "w"))
        wait_until(lambda: os.path.getsize(path) > 0, 20, f"the {what} to begin")
        opened, slowest_s = 0, 0.0
        while flood.poll() is None:
            started = time.monotonic()
            expect(tcp_opens(neighbour, "10.0.0.10", 8080), f"the neighbour's connection {opened + 1} did not open during the {what}")
            slowest_s, opened = max(slowest_s, time.monotonic() - started), opened + 1
            flow(0.05)
        with open(path) as file: sent = int(file.read().split()[-1])
        after = gateway.counters()
        rose = {name: after[name] - before[name] for name in ("flow_quota", "flow_table_full", "flows_opened")}
        say(f"{what}: {sent:,} SYNs; the neighbour opened {opened} connections, the slowest in {slowest_s * 1000:.0f} ms; {rose}")
        return rose

    rose = misbehave("flood", "10.0.0.99", 443)          # nobody is there: nothing ends these flows but time
    expect(rose["flow_quota"] > 1000 and rose["flow_table_full"] < rose["flow_quota"] // 100,  # while housekeeping gets no processor
           f"the flood ends at its own quota: {rose}")
    misbehave("scan", "10.0.0.10", 0)
    drip.expect_growing()
    expect(len(gateway.ctl("flows", "--peer", "mallory", "--count", "100000")["flows"]) < 4096, "mallory has not got all of the table")

    # Packets that no honest client sends, out of the tunnel and from the inside.
    raw = mallory.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    wire = lab.inside.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("eth0", 0))
    there, here = mallory.v4, "10.0.0.10"
    def from_client(packet, **more): raw.sendto(bytes(IP(src=there, dst=here, **more) / packet), (here, 0))
    def from_inside(packet, **more):
        wire.send(bytes(Ether(dst=lab.gw.mac("lan0"), src=lab.inside.mac("eth0")) / IP(src=here, dst=there, **more) / packet))
    def counted(reason, packets, **more):
        """Each of them, out of the tunnel and from the inside, is dropped under this reason."""
        for who, send in (("from a client", from_client), ("from the inside", from_inside)):
            before = gateway.counters()
            for packet in packets: send(packet, **more)
            def rose(): return {name: value - before[name] for name, value in gateway.counters().items() if value != before[name]}
            try: wait_until(lambda: rose().get(reason, 0) == len(packets), 3, reason)
            except Failure: raise Failure(f"{reason} {who} should rise by {len(packets)}: {rose()}") from None
            say(f"{reason}, {who}: {len(packets)} counted")

    flags = ("A", "SA", "FA", "PA", "R", "SF", "SR", "FPU", "")
    quoted = IP(src=there, dst=here) / UDP(sport=5, dport=5) / Raw(b"12345678")
    counted("out_of_state", [TCP(sport=41000 + number, dport=8080, flags=one) for number, one in enumerate(flags)])
    counted("out_of_state", [ICMP(type=0, id=77)])
    counted("icmp_unrelated", [ICMP(type=3, code=code) / quoted for code in (1, 4)])
    counted("port_zero", [TCP(sport=0, dport=7000), TCP(sport=7000, dport=0), UDP(sport=7000, dport=0)])    # UDP may come from port 0
    counted("denied", [Raw(b"x" * 24)] * 3, proto=200)                           # a protocol that nobody has given a number
    expect(drip.end() > 100_000, "the neighbour's download went on")
    wait_until(lambda: gateway.unaccounted() == 0, 30, "every packet to be accounted for")
