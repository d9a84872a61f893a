"""The gateway under test: its configuration, its two processes under a supervisor of three lines, and sallyctl."""
import json
import os
import signal
import subprocess

from lab import BUILD, Failure, alive, expect, run, wait_until

BINARIES = {"dataplane": "dataplane/sallyport-dataplane", "controlplane": "controlplane/sallyport-controlplane"}
SALLYCTL = os.path.join(BUILD, "tools/sallyctl")

# What systemd does with Restart=always.
SUPERVISOR = """while [ -e "$1.wanted" ]; do "${@:2}" & echo $! > "$1.pid"
wait $!; echo $? > "$1.exit"; sleep 0.1
done"""


def af_packet(link):
    return f"net_af_packet{0 if link == 'wan0' else 1},iface={link},qpairs=1,blocksz=65536,framesz=2048,framecnt=2048"


def toml_value(value):
    if isinstance(value, bool): return "true" if value else "false"
    if isinstance(value, dict): return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list): return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value)


def toml(sections):
    """[("gateway", {...}), ("[port]", {...})] -> text; a name in brackets is an array of tables."""
    return "\n".join(f"[{name}]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in table.items() if value is not None)
                     for name, table in sections)


RECORDS = ("flow_records", {"file": "flows.jsonl"})       # a section for Gateway(sections=...)


def replace_file(path, text, mode=0o644):
    """In one step, as an editor or a deployment tool does."""
    new = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.new")
    with open(new, "w") as file: file.write(text)
    os.chmod(new, mode)
    os.rename(new, path)


