"""A gateway that enrols, and clients that have nothing but a proof: they make their keys themselves (with sallyctl enroll, or by
hand where a test wants to say something that sallyctl never would)."""
import json
import os
import subprocess

from client import Client
from gateway import SALLYCTL, Gateway, replace_file
from issuer import AUDIENCE, Authority, Issuer
from lab import Failure, enlarge_receive_buffers, expect, run, wait_until

KUBERNETES, IDP = "https://kubernetes.default.svc", "https://idp.example.com"

ISSUERS = f"""schema = 1
[issuer.prod]
type = "kubernetes"
issuer = "{KUBERNETES}"
jwks_file = "prod.jwks.json"
audience = "{AUDIENCE}"
[issuer.corp]
type = "oidc"
issuer = "{IDP}"
jwks_file = "corp.jwks.json"
audience = "{AUDIENCE}"
[issuer.mesh]
type = "spiffe-x509"
bundles = {{ "prod.example.org" = "bundle.pem" }}
"""

# One workload may, the other may not.
POLICY = ISSUERS + """
[service]
backend = { prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["tcp/8080"] }
ping    = { prefixes = ["0.0.0.0/0", "::/0"], ports = ["icmp", "icmp6"] }
[[rule]]
name = "frontend-to-backend"
action = "allow"
from = ["sa:prod/shop/frontend"]
to = ["backend"]
[[rule]]
name = "everybody-may-ping"
action = "allow"
from = ["*"]
to = ["ping"]
"""


class EnrollingGateway(Gateway):
    """Issuers `prod` (Kubernetes), `corp` (OIDC) and `mesh` (SPIFFE), whose keys the test has; enrolment at 192.0.2.1:8443."""

    def __init__(self, lab, policy=POLICY, enrolment=None, pool=("10.8.128.0/24", "fd08::1:0/112"), wan=None, sections=(), **more):
        self.prod, self.corp = Issuer(lab, "prod", KUBERNETES), Issuer(lab, "corp", IDP, "ES256")
        self.mesh, self.server_ca = Authority("prod.example.org A"), Authority("lab")
        replace_file(os.path.join(lab.folder, "bundle.pem"), self.mesh.pem())
        replace_file(os.path.join(lab.folder, "enrol-ca.pem"), self.server_ca.pem())
        certificate, key = self.server_ca.server("192.0.2.1", "2001:db8::1")
        replace_file(os.path.join(lab.folder, "enrol.pem"), certificate)
        replace_file(os.path.join(lab.folder, "enrol.key"), key, 0o600)
        self.enrolment = {"listen": "192.0.2.1:8443", "certificate_file": "enrol.pem", "private_key_file": "enrol.key", "wireguard": "wg0",
                          "pool": "workloads", "dns": ["10.0.0.53"], "routes": ["10.0.0.0/8", "fd00::/8"], "requests_per_s": 100,
                          **(enrolment or {})}
        super().__init__(lab, policy=policy, wan={"host": ["tcp/8443"], **(wan or {})},
                         sections=[("[pool]", {"name": "workloads", "prefixes": list(pool)}),
                                   ("enrolment", self.enrolment), *sections], **more)

    def enrolment_url(self):
        return f"https://{self.enrolment['listen']}"

    def sessions(self, **wanted):
        listed = self.ctl("enrolled")["sessions"]
        return [one for one in listed if all(one.get(key) == value for key, value in wanted.items())]

    def refused(self, reason):
        """How often a proof was refused for this reason."""
        return self.counter(f"enrolment_refused_{reason}")

    def counter(self, name):
        return self.ctl("counters")["control_plane"][name]


