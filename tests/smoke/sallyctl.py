#!/usr/bin/python3
"""Everything that sallyctl shows, as a table for people and as JSON for programs, from a gateway that works."""
import struct
import subprocess

from smoke import *

with Lab() as lab:
    gateway, client = site(lab, {})
    client.connect()
    client.download("10.0.0.10", 1_000_000)
    for command, word in (("status", "lab"), ("peers", client.peer_name), ("sessions", client.peer_name), ("routes", "10.8.0.2"),
                          ("ports", "wan"), ("counters", "received")):
        table = gateway.run_ctl(command)
        expect(word in table, f"sallyctl {command} should show {word}: {table}")
        gateway.ctl(command)
        say(f"{command}: table and JSON")
    wait_until(lambda: gateway.peer(client.peer_name)["tx_bytes"] > 1_000_000, 3, "the download in the peer's counters")
    peer = gateway.peer(client.peer_name)
    expect(peer["public_key"] == client.public_key and peer["rx_packets"] > 0 and peer["rx_bytes"] > 0, f"the peer's figures: {peer}")
    expect(gateway.port("wan")["sent"] > 0 and gateway.port("lan")["received"] > 0, "the ports' figures")
    gateway.run_ctl("peer", "forget-timestamp", client.peer_name)

    path = os.path.join(lab.folder, "capture.pcapng")
    capture = lab.gw.spawn("capture", SALLYCTL, "--socket", gateway.socket, "capture", "--peer", client.peer_name, "--count", "10", "--write", path)
    wait_until(lambda: client.pings("10.0.0.10", count=3) and capture.poll() is not None, 15, "a capture of ten packets")
    with open(path, "rb") as file: block = file.read(12)
    expect(struct.unpack("<I4xI", block) == (0x0A0D0D0A, 0x1A2B3C4D), "the capture is a pcapng file")
    say("capture: ten packets in a pcapng file")

    # Whoever prepares the name of a capture gets neither the packets nor a file of root overwritten.
    precious, prepared = os.path.join(lab.folder, "precious"), os.path.join(lab.folder, "prepared.pcapng")
    with open(precious, "w") as file: file.write("precious")
    os.symlink(precious, prepared)
    refused = lab.gw.spawn("capture-link", SALLYCTL, "--socket", gateway.socket, "capture", "--peer", client.peer_name, "--count", "1", "--write", prepared)
    wait_until(lambda: client.pings("10.0.0.10") is not None and refused.poll() is not None, 15, "the end of a capture into a link")
    with open(precious) as file: expect(refused.poll() != 0 and file.read() == "precious", "a capture must not write through a link")
    os.unlink(prepared)
    with open(prepared, "w") as reader:                 # open in the hands of somebody else
        os.chmod(prepared, 0o666)
        again = lab.gw.spawn("capture-again", SALLYCTL, "--socket", gateway.socket, "capture", "--peer", client.peer_name, "--count", "1", "--write", prepared)
        wait_until(lambda: client.pings("10.0.0.10") and again.poll() is not None, 15, "a capture of one packet")
        expect(os.fstat(reader.fileno()).st_size == 0 and os.stat(prepared).st_mode & 0o777 == 0o600, "the packets are for the owner alone")
    say("capture: a new file, for its owner alone")

    def code(*command): return subprocess.run([SALLYCTL, *command], capture_output=True).returncode
    expect(code("--help") == 0 and code("nonsense") not in (0, 1) and code("--socket", "/nonexistent", "status") != 0, "exit codes mean something")
