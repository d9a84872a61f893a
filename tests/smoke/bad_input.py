#!/usr/bin/python3
"""Hostile input of every kind, on both ports and inside the tunnel, while an honest client loses nothing: each kind has its
counter, nothing is answered that should not be, and the gateway's account of all packets comes out even."""
import random
import socket

from smoke import *
from wgpeer import WgPeer, echo_request, tai64n

RANDOM = random.Random(0x5A117)


def raw_frames(namespace, link):
    """A socket that puts whole Ethernet frames on a wire of the gateway, and the gateway's address on it."""
    wire = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    wire.bind((link, 0))
    return wire


def rises(gateway, name, by, action):
    """The counter rises by at least `by` when action() is done."""
    before = gateway.counters()[name]
    action()
    wait_until(lambda: gateway.counters()[name] >= before + by, 3, f"{name} to rise by {by}")
    say(f"{name}: counted")


with Lab() as lab:
    gateway, client, attacker = site(lab, {}, {})
    client.connect()
    udp = attacker.socket(socket.AF_INET, socket.SOCK_DGRAM)    # a second peer whose every byte is ours
    udp.bind(("192.0.2.12", 40000))
    udp.connect(("192.0.2.1", 51820))
    udp.settimeout(2)
    peer = WgPeer(attacker.private_key, gateway.public_key)
    stranger = WgPeer(client.psk or run("wg", "genkey").strip(), gateway.public_key)

    def answers():
        """What the gateway says within half a second."""
        udp.settimeout(0.5)
        try: return udp.recv(2048)
        except TimeoutError: return None

    def handshake():
        udp.send(peer.initiation())
        expect(peer.take_response(answers() or b""), "the gateway should answer an honest handshake")
        udp.send(peer.data(b""))                         # confirms the session

    def hostile():
        # Handshakes that must not be answered.
        old_stamp, replay = tai64n(time.time() - 3600), peer.initiation()
        udp.send(replay)
        expect(peer.take_response(answers() or b""), "the first handshake is honest")
        for what, message in (("a replayed initiation", replay), ("an old timestamp", peer.initiation(old_stamp)),
                              ("a stranger", stranger.initiation()), ("an all-zero ephemeral key", peer.initiation(ephemeral_public=bytes(32))),
                              ("a low-order ephemeral key", peer.initiation(ephemeral_public=b"\x01" + bytes(31)))):
            udp.send(message)
            expect(answers() is None, f"{what} must not be answered")
            say(f"{what}: silence")
        flow(0.1)
        gateway.kill("controlplane")                     # a restart must not make the replay good again
        gateway.wait_ready()
        udp.send(replay)
        expect(answers() is None, "a replayed initiation must not be answered by a control plane that was restarted")
        good = peer.initiation()
        rises(gateway, "bad_mac1", 1, lambda: udp.send(good[:-32] + bytes(32)))
        rises(gateway, "unknown_message", 6, lambda: [udp.send(message) for message in
              (b"", b"\x01", good[:-1], good + b"\0", b"\x09" + good[1:], b"\x01\x01\0\0" + good[4:])])
        flow(0.1)
        handshake()
        # Data messages.
        ping = echo_request(attacker.v4, "10.0.0.10")
        udp.send(peer.data(ping))
        expect(peer.open(answers() or b""), "an honest ping is answered")
        rises(gateway, "unknown_session", 1, lambda: udp.send(peer.data(ping, index=b"\xff\xee\xdd\xcc")))
        first = peer.data(ping)
        udp.send(first)
        answers()
        rises(gateway, "replayed", 1, lambda: udp.send(first))
        broken = bytearray(peer.data(ping))
        broken[-1] ^= 1
        rises(gateway, "authentication_failed", 1, lambda: udp.send(broken))
        forged_far = bytearray(peer.data(ping, counter=1 << 62))
        forged_far[-1] ^= 1
        rises(gateway, "authentication_failed", 1, lambda: udp.send(forged_far))
        udp.send(peer.data(ping))
        expect(peer.open(answers() or b""), "a forged far counter must not move the window")
        rises(gateway, "foreign_source", 1, lambda: udp.send(peer.data(echo_request(client.v4, "10.0.0.10"))))
        lies = [echo_request(attacker.v4, "10.0.0.10", length=1500), echo_request(attacker.v4, "10.0.0.10", version=9),
                echo_request(attacker.v4, "10.0.0.10", length=8), *[ping[:size] for size in range(1, 20)], b"\x60" + bytes(20)]
        rises(gateway, "bad_inner_packet", len(lies), lambda: [udp.send(peer.data(lie, pad=size % 2 == 0)) for size, lie in enumerate(lies)])
        peer.counter += 1_000_000                        # a jump is allowed; what it leaves behind is old
        udp.send(peer.data(ping))
        expect(peer.open(answers() or b""), "an authenticated jump forward is taken")
        rises(gateway, "replayed", 1, lambda: udp.send(peer.data(ping, counter=20)))
        # Frames of noise, and honest frames with a few bytes changed, on both wires.
        for namespace, link, port in ((attacker, "eth0", "wan"), (lab.inside, "eth0", "lan")):
            mac = bytes.fromhex(lab.gw.mac(f"{port}0").replace(":", ""))
            wire, sent = raw_frames(namespace, link), 0
            seeds = [mac + bytes(6) + b"\x08\x00" + echo_request("192.0.2.12", "192.0.2.1"), mac + bytes(6) + b"\x86\xdd\x60" + bytes(60),
                     mac + bytes(6) + b"\x08\x06" + bytes(28), mac + bytes(6) + b"\x81\x00\x00\x0c\x08\x00" + ping,
                     b"\xff" * 6 + bytes(6) + b"\x08\x06\0\x01\x08\0\x06\x04\0\x01" + bytes(20)]
            for number in range(20_000):
                if number % 2: frame = mac + RANDOM.randbytes(RANDOM.randrange(8, 1500))
                else:
                    frame = bytearray(RANDOM.choice(seeds))
                    for _ in range(RANDOM.randrange(1, 6)): frame[RANDOM.randrange(12, len(frame))] = RANDOM.randrange(256)
                wire.send(bytes(frame[:RANDOM.randrange(14, len(frame) + 1)] if number % 3 == 0 else frame))
                sent += 1
                if number % 200 == 0: flow(0.01)         # the wire's ring holds 2,048: this is about input, not about loss
            say(f"{sent} frames of noise on {port}")
        datagrams = 0
        for size in [*range(0, 200), 1472, 1473, 4000, 9000, 65000]:
            try: udp.send(bytes([RANDOM.randrange(1, 5)]) + RANDOM.randbytes(size))
            except OSError: continue
            datagrams += 1
        say(f"{datagrams} random datagrams, the largest in 45 fragments")

    without_loss(client, hostile)
    client.download("10.0.0.10", 5_000_000)
    for which in BINARIES: expect(gateway.pid(which), f"{which} is alive")
    wait_until(lambda: gateway.unaccounted() == 0, 90, "every packet to be accounted for (held: fragments and neighbours time out)")
    say("received + originated = sent + punted + consumed + merged + dropped")
