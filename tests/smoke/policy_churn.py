#!/usr/bin/python3
"""1,000 peers come and 1,000 go each second through peers.d, for ten rounds (a second each where the machine makes files
that fast); all show up and all go, and a client that is there all the time loses nothing. How long they took is said, not judged."""
import base64
import shutil

from smoke import *

PER_ROUND, ROUNDS = 1000, 10
POLICY = """schema = 1
[service]
inside = { prefixes = ["10.0.0.0/24"], identities = ["peer:client1"], ports = ["*"] }
[[rule]]
name = "client"
action = "allow"
from = ["peer:client1", "net:10.0.0.0/24"]
to = ["inside"]
[[rule]]
name = "short-lived"
action = "allow"
from = ["tag:job"]
to = ["inside"]
"""


def peer_text(number):
    return f"""wireguard = "wg0"
public_key = "{base64.b64encode(os.urandom(32)).decode()}"
allowed_ips = ["10.{128 + number // 65536}.{number // 256 % 256}.{number % 256}/32"]
identity = "sa:prod/jobs/job-{number}"
tags = ["job"]
"""


with Lab() as lab:
    gateway, client = site(lab, {}, policy=POLICY, dataplane={"max_peers": 4096, "max_sessions": 8192})
    client.connect()
    folder, staging = os.path.join(lab.folder, "peers.d"), os.path.join(lab.folder, "staging")
    for path in (folder, staging): os.mkdir(path)
    took = {"come": [], "go": []}

    def jobs():
        return [peer for peer in gateway.ctl("peers") if peer["name"].startswith("job-")]

    def come(round_number):
        """How long after the last file was there the last peer was, in seconds. Making the files is the test's own time."""
        names = [f"job-{round_number * PER_ROUND + number}" for number in range(PER_ROUND)]
        for number, name in enumerate(names):
            path = os.path.join(staging, name)
            with open(path, "w") as file: file.write(peer_text(round_number * PER_ROUND + number))
            os.rename(path, os.path.join(folder, f"{name}.toml"))
        def all_there():
            there = jobs()
            return len(there) == PER_ROUND and all(peer["in_dataplane"] for peer in there) and {peer["name"] for peer in there} == set(names)
        written = time.monotonic()
        wait_until(all_there, 10, f"{PER_ROUND} peers to be there")
        return names, time.monotonic() - written

    def go(names):
        for name in names: os.unlink(os.path.join(folder, f"{name}.toml"))
        removed = time.monotonic()
        wait_until(lambda: not jobs(), 10, "all of them to be gone")
        return time.monotonic() - removed

    def churn():
        for round_number in range(ROUNDS):
            begun = time.monotonic()
            names, came = come(round_number)
            took["come"].append(came)
            took["go"].append(go(names))
            spent = time.monotonic() - begun
            if spent < 1: flow(1 - spent)

    def churn_once():
        for times in took.values(): times.clear()
        started = time.monotonic()
        churn()
        say(f"{ROUNDS * PER_ROUND:,} peers came and went in {time.monotonic() - started:.1f} s; "
            f"{PER_ROUND:,} were there {max(took['come']):.2f} s after their last file and gone {max(took['go']):.2f} s after it, at worst")

    without_loss(client, churn_once)
    expect(not [line for line in gateway.log_lines("peer file has an error")], "no file had an error")
    status = gateway.ctl("status")
    expect(status["problems_total"] == 0 and status["controlplane"]["peers_configured"] == 1, f"nothing is left: {status['problems']}")
    client.download("10.0.0.10", 5_000_000)