class EnrolledClient(Client):
    """name: of its host. Its tunnel is made by `sallyctl enroll`."""

    def __init__(self, lab, gateway, number, name=None, **more):
        super().__init__(lab, gateway, number, name=name, configured=False, **more)
        self.token_path = os.path.join(lab.folder, f"{self.role}.token")
        self.process = None

    def write_token(self, token):
        replace_file(self.token_path, token + "\n", 0o600)

    def enroll(self, token=None, *options, stay=False, wait=True):
        """token None: what the options say is the proof."""
        proof = []
        if token is not None:
            self.write_token(token)
            proof = ["--token-file", self.token_path]
        command = [SALLYCTL, "enroll", "--gateway", self.gateway.enrolment_url(), "--ca", os.path.join(self.lab.folder, "enrol-ca.pem"),
                   *proof, "--interface", self.link, "--instance", self.role, *options]
        if stay:
            self.process = self.spawn("enroll", *command, "--stay")
        else:
            self.said = self.run(*command)
        if not wait: return self
        wait_until(lambda: os.path.exists(f"/var/run/wireguard/{self.link}.sock"), 10, f"the tunnel of {self.role}")
        self.take_addresses()
        for pid in self.wireguard_pids(): enlarge_receive_buffers(pid)
        return self

    def wait_for_enrolment(self):
        """Until the gateway's enrolment API is reached from here."""
        wait_until(lambda: "192.0.2.1" in self.lab.gw.run("ip", "-4", "addr"), 10, "the port's address on the host")
        def answers():
            try: return self.ask("/v1/openapi.json", method="GET")[0] == 200
            except Failure: return False
        wait_until(answers, 20, "the enrolment API")

    def take_addresses(self):
        def addresses():
            shown = json.loads(self.ip(f"-j addr show dev {self.link}"))[0]["addr_info"]
            return {one["family"]: one["local"] for one in shown if one.get("scope") != "link"}
        got = wait_until(lambda: len(addresses()) == 2 and addresses(), 10, f"the addresses of {self.role}")
        self.v4, self.v6 = got["inet"], got["inet6"]
        self.public_key = self.run("wg", "show", self.link, "public-key").strip()

    def wireguard_pids(self):
        def is_ours(pid):
            try:
                with open(f"/proc/{pid}/cmdline") as file: words = file.read().split("\0")
            except OSError: return False                           # it is gone
            return os.path.basename(words[0]) == "wireguard-go" and self.link in words
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_ours(pid)]

    def session(self):
        return next(iter(self.gateway.sessions(public_key=self.public_key)), None)

    def ask(self, path, body=None, method="POST", bearer=None, certificate=None, key=None, raw=None):
        """One request by hand: (status, bytes of the answer)."""
        command = ["curl", "-sS", "-m", "10", "--cacert", os.path.join(self.lab.folder, "enrol-ca.pem"), "-X", method,
                   "-w", "\n%{http_code}", self.gateway.enrolment_url() + path]
        if body is not None or raw is not None:
            path = os.path.join(self.lab.folder, f"{self.role}.body")
            with open(path, "w") as file: file.write(raw if raw is not None else json.dumps(body))
            command += ["-H", "Content-Type: application/json", "--data-binary", f"@{path}"]
        if bearer: command += ["-H", f"Authorization: Bearer {bearer}"]
        if certificate: command += ["--cert", certificate, "--key", key]
        answer, _, status = self.run(*command).rpartition("\n")
        return int(status), answer

    def enroll_by_hand(self, token, public_key=None, **more):
        return self.ask("/v1/enroll", {"public_key": public_key or self.public_key, "token": token, **more})


def fresh_key():
    """(private, public)"""
    private = run("wg", "genkey").strip()
    return private, subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True).stdout.strip()


def enrolling_site(lab, *clients, **gateway):
    """As site(), with a gateway that enrols and clients that are not enrolled yet."""
    from client import start_web_server
    here = EnrollingGateway(lab, **gateway)
    made = [EnrolledClient(lab, here, count, **options) for count, options in enumerate(clients, 1)]
    here.start()
    start_web_server(lab.inside)
    if made: made[0].wait_for_enrolment()
    return here, *made
