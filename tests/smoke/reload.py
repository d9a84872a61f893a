#!/usr/bin/python3
"""Peers come, change and go by reload (sallyctl and SIGHUP) while another loses nothing; a file with an error changes nothing."""
from smoke import *

with Lab() as lab:
    gateway, client, guest = site(lab, {}, {"configured": False})
    client.connect()
    guest.start()

    def reload_by_signal(): os.kill(gateway.pid("controlplane"), signal.SIGHUP)

    def come_and_go():
        for how in (lambda: gateway.run_ctl("reload"), reload_by_signal):
            gateway.peers.append(guest.entry())
            gateway.write_config()
            how()
            guest.wait_for_ping("10.0.0.10", 20)
            say("a peer was added and is through")
            gateway.peers.pop()
            gateway.write_config()
            how()
            wait_until(lambda: gateway.peer(guest.peer_name) is None, 5, "the peer to be gone")
            expect(guest.pings("10.0.0.10") == 0, "a removed peer must not get through")
            say("the peer was removed and is out")

    without_loss(client, come_and_go)

    gateway.peers[0] = {**client.entry(), "allowed_ips": [f"{client.v4}/32"]}
    gateway.write_config()
    gateway.run_ctl("reload")
    wait_until(lambda: client.pings("fd00::10") == 0, 5, "the address that was taken away to be refused")
    expect(client.pings("10.0.0.10") == 1, "the address that was left must go on")

    with open(gateway.config, "a") as config: config.write("\n[[peer]]\nname = 'x'\nallowed_ip = ['10.8.0.9/32']\n")
    before = gateway.ctl("peers")
    answer = gateway.run_ctl("reload", check=False)
    expect("allowed_ips" in answer and "gateway.toml:" in answer, f"the error should say where, and suggest the right key: {answer}")
    expect([peer["name"] for peer in gateway.ctl("peers")] == [peer["name"] for peer in before], "nothing may have changed")
    expect(client.pings("10.0.0.10", count=3) == 3, "traffic goes on after a refused reload")
