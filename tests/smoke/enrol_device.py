#!/usr/bin/python3
"""A person without a browser at hand: `sallyctl enroll URL --device-flow` shows an address and a code, waits as the identity provider wants,
binds the token to the key, and renews by the refresh token; who says no is not asked again."""
import json

from smoke import *
from enrolled import enrolling_site

PORT = 8444

with Lab() as lab:
    gateway, laptop = enrolling_site(lab, {"name": "laptop"})
    folder = os.path.join(lab.folder, "provider")
    os.makedirs(folder)
    certificate, key = gateway.server_ca.server("127.0.0.1")
    replace_file(os.path.join(folder, "server.pem"), certificate)
    replace_file(os.path.join(folder, "server.key"), key, 0o600)
    laptop.ip("link set lo up")
    laptop.spawn("provider", "/usr/bin/python3", os.path.join(HERE, "device_provider.py"), str(PORT), folder,
                 os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    ca = os.path.join(lab.folder, "enrol-ca.pem")
    wait_until(lambda: "issuer" in laptop.run("curl", "-sS", "--cacert", ca, f"https://127.0.0.1:{PORT}/.well-known/openid-configuration",
                                              check=False), 10, "the identity provider")

    def forms(path):
        try:
            with open(os.path.join(folder, "forms.jsonl")) as file: return [form for form in map(json.loads, file) if form["path"] == path]
        except OSError: return []
    def said():
        with open(os.path.join(lab.folder, f"{laptop.role}-enroll.log")) as log: return log.read()

    key_file = os.path.join(lab.folder, "laptop.key")
    nonce = laptop.run(SALLYCTL, "enroll", "--print-nonce", "--key-file", key_file).strip()
    command = [SALLYCTL, "enroll", gateway.enrolment_url(), "--ca", ca, "--device-flow", f"https://127.0.0.1:{PORT}", "--issuer-ca", ca,
               "--client-id", "vpn", "--key-file", key_file, "--interface", laptop.link]
    process = laptop.process = laptop.spawn("enroll", *command, "--stay")
    wait_until(lambda: "WDJB-MJHT" in said() and f"https://127.0.0.1:{PORT}/activate" in said(), 20, "the address and the code")
    expect(forms("/device")[0]["nonce"] == nonce and not gateway.sessions(), "the nonce goes along, and nobody is in yet")
    wait_until(lambda: len(forms("/token")) >= 2, 20, "polls")
    replace_file(os.path.join(folder, "token"), gateway.corp.person("ann", nonce=nonce, lasts_s=24))
    wait_until(lambda: gateway.sessions(identity="user:corp/ann@example.com"), 20, "the session of the person")
    first = gateway.sessions(identity="user:corp/ann@example.com")[0]
    laptop.take_addresses()
    laptop.wait_for_ping("10.0.0.10")
    say("a person was shown an address and a code, said yes, and the machine is in")

    replace_file(os.path.join(folder, "token"), gateway.corp.person("ann", nonce=nonce, lasts_s=600))
    wait_until(lambda: gateway.sessions(id=first["id"])[0]["expires_at"] > first["expires_at"], 40, "a renewal")
    expect(forms("/token")[-1]["grant_type"] == "refresh_token" and len(forms("/device")) == 1, "by the refresh token, without asking anybody")
    laptop.wait_for_ping("10.0.0.10")
    lab.end(process, timeout_s=20)
    wait_until(lambda: not gateway.sessions(), 5, "the end of the session")

    replace_file(os.path.join(folder, "denied"), "")
    refused = laptop.run(*command, "--stay", check=False)
    expect(len(forms("/device")) == 2 and not gateway.sessions(), f"who says no is asked once: {refused}")
    say("renewed without asking; a no ends it")
