#!/usr/bin/python3
"""A VLAN interface for kernels that have none: TAP devices whose frames go out of LINK tagged, and come back untagged.
Arguments: LINK VLAN [VLAN ...]; makes vlanN for each."""
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 0x10

wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((sys.argv[1], 0))
wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
taps = {}
for vlan in map(int, sys.argv[2:]):
    taps[vlan] = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(taps[vlan], TUNSETIFF, struct.pack("16sH22x", f"vlan{vlan}".encode(), IFF_TAP | IFF_NO_PI))
print("ready", flush=True)

while True:
    for ready in select.select([wire, *taps.values()], [], [])[0]:
        if ready is wire:
            frame, extra, _, source = wire.recvmsg(65536, 256)
            if source[2] == socket.PACKET_OUTGOING: continue
            vlan = None                                  # the kernel takes the tag off and tells it beside the frame
            for _, kind, data in extra:
                status, *_, tag, _ = struct.unpack("IIIHHHH", data[:20])
                if kind == PACKET_AUXDATA and status & TP_STATUS_VLAN_VALID: vlan = tag & 0xFFF
            if vlan is None and frame[12:14] == b"\x81\0":
                vlan, frame = struct.unpack(">H", frame[14:16])[0] & 0xFFF, frame[:12] + frame[16:]
            if vlan in taps: os.write(taps[vlan], frame)
        else:
            vlan = next(number for number, tap in taps.items() if tap == ready)
            frame = os.read(ready, 65536)
            try: wire.send(frame[:12] + struct.pack(">HH", 0x8100, vlan) + frame[12:])
            except OSError: pass                         # longer than the wire takes
