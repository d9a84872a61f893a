#!/usr/bin/python3
"""The Internet between a client and the gateway: a relay of UDP that holds every datagram for some time, each way.
Arguments: LISTEN_ADDRESS LISTEN_PORT GATEWAY_ADDRESS GATEWAY_PORT MILLISECONDS. One client."""
import collections
import select
import socket
import sys
import time

here, gateway, delay_s = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4])), float(sys.argv[5]) / 1000
near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
for end in (near, far): end.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)          # SO_RCVBUFFORCE
near.bind(here)
far.connect(gateway)
client, waiting = None, collections.deque()
print("ready", flush=True)
while True:
    patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
    for end in select.select([near, far], [], [], patience)[0]:
        data, origin = end.recvfrom(65536)
        if end is near: client = origin
        waiting.append((time.monotonic() + delay_s, end, data))
    while waiting and waiting[0][0] <= time.monotonic():
        _, end, data = waiting.popleft()
        if end is near: far.send(data)
        elif client: near.sendto(data, client)
