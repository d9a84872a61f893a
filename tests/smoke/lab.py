"""The laboratory of the smoke tests: network namespaces wired like a small site, and the processes in them.

    client1 ... clientN      flood (on demand)
       | eth0                  |
    +--+-----------------------+--+   net: a bridge (192.0.2.0/24, 2001:db8::/64) that also routes, .254 and ::fe
    +--------------+--------------+
                   | wan0
                  gw                  the gateway: 192.0.2.1, 2001:db8::1, tunnels 10.8.0.0/16, fd08::/64
                   | lan0
                inside                10.0.0.10, fd00::10, a real HTTP server

Names are unique to the process, so that labs do not meet. A janitor process of its own removes everything, however the test
ends, a SIGKILL included; it touches only what this lab made.
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("SALLYPORT_BUILD") or os.path.join(os.path.dirname(__file__), "../../build"))
HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77                       # meson's exit code for a test that cannot run here


class Failure(Exception):
    """A test's expectation that did not hold."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def wait_until(condition, timeout_s, what, patience=3):
    """Polls every 50 ms; returns the first true value. The only way in which a test waits for anything. A machine with other
    work gets `patience` times as long, and it is said; 1 where another mechanism would make it true later."""
    start = time.monotonic()
    while True:
        value = condition()
        waited_s = time.monotonic() - start
        if value:
            if waited_s > timeout_s: say(f"slow: {waited_s:.1f} s instead of {timeout_s} s for: {what}")
            return value
        if waited_s > timeout_s * patience:
            raise Failure(f"waited {waited_s:.1f} s for: {what}")
        time.sleep(0.05)


def say(text):
    print(f"[{time.monotonic() - START:7.2f}] {text}", flush=True)


START = time.monotonic()


class Janitor:
    """A forked process that learns what to remove over a pipe and acts when the pipe closes: with us, whatever ends us."""

    def __init__(self):
        reader, self.writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.close(self.writer)
            null = os.open(os.devnull, os.O_RDWR)
            for standard in range(3): os.dup2(null, standard)   # whoever reads our output must not wait for the janitor
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            try:
                self._serve(reader)
            finally:
                os._exit(0)
        os.close(reader)

    def tell(self, *words):
        os.write(self.writer, ("\t".join(words) + "\n").encode())

    def finish(self):
        """Returns when all is removed."""
        os.close(self.writer)
        os.waitpid(self.pid, 0)

    def _serve(self, reader):
        processes, namespaces, mounts, folders, kept = {}, [], [], [], False
        with os.fdopen(reader) as lines:
            for line in lines:
                verb, *words = line.rstrip("\n").split("\t")
                if verb == "process": processes[int(words[0])] = started_at(int(words[0]))
                elif verb == "ended": processes.pop(int(words[0]), None)
                elif verb == "namespace": namespaces.append(words[0])
                elif verb == "folder": folders.append(words[0])
                elif verb == "mount": mounts.append(words[0])
                elif verb == "keep": kept = True
        if kept:                                        # tools/demo --keep: until somebody ends us
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.sigwait({signal.SIGTERM})
        for number in (signal.SIGTERM, signal.SIGKILL):
            for folder in folders:                      # supervisors look for this file before they start anything again
                for name in os.listdir(folder) if os.path.isdir(folder) else []:
                    if name.endswith(".wanted"): os.unlink(os.path.join(folder, name))
            # What the lab started, and what that started in the lab's own namespaces (supervised processes).
            inside = {pid for name in namespaces for pid in pids_in(name)}
            everything = {pid for pid, since in processes.items() if started_at(pid) == since} | inside
            for pid in everything:
                try: os.kill(pid, number)
                except ProcessLookupError: pass
            end = time.monotonic() + 3
            while any(alive(pid) for pid in everything) and time.monotonic() < end:
                time.sleep(0.02)
        for name in namespaces:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        for mount in mounts:
            subprocess.run(["umount", mount], stderr=subprocess.DEVNULL)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def started_at(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def pids_in(namespace):
    found = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True).stdout
    return [int(pid) for pid in found.split()]