class Gateway:
    def __init__(self, lab, *, wg_mtu=1420, wan=None, lan=None, ports=(), dataplane=None, controlplane=None, sections=(), policy=None):
        self.lab, self.folder = lab, lab.folder
        self.config, self.socket = os.path.join(lab.folder, "gateway.toml"), os.path.join(lab.folder, "control.sock")
        self.private_key = run("wg", "genkey").strip()
        self.public_key = subprocess.run(["wg", "pubkey"], input=self.private_key, capture_output=True, text=True).stdout.strip()
        self.secret_file("wg0.key", self.private_key)
        self.dataplane = {"workers": [1 if os.cpu_count() > 1 else 0], "hugepages": "auto", "idle": "adaptive", "max_peers": 1024,
                          "max_sessions": 4096, "max_flows": 4096, "socket": f"{self.folder}/dataplane.sock", **(dataplane or {})}
        self.controlplane = {"socket": self.socket, "state": f"{self.folder}/state.db", "metrics": "127.0.0.1:9586",
                             "log_level": "debug", **(controlplane or {})}
        self.ports = [{"name": "wan", "device": af_packet("wan0"), "role": "underlay", "addresses": ["192.0.2.1/24", "2001:db8::1/64"],
                       "gateway": ["192.0.2.254", "2001:db8::fe"], "mtu": 1500, **(wan or {})},
                      {"name": "lan", "device": af_packet("lan0"), "role": "inside", "addresses": ["10.0.0.1/24", "fd00::1/64"],
                       **(lan or {})}, *ports]
        self.wireguard = {"name": "wg0", "listen_port": 51820, "private_key_file": "wg0.key",
                          "addresses": ["10.8.0.1/16", "fd08::1/64"], "mtu": wg_mtu}
        self.peers, self.sections, self.supervisors = [], list(sections), {}
        self.policy_file = os.path.join(lab.folder, "policy.toml")      # without a policy everything is allowed
        self.policy = policy
        if policy is not None: self.write_policy(policy)

    def secret_file(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), "w") as file: file.write(text + "\n")
        os.chmod(path, mode)
        return path

    def text(self):
        return toml([("gateway", {"name": "lab"}), ("dataplane", self.dataplane), ("controlplane", self.controlplane),
                     *[("[port]", port) for port in self.ports], ("[wireguard]", self.wireguard),
                     *[("[peer]", peer) for peer in self.peers], *self.sections,
                     ("policy", {"default": "allow"} if self.policy is None else {"files": ["policy.toml"]})])

    def write_config(self):
        replace_file(self.config, self.text(), 0o600)

    # --- policy, and the peers of peers.d

    def write_policy(self, text):
        """Nothing happens until apply() or a reload."""
        self.policy = text
        replace_file(self.policy_file, text)

    def apply(self, *paths):
        """`sallyctl policy apply`; returns what it says when the dataplane has it in force."""
        done = self.ctl("policy", "apply", *paths)
        wait_until(lambda: self.ctl("policy")["in_force"], 10, "the dataplane to have the policy in force")
        return done

    def peer_file(self, name):
        return os.path.join(self.folder, "peers.d", f"{name}.toml")

    def add_peer_file(self, entry):
        os.makedirs(os.path.join(self.folder, "peers.d"), exist_ok=True)
        replace_file(self.peer_file(entry["name"]), toml([("[peer]", entry)]), 0o600)

    def rule(self, name):
        """A rule with its counters; None: what no rule allowed."""
        return next(rule for rule in self.ctl("policy", "rules") if rule["name"] == name)

    def log_lines(self, *words, which="controlplane"):
        """Lines of a process's log that have all of these words."""
        with open(os.path.join(self.folder, f"gw-{which}.log"), errors="replace") as log:
            return [line.rstrip() for line in log if all(word in line for word in words)]

    def flow_records(self, **wanted):
        """Lines of the file that [flow_records] names, which have these values."""
        path = os.path.join(self.folder, dict(self.sections)["flow_records"]["file"])
        with open(path) as file: records = [json.loads(line) for line in file if line.endswith("\n")]
        return [record for record in records if all(record[key] == value for key, value in wanted.items())]

    def start(self, timeout_s=20):
        self.write_config()
        for which in BINARIES: self.start_process(which)
        self.wait_ready(timeout_s)
        return self

    def wait_ready(self, timeout_s=20):
        def ready():
            try: return all(port["link"] in ("up", True) for port in self.ctl("ports")) and self.ctl("ports")
            except (Failure, KeyError): return False
        wait_until(ready, timeout_s, "a gateway whose ports are up")

    # --- processes

    def path(self, which, kind):
        return os.path.join(self.folder, f"{which}.{kind}")

    def start_process(self, which):
        open(self.path(which, "wanted"), "w").close()
        for kind in ("pid", "exit"):
            if os.path.exists(self.path(which, kind)): os.unlink(self.path(which, kind))
        # A real gateway has cores of its own; here it shares two with everything, so it goes first.
        self.supervisors[which] = self.lab.gw.spawn(which, "bash", "-c", SUPERVISOR, "supervisor", os.path.join(self.folder, which),
                                                    os.path.join(BUILD, BINARIES[which]), "--config", self.config, urgency=-18)
        wait_until(lambda: self.pid(which), 5, f"{which} to be started")

    def pid(self, which):
        try:
            with open(self.path(which, "pid")) as file: pid = int(file.read())
        except (OSError, ValueError):
            return None
        return pid if alive(pid) else None

    def kill(self, which, number=signal.SIGKILL):
        """The supervisor starts it again."""
        pid = self.pid(which)
        expect(pid, f"{which} should be running")
        os.kill(pid, number)
        wait_until(lambda: not alive(pid), 10, f"the end of {which}")

    def stop(self, which, number=signal.SIGTERM, timeout_s=10):
        """The supervisor does not start it again. Returns the exit code (128 + N: killed by signal N)."""
        os.unlink(self.path(which, "wanted"))
        os.kill(self.pid(which), number)
        def code():
            try:
                with open(self.path(which, "exit")) as file: return file.read().strip()
            except OSError:
                return None
        ended = int(wait_until(code, timeout_s, f"the end of {which}"))
        self.supervisors[which].wait(5)                  # else it might find the file that the next one makes
        return ended

    # --- what it says about itself

    def run_ctl(self, *command, check=True):
        return self.lab.gw.run(SALLYCTL, "--socket", self.socket, *command, check=check)

    def ctl(self, *command):
        out = self.run_ctl(*command, "--json", check=command != ("status",))   # which fails when it has problems to tell
        try:
            return json.loads(out)
        except json.JSONDecodeError as error:
            raise Failure(f"sallyctl {' '.join(command)} --json printed no JSON: {error}\n{out[:500]}") from None

    def counters(self):
        return self.ctl("counters")["totals"]

    def unaccounted(self):
        """received + originated - sent - punted - consumed - merged - dropped: what is held, and 0 at rest."""
        shown = self.ctl("counters")
        totals, kinds = shown["totals"], {name: text["kind"] for name, text in shown["texts"].items()}
        gone = sum(value for name, value in totals.items() if kinds[name] == "drop" or name in ("sent", "punted", "consumed", "merged"))
        return totals["received"] + totals["originated"] - gone

    def port(self, name):
        return next(port for port in self.ctl("ports") if port["name"] == name)

    def peer(self, name):
        return next((peer for peer in self.ctl("peers") if peer["name"] == name), None)

    def connected(self, name):
        peer = self.peer(name)
        return peer is not None and peer["latest_handshake_s_ago"] is not None
