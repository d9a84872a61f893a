#!/usr/bin/python3
"""Each session by proof has a preshared key of its own, another one with each answer; until the client has taken it up a handshake with
the former one completes too, and one with neither never does. Whether it came by a post-quantum key exchange is told of each session;
post_quantum = "require" refuses who has none, with that reason. With OpenSSL 3.5 on both ends (Debian 13) they are, with 3.0 they are not."""
import json
import re
import subprocess

from smoke import *
from enrolled import enrolling_site, fresh_key


def has_hybrids():
    return tuple(int(part) for part in re.search(r" (\d+)\.(\d+)", run("openssl", "version")).groups()) >= (3, 5)


with Lab() as lab:
    gateway, frontend, other = enrolling_site(lab, {"name": "frontend"}, {"name": "other"})
    can = has_hybrids()
    token = gateway.prod.pod("frontend")
    frontend.enroll(token)
    frontend.wait_for_ping("10.0.0.10")
    first = frontend.wg("preshared-keys")[0]
    expect(len(first) == 44 and gateway.peer(frontend.session()["peer"])["preshared_key"], f"the tunnel has a preshared key: {first}")
    expect(frontend.session()["post_quantum"] == can, f"of its session it is told whether it is post-quantum: {can}")
    of_peer = [one["post_quantum"] for one in gateway.ctl("sessions") if one["peer"] == frontend.session()["peer"]]
    expect(of_peer and set(of_peer) == {can}, f"and of WireGuard's own: {of_peer}")

    # --- a renewal whose key the client takes up later
    status, answer = frontend.ask("/v1/renew", {"public_key": frontend.public_key, "token": token})
    second = json.loads(answer)["preshared_key"]
    expect(status == 200 and second != first, f"another preshared key with each answer: {status}")
    expect(json.loads(answer)["post_quantum"] == can, "the answer says whether it is post-quantum")

    def begin_anew(secret):
        """The client forgets its sessions, and knows this preshared key."""
        path = os.path.join(lab.folder, "frontend.psk")
        replace_file(path, secret, 0o600)
        frontend.run("wg", "set", frontend.link, "peer", gateway.public_key, "remove")
        frontend.run("wg", "set", frontend.link, "peer", gateway.public_key, "preshared-key", path, "endpoint", "192.0.2.1:51820",
                     "persistent-keepalive", "5", "allowed-ips", "10.0.0.0/8,fd00::/8")
        return time.time()

    for name, secret in (("former", first), ("new", second)):
        began = begin_anew(secret + "\n")
        frontend.wait_for_ping("10.0.0.10", 25)
        say(f"a handshake with the {name} preshared key completed within {time.time() - began:.0f} s")
    begin_anew("")
    flow(12)
    expect(not frontend.wg("latest-handshakes") or frontend.wg("latest-handshakes")[0] == "0", "without a preshared key none completes")
    begin_anew(second + "\n")
    frontend.wait_for_ping("10.0.0.10", 25)

    # --- what a client hears of its session
    status, answer = other.ask("/v1/enroll", {"public_key": fresh_key()[1], "token": gateway.prod.pod("other")})
    granted = json.loads(answer)
    status, answer = other.ask("/v1/session", method="GET", bearer=granted["session_token"])
    told = json.loads(answer)
    expect(status == 200 and told["session"] == granted["session"] and told["expires_at"] == granted["expires_at"], f"{status} {answer}")
    expect("preshared_key" not in told and "session_token" not in told, "no secret is told again")
    expect(other.ask("/v1/session", method="GET", bearer="wrong")[0] == 403, "and nobody hears of it without its token")

    # --- nobody without it
    gateway.enrolment["post_quantum"] = "require"
    gateway.write_config()
    gateway.run_ctl("reload")
    def statuses(*options):
        body = json.dumps({"public_key": fresh_key()[1], "token": gateway.prod.pod("batch")})
        return other.run("curl", "-sS", "-m", "10", "--cacert", os.path.join(lab.folder, "enrol-ca.pem"), *options, "-o", "/dev/null",
                         "-w", "%{http_code}", "--data", body, "-H", "Content-Type: application/json",
                         gateway.enrolment_url() + "/v1/enroll")
    before = gateway.refused("not_post_quantum")
    expect(statuses("--curves", "X25519") == "403" and gateway.refused("not_post_quantum") == before + 1, "X25519 alone is refused")
    wait_until(lambda: gateway.log_lines("proof refused", "reason=not_post_quantum"), 3, "the log line")
    refused = gateway.ctl("enrolments", "--state", "refused")["enrolments"]
    expect(refused[0]["reason"] == "not_post_quantum" and "x25519" in refused[0]["detail"].lower(), f"the operator sees why: {refused[:1]}")
    expect(statuses() == ("200" if can else "403"), "what this machine's OpenSSL offers by itself")
    failed = subprocess.run(other.enter(SALLYCTL, "enroll", gateway.enrolment_url(), "--ca", os.path.join(lab.folder, "enrol-ca.pem"),
                                        "--token-file", frontend.token_path, "--write", os.path.join(lab.folder, "x.conf")),
                            capture_output=True, text=True)
    expect((failed.returncode == 0) == can, f"sallyctl enroll: {failed}")
    frontend.wait_for_ping("10.0.0.10")
    live = [one for one in gateway.ctl("enrolments")["enrolments"] if one["state"] == "live"]
    expect(frontend.session()["id"] in {one["id"] for one in live}, "who was in stays in until the next renewal")
    gateway.run_ctl("enrolled", "end", granted["session"])
    past = gateway.ctl("enrolments", "--state", "past")["enrolments"]
    expect(past[0]["id"] == granted["session"] and past[0]["why"].startswith("ended by"), f"a session that ended: {past[:1]}")
    say(f"require: {'the hybrid is let in, X25519 alone is refused' if can else 'OpenSSL here has no hybrid, so all are refused'}, with that reason")