class inside_of:
    """Sockets that are made in this block belong to the namespace."""

    def __init__(self, namespace): self.there = os.open(f"/run/netns/{namespace.name}", os.O_RDONLY)

    def __enter__(self):
        self.here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        set_namespace(self.there)

    def __exit__(self, *_):
        set_namespace(self.here)
        os.close(self.here)
        os.close(self.there)


def set_namespace(fd):
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000) != 0: raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    def __init__(self, lab, role):
        self.lab, self.role, self.name = lab, role, f"sp{lab.tag}-{role}"
        self.lab.janitor.tell("namespace", self.name)
        run("ip", "netns", "add", self.name)
        self.ip("link set lo up")
        self.sysctl("net.ipv6.conf.all.accept_dad", 0)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)

    def enter(self, *command):
        """The command as it runs in this namespace. Not `ip netns exec`: that remounts /, which a chroot does not allow."""
        return ("nsenter", f"--net=/run/netns/{self.name}", *command)

    def ip(self, words):
        return self.run("ip", *words.split())

    def run(self, *command, check=True, timeout=60, **more):
        return run(*self.enter(*command), check=check, timeout=timeout, **more)

    def spawn(self, name, *command, **more):
        return self.lab.spawn(f"{self.role}-{name}", *self.enter(*command), **more)

    def socket(self, *kind):
        """A socket of this namespace, in our hands."""
        with inside_of(self): return socket.socket(*kind)

    def sysctl(self, key, value):
        self.run("sh", "-c", f"echo {value} > /proc/sys/{key.replace('.', '/')}")

    def mac(self, link):
        return json.loads(self.ip(f"-j link show dev {link}"))[0]["address"]

    def statistics(self, link):
        """The kernel's counters of one interface: {"rx": {...}, "tx": {...}}."""
        return json.loads(self.ip(f"-j -s link show dev {link}"))[0]["stats64"]

    def udp_counters(self):
        """Datagrams that sockets of this namespace lost because their buffers were full: {"RcvbufErrors", "SndbufErrors"}."""
        text = self.run("cat", "/proc/net/snmp", "/proc/net/snmp6")
        rows = [line.split() for line in text.splitlines() if line.startswith("Udp:")]
        v4 = dict(zip(rows[0][1:], map(int, rows[1][1:])))
        v6 = {key[4:]: int(value) for key, value in (line.split() for line in text.splitlines() if line.startswith("Udp6"))}
        return {key: v4.get(key, 0) + v6.get(key, 0) for key in ("RcvbufErrors", "SndbufErrors")}

    def pings(self, address, count=1, timeout_s=1, interval_s=0.2, options=()):
        """How many of count echo requests were answered."""
        out = self.run("ping", "-n", "-q", "-c", str(count), "-i", str(interval_s), "-W", str(timeout_s), *options, address,
                       check=False, timeout=count * (interval_s + timeout_s) + 10)
        return next((int(line.split(" received")[0].split()[-1]) for line in out.splitlines() if " received" in line), 0)

    def wait_for_ping(self, address, timeout_s=10):
        return wait_until(lambda: self.pings(address) == 1, timeout_s, f"an answer from {address} to {self.role}")


def run(*command, check=True, timeout=60, **more):
    """Runs a command and returns what it printed, errors included."""
    done = subprocess.run(command, stdin=more.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=timeout, **more)
    if check and done.returncode != 0:
        raise Failure(f"exit {done.returncode}: {' '.join(command)}\n{done.stdout.strip()}")
    return done.stdout


