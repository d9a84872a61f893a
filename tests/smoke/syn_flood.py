#!/usr/bin/python3
"""A client's bad behaviour: TCP SYNs from its own address and ever new ports, as fast as Python can, for some seconds.
Arguments: SOURCE DESTINATION PORT SECONDS; PORT 0: one port after the other, a scan. Prints how many were sent."""
import random
import socket
import sys
import time

from scapy.all import IP, TCP

source, destination, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
numbers = random.Random(0x5A11).sample(range(1024, 65536), 8000)
packets = [bytes(IP(src=source, dst=destination) / TCP(sport=number if port else 40000, dport=port or number, flags="S")) for number in numbers]
wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
print("ready", flush=True)
sent, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    for packet in packets[sent % len(packets):][:50]:
        try: wire.sendto(packet, (destination, 0))
        except OSError: pass                             # its own queue is full
        sent += 1
    time.sleep(0.001)
print(sent)
