#!/usr/bin/python3
"""`sallyctl keygen`, `pubkey` and `client-config` give an operator all that a client needs: wg-quick and wg take it as it is."""
import subprocess

from smoke import *

with Lab() as lab:
    gateway, client = site(lab, {}, wan={"host": ["tcp/8443"]})
    private = run(SALLYCTL, "keygen").strip()
    public = subprocess.run([SALLYCTL, "pubkey"], input=private + "\n", capture_output=True, text=True).stdout.strip()
    theirs = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True).stdout.strip()
    expect(len(private) == 44 and public == theirs, f"keygen and pubkey agree with wg: {public} and {theirs}")
    quick = os.path.join(lab.folder, "wg-client.conf")
    with open(quick, "w") as file: file.write(gateway.run_ctl("client-config", client.peer_name))
    os.chmod(quick, 0o600)
    stripped = run("wg-quick", "strip", quick)
    for wanted in ("[Interface]", "[Peer]", gateway.public_key, "51820", "AllowedIPs"):
        expect(wanted in stripped, f"the client's file should have {wanted}: {stripped}")
    with open(quick) as file: text = file.read()
    for wanted in (client.v4, client.v6, "MTU"):
        expect(wanted in text, f"the client's file should have {wanted}: {text}")
    client.start(knows_gateway=False)
    own = f"PrivateKey = {client.private_key}"
    lines = [own if line.strip("# ").startswith("PrivateKey") else line for line in stripped.splitlines()]
    if own not in lines: lines.insert(lines.index("[Interface]") + 1, own)
    client.configure("\n".join(lines) + "\n")
    client.wait_for_ping("10.0.0.10")
    say("a client that uses the file is through")
    answer = gateway.run_ctl("client-config", "nobody", check=False)
    expect("nobody" in answer, f"an unknown peer is named in the error: {answer}")