class Lab:
    """`with Lab() as lab:` - the underlay, the gateway's namespace and its two wires, the inside host."""

    def __init__(self, wire_inside=True):
        require_root()
        self.tag = str(os.getpid())
        self.kept, self.processes, self.logs = False, [], []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        self.janitor = Janitor()
        self.folder = tempfile.mkdtemp(prefix=f"sallyport-lab-{self.tag}-")
        self.janitor.tell("folder", self.folder)
        try:
            self.net, self.gw = Namespace(self, "net"), Namespace(self, "gw")
            self._build_underlay()
            self.inside = Namespace(self, "inside")
            if wire_inside: self._build_inside()
        except BaseException:
            self.janitor.finish()
            raise

    def _build_underlay(self):
        self.net.ip("link add name br0 type bridge forward_delay 0 mcast_snooping 0")
        self.net.ip("addr add 192.0.2.254/24 dev br0")
        self.net.ip("addr add 2001:db8::fe/64 dev br0 nodad")
        self.net.ip("link set br0 up")
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.net.sysctl(key, 1)
        self.net.sysctl("net.ipv4.conf.all.send_redirects", 0)
        self.net.sysctl("net.ipv4.conf.br0.send_redirects", 0)
        self.wire(self.net, "gw", self.gw, "wan0")
        self.net.ip("link set gw master br0")
        self.given_to_dpdk(self.gw, "wan0")

    def _build_inside(self):
        self.wire(self.inside, "eth0", self.gw, "lan0")
        self.given_to_dpdk(self.gw, "lan0")
        self.inside.ip("addr add 10.0.0.10/24 dev eth0")
        self.inside.ip("addr add fd00::10/64 dev eth0 nodad")
        self.inside.ip("route add 10.8.0.0/16 via 10.0.0.1")
        self.inside.ip("route add fd08::/64 via fd00::1")

    def wire(self, here, here_link, there, there_link):
        """A veth pair. No offload on either end: what crosses must be complete on the wire, for DPDK reads it there."""
        run("ip", "link", "add", here_link, "numtxqueues", "1", "numrxqueues", "1", "netns", here.name, "type", "veth",
            "peer", "name", there_link, "numtxqueues", "1", "numrxqueues", "1", "netns", there.name)
        for namespace, link in ((here, here_link), (there, there_link)):
            namespace.run("ethtool", "-K", link, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off",
                          "rxvlan", "off", "txvlan", "off", check=False)
            namespace.ip(f"link set {link} up txqueuelen 10000")

    def given_to_dpdk(self, namespace, link):
        """The kernel's own stack must stay out of what a DPDK port carries."""
        namespace.sysctl(f"net.ipv6.conf.{link}.disable_ipv6", 1)
        for key, value in (("rp_filter", 1), ("arp_ignore", 8)):
            namespace.sysctl(f"net.ipv4.conf.{link}.{key}", value)

    def spawn(self, name, *command, urgency=-8, **more):
        """Starts a process that ends with the lab; its output is kept and shown if the test fails. urgency: as of nice."""
        path = os.path.join(self.folder, f"{name}.log")
        if path not in self.logs: self.logs.append(path)
        with open(path, "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=more.pop("stdout", log), stderr=log,
                                       start_new_session=True, **more)
        self.janitor.tell("process", str(process.pid))
        self.processes.append(process)
        try:                                            # before compilers and the like: a lab measures loss
            with open(f"/proc/{process.pid}/autogroup", "w") as autogroup: autogroup.write(str(urgency))
        except OSError:
            pass
        return process

    def end(self, process, number=signal.SIGTERM, timeout_s=10):
        process.send_signal(number)
        code = process.wait(timeout_s)
        self.janitor.tell("ended", str(process.pid))
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            say(f"FAILED: {error}")
            for path in self.logs:
                with open(path, errors="replace") as log: lines = log.readlines()
                if lines: print(f"--- {os.path.basename(path)} ({len(lines)} lines)\n" + "".join(f"    {line}" for line in lines[-25:] if line.strip()), end="")
        sys.stdout.flush()
        if self.kept:
            self.janitor.tell("keep")
            os.close(self.janitor.writer)
        else:
            self.janitor.finish()
        return False


def require_root():
    if os.geteuid() != 0:
        print("needs root to make network namespaces")
        sys.exit(SKIPPED)


def enlarge_receive_buffers(pid, size_bytes=16 << 20):
    """wireguard-go leaves its UDP sockets at the system's default, 140 ms of our traffic. Borrow them and set more."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                if not os.readlink(f"/proc/{pid}/fd/{entry}").startswith("socket:"): continue
            except FileNotFoundError:
                continue
            borrowed = libc.syscall(438, pidfd, int(entry), 0)          # pidfd_getfd
            if borrowed < 0: continue
            with socket.socket(fileno=borrowed) as held:
                if held.type == socket.SOCK_DGRAM:
                    held.setsockopt(socket.SOL_SOCKET, 33, size_bytes)  # SO_RCVBUFFORCE
    finally:
        os.close(pidfd)
