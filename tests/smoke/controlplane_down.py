#!/usr/bin/python3
"""The control plane stays dead for 150 s, across a due rekey: no packet is lost, and the rekey happens when it is back."""
from smoke import *

DOWN_S = 150

with Lab() as lab:
    gateway, ours, theirs = site(lab, {}, {"answers": True})
    theirs.start(knows_gateway=False)
    lab.inside.wait_for_ping(theirs.v4)
    ours.connect()

    def stay_down():
        handshakes = [client.wg("latest-handshakes") for client in (ours, theirs)]
        gateway.stop("controlplane", signal.SIGKILL)
        say(f"the control plane is dead, for {DOWN_S} s")
        flow(DOWN_S)
        expect([client.wg("latest-handshakes") for client in (ours, theirs)] == handshakes, "nobody could have rekeyed meanwhile")
        gateway.start_process("controlplane")
        for client, before in zip((ours, theirs), handshakes):
            wait_until(lambda: client.wg("latest-handshakes") != before, 25, f"the overdue rekey of {client.role}")
        say("the control plane is back and both sessions are new")
        flow(3)

    without_loss([ours, theirs], stay_down, attempts=2, per_second=500)
