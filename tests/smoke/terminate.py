#!/usr/bin/python3
"""SIGTERM and SIGINT end both processes promptly and cleanly, in any order; what they leave does not keep the next from starting."""
from smoke import *

with Lab() as lab:
    gateway, client = site(lab, {})
    client.connect()
    for order, number in ((("controlplane", "dataplane"), signal.SIGTERM), (("dataplane", "controlplane"), signal.SIGINT)):
        for which in order:
            code = gateway.stop(which, number, timeout_s=5)
            expect(code == 0, f"{which} should end with 0 on {number.name}, not {code}")
        left = [name for name in os.listdir(lab.folder) if name.endswith(".sock")]
        expect(not left, f"sockets left behind: {left}")
        code = lab.gw.run(SALLYCTL, "--socket", gateway.socket, "status", check=False)
        expect("control.sock" in code, f"sallyctl says which socket did not answer: {code}")
        say(f"{' and '.join(order)} ended with {number.name}, cleanly")
        for which in BINARIES: gateway.start_process(which)
        gateway.wait_ready()
        client.wait_for_ping("10.0.0.10", 20)
        say("started again, traffic flows")
    gateway.stop("dataplane", signal.SIGKILL)            # a stale socket is no obstacle either
    gateway.stop("controlplane", signal.SIGKILL)
    for which in reversed(BINARIES): gateway.start_process(which)
    gateway.wait_ready()
    client.wait_for_ping("10.0.0.10", 20)
