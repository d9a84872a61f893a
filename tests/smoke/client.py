"""A client: a namespace on the underlay, a real wireguard-go in it, and its entry in the gateway's configuration."""
import hashlib
import os
import subprocess
import tempfile
import time

from lab import HERE, Namespace, enlarge_receive_buffers, expect, run, wait_until


class Client(Namespace):
    """outer: which IP version the tunnel travels on. answers: the gateway knows the endpoint and may start the handshake.
    configured: in gateway.toml; else the test adds entry() there or to peers.d. allowed_ips: what its own WireGuard lets in."""

    def __init__(self, lab, gateway, number, outer=4, answers=False, configured=True, psk=False, keepalive_s=None, mtu=1420,
                 name=None, identity=None, allowed_ips="10.0.0.0/8, fd00::/8"):
        super().__init__(lab, f"client{number}")
        self.gateway, self.number, self.outer, self.keepalive_s, self.mtu = gateway, number, outer, keepalive_s, mtu
        self.peer_name, self.identity, self.allowed_ips = name or self.role, identity, allowed_ips
        self.link = f"wg{number}-{lab.tag}"              # wireguard-go's control socket lies in one folder for all namespaces
        self.v4, self.v6 = f"10.8.0.{number + 1}", f"fd08::{number + 1:x}"
        self.outer_v4, self.outer_v6 = f"192.0.2.{number + 10}", f"2001:db8::{number + 10:x}"
        self.private_key = run("wg", "genkey").strip()
        self.public_key = subprocess.run(["wg", "pubkey"], input=self.private_key, capture_output=True, text=True).stdout.strip()
        self.psk = run("wg", "genpsk").strip() if psk else None
        lab.wire(lab.net, self.role, self, "eth0")
        lab.net.ip(f"link set {self.role} master br0")
        self.ip(f"addr add {self.outer_v4}/24 dev eth0")
        self.ip(f"addr add {self.outer_v6}/64 dev eth0 nodad")
        self.ip("route add default via 192.0.2.254")
        self.ip("-6 route add default via 2001:db8::fe")
        if configured: gateway.peers.append(self.entry(answers))

    def entry(self, answers=False):
        address = self.outer_v4 if self.outer == 4 else f"[{self.outer_v6}]"
        if self.psk: self.gateway.secret_file(f"{self.peer_name}.psk", self.psk)
        return {"name": self.peer_name, "wireguard": "wg0", "public_key": self.public_key,
                "allowed_ips": [f"{self.v4}/32", f"{self.v6}/128"], "endpoint": f"{address}:51820" if answers else None,
                "preshared_key_file": f"{self.peer_name}.psk" if self.psk else None, "identity": self.identity}

    def start(self, knows_gateway=True, via=None):
        """Brings the tunnel up. A client that does not know the gateway's endpoint can only answer. via: another address to send to."""
        self.process = self.spawn("wireguard", "wireguard-go", "-f", self.link, env={**os.environ, "LOG_LEVEL": "verbose"})
        wait_until(lambda: os.path.exists(f"/var/run/wireguard/{self.link}.sock"), 10, "wireguard-go")
        endpoint = via or ("192.0.2.1:51820" if self.outer == 4 else "[2001:db8::1]:51820")
        self.configure(f"""[Interface]
PrivateKey = {self.private_key}
ListenPort = 51820
[Peer]
PublicKey = {self.gateway.public_key}
AllowedIPs = {self.allowed_ips}
{f"Endpoint = {endpoint}" if knows_gateway else ""}
{f"PresharedKey = {self.psk}" if self.psk else ""}
{f"PersistentKeepalive = {self.keepalive_s}" if self.keepalive_s else ""}
""")
        self.ip(f"addr add {self.v4}/32 dev {self.link}")
        self.ip(f"addr add {self.v6}/128 dev {self.link} nodad")
        self.ip(f"link set {self.link} mtu {self.mtu} txqueuelen 10000 up")
        self.ip(f"route add 10.0.0.0/8 dev {self.link}")
        self.ip(f"-6 route add fd00::/8 dev {self.link}")
        enlarge_receive_buffers(self.process.pid)
        return self

    def configure(self, text, command="setconf"):
        with tempfile.NamedTemporaryFile("w", dir=self.lab.folder) as file:
            file.write(text)
            file.flush()
            self.run("wg", command, self.link, file.name)

    def wg(self, what):
        """One column of `wg show` for our only peer."""
        out = self.run("wg", "show", self.link, what).split()
        return out[1:] if len(out) > 1 else []

    def handshake_age_s(self):
        stamp = int((self.wg("latest-handshakes") or ["0"])[0])
        return time.time() - stamp if stamp else None

    def connect(self, timeout_s=10, via=None):
        self.start(via=via)
        self.wait_for_ping("10.0.0.10", timeout_s)
        return self

    # --- TCP, to the inside host's web server

    def download(self, host, size_bytes, timeout=60, port=8080):
        """Returns bytes per second; the content must be exactly what was served."""
        with tempfile.NamedTemporaryFile(dir=self.lab.folder) as file:
            out = self.run("curl", "-sS", "-f", "-m", str(timeout), "-o", file.name, "-w", "%{speed_download}",
                           f"http://{bracketed(host)}:{port}/bytes/{size_bytes}", timeout=timeout + 5)
            with open(file.name, "rb") as got: digest = hashlib.sha256(got.read()).hexdigest()
        expect(digest == known_digest(size_bytes), f"the download of {size_bytes} bytes from {host} differs from what was served")
        return float(out)

    def upload(self, host, size_bytes, timeout=60, port=8080):
        with tempfile.NamedTemporaryFile(dir=self.lab.folder) as file:
            file.write(known_bytes(size_bytes))
            file.flush()
            out = self.run("curl", "-sS", "-f", "-m", str(timeout), "-H", "Expect:", "--data-binary", f"@{file.name}",
                           f"http://{bracketed(host)}:{port}/upload", timeout=timeout + 5)
        expect(out == known_digest(size_bytes), f"the upload of {size_bytes} bytes to {host} arrived changed")


def bracketed(host):
    return f"[{host}]" if ":" in host else host


def known_bytes(size_bytes):
    from httpd import CHUNK
    return (CHUNK * (size_bytes // len(CHUNK) + 1))[:size_bytes]


def known_digest(size_bytes):
    return hashlib.sha256(known_bytes(size_bytes)).hexdigest()


def start_web_server(namespace, address="::", port=8080):
    namespace.spawn(f"httpd-{port}", "/usr/bin/python3", os.path.join(HERE, "httpd.py"), address, str(port))
    probe = "127.0.0.1" if address in ("::", "0.0.0.0") else bracketed(address)
    wait_until(lambda: namespace.run("curl", "-s", "-f", f"http://{probe}:{port}/", check=False).startswith("This is"), 10, "the web server")
