#!/usr/bin/python3
"""The control plane dies (SIGKILL) under traffic and comes back: no packet is lost and the sessions stay what they were."""
from smoke import *

with Lab() as lab:
    gateway, client, newcomer = site(lab, {}, {})
    client.connect()
    sessions = gateway.ctl("sessions")
    handshake = client.wg("latest-handshakes")

    def kill_twice():
        flow(2)
        for _ in range(2):
            gateway.kill("controlplane")
            gateway.wait_ready()
            say("the control plane was killed and is back")
            flow(2)

    without_loss(client, kill_twice)
    expect(client.wg("latest-handshakes") == handshake, "no new handshake was needed")
    after = {session["index"] for session in gateway.ctl("sessions")}
    expect({session["index"] for session in sessions} == after, f"the sessions were adopted: {sessions} became {after}")
    newcomer.connect()                                   # and it is fully at work
