#!/usr/bin/python3
"""A client whose own WireGuard lets everything in and out, and which forges inner source addresses, reaches what it was given
and nothing else; each forged packet is counted, by the reason why it was dropped."""
import socket

from scapy.all import ICMP, IP, TCP, UDP, IPv6, Raw

from smoke import *

POLICY = """schema = 1
[service]
shared = { prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["udp/7000", "icmp"] }
secret = { prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["udp/7001", "tcp/8080"] }
[[rule]]
name = "both"
action = "allow"
from = ["peer:mallory", "peer:victim"]
to = ["shared"]
[[rule]]
name = "victim-alone"
action = "allow"
from = ["peer:victim"]
to = ["secret"]
[[rule]]
name = "inside-itself"
action = "allow"
from = ["net:10.0.0.0/24", "net:fd00::/64"]
to = ["*"]
"""
COUNT = 50                          # packets of each kind

with Lab() as lab:
    gateway, mallory, victim = site(lab, {"name": "mallory", "allowed_ips": "0.0.0.0/0, ::/0"}, {"name": "victim"}, policy=POLICY)
    for client in (mallory, victim): client.connect()
    mallory.ip(f"-6 addr flush dev {mallory.link} scope link")      # its kernel's own messages would be counted, too
    raw4 = mallory.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw6 = mallory.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    ears = {}
    for port in (7000, 7001):
        for family, address in ((socket.AF_INET, "10.0.0.10"), (socket.AF_INET6, "fd00::10")):
            ears[address, port] = lab.inside.socket(family, socket.SOCK_DGRAM)
            ears[address, port].bind((address, port))
            ears[address, port].setblocking(False)

    def heard(ear):
        """Everything that arrived since the last time."""
        got = []
        try:
            while True: got.append(ear.recv(2048))
        except BlockingIOError:
            return got

    def send(source, destination, port, count=COUNT):
        v6 = ":" in source
        packet = (IPv6 if v6 else IP)(src=source, dst=destination) / UDP(sport=40000, dport=port) / Raw(f"from {source}".encode())
        for _ in range(count): (raw6 if v6 else raw4).sendto(bytes(packet), (destination, 0))

    def counted(reason, by, action):
        """Exactly so many more are dropped under this reason, and none under the others that could be meant."""
        before, reasons = gateway.counters(), ("foreign_source", "denied", "bad_source", "out_of_state", "flow_quota")
        action()
        wait_until(lambda: gateway.counters()[reason] - before[reason] >= by, 3, f"{reason} to rise by {by}")
        rose = {name: gateway.counters()[name] - before[name] for name in reasons}
        expect(rose == {name: by if name == reason else 0 for name in reasons}, f"{by} packets should be dropped as {reason}: {rose}")

    for host, sources, nearby in (("10.0.0.10", ("10.0.0.10", "10.0.0.77", victim.v4, "203.0.113.9", "10.8.7.7"), victim.v4),
                                  ("fd00::10", ("fd00::10", "fd00::77", victim.v6, "2001:db8:ffff::9", "fd08::7777"), victim.v6)):
        own = mallory.v6 if ":" in host else mallory.v4
        for port in (7000, 7001):                        # what it may reach itself, and what only its victim may
            for source in sources:
                counted("foreign_source", COUNT, lambda: send(source, host, port))
        counted("foreign_source", COUNT, lambda: send(sources[0], nearby, 7000))            # as the inside to another client
        counted("foreign_source", COUNT, lambda: send("fd08::1" if ":" in host else "10.8.0.1", host, 7000))     # as the gateway
        counted("denied", COUNT, lambda: send(own, host, 7001))
        counted("denied", COUNT, lambda: send(own, nearby, 7000))
        for port in (7000, 7001): expect(not heard(ears[host, port]), f"nothing forged or denied may arrive at {host}, udp/{port}")
        send(own, host, 7000)
        got = []
        wait_until(lambda: got.extend(heard(ears[host, 7000])) or len(got) >= COUNT, 3, "honest packets")
        expect(got == [f"from {own}".encode()] * COUNT, f"honest packets arrive as they are: {len(got)}")
        say(f"{host}: {2 * len(sources) + 2} forged sources, {COUNT} packets each, all dropped and counted; honest ones arrive")

    # The kernel's own way to lie: an address more on the tunnel's interface.
    for address in (victim.v4, victim.v6, "10.0.0.77"):
        mallory.ip(f"addr add {address} dev {mallory.link}")
        host = "fd00::10" if ":" in address else "10.0.0.10"
        denies(gateway, f"mallory as {address}", lambda: tcp_opens(mallory, host, 8080, 0.5, source=address), reason="foreign_source")
        expect(mallory.pings(host, options=("-I", address), timeout_s=0.3) == 0, f"no ping as {address}")
        mallory.ip(f"addr del {address} dev {mallory.link}")
    # Answers to what nobody asked, and errors about what nobody sent.
    before = gateway.counters()
    lies = [bytes(IP(src=mallory.v4, dst=victim.v4) / TCP(sport=8080, dport=40000, flags="SA")),
            bytes(IP(src=mallory.v4, dst=victim.v4) / ICMP(type=0, id=7)),
            bytes(IP(src=mallory.v4, dst=victim.v4) / ICMP(type=3, code=1)
                  / IP(src=victim.v4, dst="10.0.0.10") / UDP(sport=7001, dport=7001) / Raw(b"12345678"))]
    for lie in lies: raw4.sendto(lie, (victim.v4, 0))
    def rose(reason): return gateway.counters()[reason] - before[reason]
    wait_until(lambda: rose("out_of_state") == 2 and rose("icmp_unrelated") == 1, 3, "two answers out of state, and an unrelated error")
    expect(not tcp_opens(mallory, "10.0.0.10", 8080, 0.5), "mallory reaches the secret still not")
    expect(mallory.pings("10.0.0.10", count=3) == 3 and tcp_opens(victim, "10.0.0.10", 8080), "and everybody what is theirs")
