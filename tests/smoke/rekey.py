#!/usr/bin/python3
"""Real rekeys after two minutes, started by the client and by the gateway, while every packet is counted."""
from smoke import *

with Lab() as lab:
    gateway, ours, theirs = site(lab, {}, {"answers": True})
    theirs.start(knows_gateway=False)
    lab.inside.wait_for_ping(theirs.v4)
    ours.connect()

    def until_both_rekeyed():
        before = {client: client.wg("latest-handshakes") for client in (ours, theirs)}
        for client in before:
            wait_until(lambda: client.wg("latest-handshakes") != before[client], 145, f"a rekey of {client.role}", patience=1)
            say(f"{client.role} has a new session")
        flow(5)                                          # the old session's last packets

    without_loss([ours, theirs], until_both_rekeyed, per_second=500)
