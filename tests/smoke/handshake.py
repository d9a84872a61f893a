#!/usr/bin/python3
"""Either side may start the handshake, with and without a preshared key, over IPv4 and IPv6."""
from smoke import *

with Lab() as lab:
    gateway, first, second, third, fourth = site(lab, {}, {"outer": 6, "psk": True}, {"answers": True},
                                                 {"answers": True, "outer": 6, "psk": True})
    for client in (first, second):
        client.connect()
        say(f"{client.role} started a handshake, {client.handshake_age_s():.1f} s ago")
    for client in (third, fourth):
        client.start(knows_gateway=False)
        expect(not gateway.connected(client.peer_name), "nobody may have started a handshake with this client yet")
        lab.inside.wait_for_ping(client.v4)
        say(f"the gateway started a handshake with {client.role}")
    for client in (first, second, third, fourth):
        wait_until(lambda: gateway.connected(client.peer_name), 2, "sallyctl peers to show the handshake")
        peer = gateway.peer(client.peer_name)
        expect(peer["latest_handshake_s_ago"] < 30, f"the age of a handshake just made: {peer}")
        expect(peer["endpoint"].endswith(":51820"), f"the endpoint of {client.role}: {peer}")
        expect((client.outer_v4 if client.outer == 4 else client.outer_v6) in peer["endpoint"], f"wrong endpoint: {peer}")
