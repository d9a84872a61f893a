#!/usr/bin/python3
"""A client's bad behaviour: TCP SYNs from its own address and ever new ports, as fast as Python can, for some seconds.
Arguments: SOURCE DESTINATION PORT SECONDS; PORT 0: one port after the other, a scan. Prints how many were sent."""
import random
import socket
import struct
import sys
import time

source, destination, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])


def syn(source_port, destination_port):
    """An IPv4 packet of 40 bytes; the kernel fills in the header's checksum (raw(7)). The SYN's own is right."""
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    def segment(checksum): return struct.pack("!HHIIBBHHH", source_port, destination_port, 0, 0, 5 << 4, 0x02, 8192, checksum, 0)
    total = sum(struct.unpack("!16H", ends + struct.pack("!HH", socket.IPPROTO_TCP, 20) + segment(0)))
    while total >> 16: total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, socket.IPPROTO_TCP, 0) + ends + segment(~total & 0xFFFF)


numbers = random.Random(0x5A11).sample(range(1024, 65536), 8000)
packets = [syn(number if port else 40000, port or number) for number in numbers]
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
