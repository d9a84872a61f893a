#!/usr/bin/python3
"""`sallyctl enroll --stay` on a machine that has wireguard-go and nothing else of ours: it renews before its token ends, with the
token that the kubelet swapped in, changes its key under traffic without losing a packet's worth of a download, comes back by
itself after it was thrown out, and leaves nothing behind. And the wg-quick file, for machines that have their own ways."""
import subprocess

from smoke import *
from enrolled import enrolling_site
from gateway import SALLYCTL

with Lab() as lab:
    gateway, pod, laptop = enrolling_site(lab, {"name": "frontend"}, {"name": "laptop"})

    # --- a projected volume: a symlink to a folder that is swapped
    volume = os.path.join(lab.folder, "volume")
    def project(token, version):
        folder = os.path.join(volume, f"..{version}")
        os.makedirs(folder)
        replace_file(os.path.join(folder, "token"), token)
        link = os.path.join(volume, "..data")
        os.symlink(f"..{version}", link + ".new")
        os.rename(link + ".new", link)
        if version == 1: os.symlink("..data/token", os.path.join(volume, "token"))
    project(gateway.prod.pod("frontend", lasts_s=20), 1)
    pod.enroll(None, "--token-file", os.path.join(volume, "token"), "--rotate-key", "6s", stay=True)
    pod.wait_for_ping("10.0.0.10")
    drip, began = Drip(pod), time.time()
    first, address = pod.session(), pod.v4
    project(gateway.prod.pod("frontend", lasts_s=600), 2)
    # The key changes, so the session is found by its id.
    def session(): return gateway.sessions(id=first["id"])[0]
    wait_until(lambda: session()["expires_at"] > first["expires_at"], 20, "a renewal with the new token")
    say(f"renewed after {time.time() - began:.1f} s: until {session()['expires_at']}, not {first['expires_at']}")
    wait_until(lambda: session()["public_key"] != first["public_key"], 30, "another key")
    drip.expect_growing()
    wait_until(lambda: pod.run("wg", "show", pod.link, "public-key").strip() == session()["public_key"], 10, "the client with its new key")
    drip.expect_growing()
    wait_until(lambda: time.time() > began + 22, 30, "the end of the first token")
    drip.expect_growing()
    say(f"the key changed and the first token ended; the download went on: {drip.end():,} bytes, none missing")

    # --- thrown out, it comes back; ended, it leaves nothing
    gateway.run_ctl("enrolled", "end", first["id"])
    wait_until(lambda: gateway.sessions(identity="sa:prod/shop/frontend") and gateway.sessions(identity="sa:prod/shop/frontend")[0]["id"] != first["id"],
               90, "the client to enrol again by itself")
    pod.wait_for_ping("10.0.0.10", 30)
    pod.take_addresses()
    expect(pod.v4 == address, f"with the address of before, {address}, not {pod.v4}")
    lab.end(pod.process, timeout_s=20)
    wait_until(lambda: not gateway.sessions(identity="sa:prod/shop/frontend"), 5, "the end of its session")
    expect(pod.link not in pod.ip("link"), "its interface is gone")
    say("ended from outside it came back; told to stop it took its session and its interface along")

    # --- wg-quick, a browser's token that is bound to the key, and posture
    key_file, quick = os.path.join(lab.folder, "laptop.key"), os.path.join(lab.folder, "wg-laptop.conf")
    nonce = laptop.run(SALLYCTL, "enroll", "--print-nonce", "--key-file", key_file).strip()
    laptop.write_token(gateway.corp.person("ann", nonce=nonce))
    common = ["--gateway", "https://192.0.2.1:8443", "--ca", os.path.join(lab.folder, "enrol-ca.pem"), "--token-file", laptop.token_path]
    laptop.run(SALLYCTL, "enroll", *common, "--key-file", key_file, "--write", quick)
    expect(os.stat(quick).st_mode & 0o777 == 0o600, "the file is its owner's alone")
    stripped = run("wg-quick", "strip", quick)
    expect(gateway.public_key in stripped and "192.0.2.1:51820" in stripped, f"the wg-quick file: {stripped}")
    session = gateway.sessions(identity="user:corp/ann@example.com")[0]
    laptop.private_key = next(line.split(" = ")[1] for line in stripped.splitlines() if line.startswith("PrivateKey"))
    laptop.psk = next(line.split(" = ")[1] for line in stripped.splitlines() if line.startswith("PresharedKey"))
    laptop.v4, laptop.v6 = (one.split("/")[0] for one in session["addresses"])
    laptop.start()
    laptop.wait_for_ping("10.0.0.10")
    before = gateway.refused("not_bound_to_key")
    failed = subprocess.run(laptop.enter(SALLYCTL, "enroll", *common, "--write", quick + "2"), capture_output=True, text=True)
    expect(failed.returncode != 0 and "refused" in failed.stderr + failed.stdout, f"the token is bound to the other key: {failed}")
    expect(gateway.refused("not_bound_to_key") == before + 1 and not os.path.exists(quick + "2"), "and the gateway says why")
    say("wg-quick takes the file; a token that is bound to a key is worth nothing with another")
