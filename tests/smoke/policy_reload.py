#!/usr/bin/python3
"""Everything that can go wrong with a policy: mistakes are refused with their place and change nothing, what passed last is in
force after a start, edits that cross are noticed, live services, 20,000 rules, a full disk, and both processes killed."""
import socket
import subprocess

from smoke import *

BASE = """schema = 1
[group]
clients = ["peer:client1", "peer:client2"]
[service]
web  = { prefixes = ["10.0.0.10/32"], ports = ["tcp/8080-8081"] }
live = { endpoints = "blue-green", ports = ["tcp/8080"] }
ping = { prefixes = ["10.0.0.10/32"], ports = ["icmp"] }
[[rule]]
name = "clients"
action = "allow"
from = ["group:clients"]
to = ["ping"]
[[rule]]
name = "one-to-web"
action = "allow"
from = ["peer:client1"]
to = ["web"]
[[rule]]
name = "two-to-live"
action = "allow"
from = ["peer:client2"]
to = ["live"]
"""
FAILING_TEST = """[[test]]
src = "peer:client1"
deny = ["web:tcp/8080"]
"""
RULES = 20_000
REFUSALS = 50


def many_rules():
    return BASE + "".join(f'[[rule]]\nname = "rule-{number}"\naction = "allow"\nfrom = ["sa:prod/team-{number % 500}/job-{number}"]\nto = ["web"]\n'
                          for number in range(RULES - BASE.count("[[rule]]")))


class SmallDisk:
    """A disk of our own that can be full, for the records of flows."""

    def __init__(self, lab):
        self.path = os.path.join(lab.folder, "records")
        os.mkdir(self.path)
        lab.janitor.tell("mount", self.path)
        run("mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", self.path)

    def fill(self):
        with open(os.path.join(self.path, "ballast"), "wb", buffering=0) as file:
            try:
                while True: file.write(bytes(4096))
            except OSError:
                pass

    def free(self): os.unlink(os.path.join(self.path, "ballast"))


with Lab() as lab:
    disk = SmallDisk(lab)
    gateway, one, two = site(lab, {}, {}, policy=BASE, sections=[("flow_records", {"file": "records/flows.jsonl"})])
    for client in (one, two): client.connect()

    def refused(what, words, *command, code=2):
        """sallyctl fails, says these words, and the version in force is what it was."""
        before = gateway.ctl("policy")
        done = subprocess.run(lab.gw.enter(SALLYCTL, "--socket", gateway.socket, *command), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        missing = [word for word in words if word not in done.stdout]
        expect(done.returncode == code and not missing, f"{what}: expected exit {code} and {missing}, got {done.returncode}: {done.stdout}")
        after = gateway.ctl("policy")
        expect(all(after[key] == before[key] for key in ("etag", "generation", "in_force", "source")),
               f"{what} changed what is in force: {before} {after}")
        say(f"{what}: refused")

    # Mistakes.
    first = gateway.ctl("policy")
    test_line = (BASE + FAILING_TEST).count("\n") - 2
    gateway.write_policy(BASE + FAILING_TEST)
    refused("a failing test, apply", [f"policy.toml:{test_line + 2}", "web:tcp/8080"], "policy", "apply")
    refused("a failing test, reload", [f"policy.toml:{test_line + 2}", "web:tcp/8080"], "reload")
    folder = os.path.join(lab.folder, "policies")
    os.mkdir(folder)
    replace_file(os.path.join(folder, "base.toml"), BASE)
    for what, text, words in (("a syntax error", b"schema = 1\n[group\n", ["broken.toml:2"]),
                              ("bytes that are no UTF-8", b'schema = 1\n[group]\nx = ["peer:\xff\xfe"]\n', ["broken.toml:3", "UTF-8"]),
                              ("groups in a loop", b'schema = 1\n[group]\na = ["group:b"]\nb = ["group:a"]\n', ["broken.toml:", "group", "loop"]),
                              ("an unknown group", b'schema = 1\n[[rule]]\nname = "x"\naction = "allow"\nfrom = ["group:client"]\nto = ["web"]\n',
                               ["broken.toml:5", "'client'", "'clients'"]),
                              ("an unknown service", b'schema = 1\n[[rule]]\nname = "x"\naction = "allow"\nfrom = ["group:clients"]\nto = ["wbe"]\n',
                               ["broken.toml:6", "'wbe'", "'web'"])):
        with open(os.path.join(folder, "broken.toml"), "wb") as file: file.write(text)
        refused(f"one file of a folder with {what}", words, "policy", "apply", folder)

    # A start with files that fail: what passed last is in force, and says so.
    download = Drip(one)
    handshakes = one.wg("latest-handshakes")
    gateway.kill("controlplane")
    gateway.wait_ready()
    shown = gateway.ctl("policy")
    expect(shown["source"] == "stored" and shown["etag"] == first["etag"] and shown["generation"] == first["generation"],
           f"the version that passed last: {shown}")
    wait_until(lambda: gateway.ctl("policy")["in_force"], 5, "it to be in force")
    status = gateway.ctl("status")
    loud = [problem for problem in status["problems"] if "policy" in problem["what"] and f"policy.toml:{test_line + 2}" in problem["why"]]
    expect(loud, f"status says that an earlier version is in force, and why: {status['problems']}")
    expect(gateway.log_lines(" error ", "policy of an earlier version is in force"), "so does the log")
    download.expect_growing()
    expect(one.wg("latest-handshakes") == handshakes, "a download and its session outlive a control plane")
    gateway.write_policy(BASE)
    gateway.apply()
    left = [problem for problem in gateway.ctl("status")["problems"] if "policy" in problem["what"]]
    expect(gateway.ctl("policy")["source"] == "files" and not left, f"good files end the complaint: {left}")
    say("started with a failing test: the version that passed last was in force, and the download went on")

    # Two who edit at once.
    gateway.write_policy(BASE + "# edited by one\n")
    applied = gateway.apply()
    expect(applied["generation"] == first["generation"] + 1, f"a new control plane counts on: {first['generation']} became {applied['generation']}")
    replace_file(os.path.join(folder, "base.toml"), BASE + "# edited by two\n")
    os.unlink(os.path.join(folder, "broken.toml"))
    refused("an edit of an outdated version", [applied["etag"]], "policy", "apply", folder, "--made-from", first["etag"], code=1)
    gateway.ctl("policy", "apply", folder, "--made-from", applied["etag"])
    gateway.apply()

    # Live services.
    denies(gateway, "a live service without addresses", lambda: tcp_opens(two, "10.0.0.10", 8080, 0.5))
    gateway.run_ctl("services", "set-endpoints", "live", "10.0.0.10")
    wait_until(lambda: tcp_opens(two, "10.0.0.10", 8080, 0.5), 2, "the endpoint to be let in")
    live, emptied_at = Drip(two), time.time()
    gateway.run_ctl("services", "set-endpoints", "live", "--none")
    say(f"an endpoint that went cut the download after {live.await_cut(emptied_at, 2, 'an endpoint that went'):.2f} s")

    # Twenty thousand rules.
    started = time.monotonic()
    gateway.write_policy(many_rules())
    gateway.apply()
    expect(gateway.ctl("policy")["rules"] == RULES and len(gateway.ctl("policy", "rules")) == RULES + 1, f"{RULES} rules are in force")
    download.expect_growing()
    expect(len(gateway.log_lines("changed what=")) < 1000, "the log does not tell of each of them")
    say(f"{RULES:,} rules were read, tested and in force after {time.monotonic() - started:.1f} s")
    gateway.write_policy(BASE)
    gateway.apply()

    # A full disk.
    def trouble(): return [problem for problem in gateway.ctl("status")["problems"] if "flows.jsonl" in problem["why"]]
    disk.fill()
    for port in range(1, REFUSALS + 1): two.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.0.0.10", port))
    wait_until(trouble, 5, "status to tell of the full disk")
    download.expect_growing()
    expect(one.pings("10.0.0.10", count=3) == 3, "a full disk stops nobody")
    disk.free()
    wait_until(lambda: gateway.flow_records(peer="client2", destination_port=REFUSALS), 5, "the records that waited")
    wait_until(lambda: not trouble(), 3, "the complaint to end")
    recorded = sorted(record["destination_port"] for record in gateway.flow_records(peer="client2", protocol="udp"))
    expect(recorded == list(range(1, REFUSALS + 1)), f"each refusal has one record: {recorded}")
    say("a full disk delayed records, and nothing else")

    # Connections that are open outlive what knew of them, whoever of their ends speaks first.
    listener = lab.inside.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("10.0.0.10", 8081))
    listener.listen()

    class Conversation:
        def __init__(self):
            self.ours = one.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.ours.settimeout(25)
            self.ours.connect(("10.0.0.10", 8081))
            self.theirs = listener.accept()[0]
            self.theirs.settimeout(25)

        def expect_alive(self, what):
            started = time.monotonic()
            try:
                for here, there, words in ((self.ours, self.theirs, b"are you there?"), (self.theirs, self.ours, b"yes")):
                    here.send(words)
                    expect(there.recv(64) == words, f"{what}: {words} arrives")
            except TimeoutError:
                raise Failure(f"{what}: the connection that was open is dead") from None
            say(f"{what}: the connection that was open goes on after {time.monotonic() - started:.1f} s")

    conversation = Conversation()
    gateway.kill("dataplane")
    size = download.size_bytes()
    conversation.expect_alive("the dataplane was killed")
    one.download("10.0.0.10", 1_000_000)
    denies(gateway, "what is not allowed", lambda: tcp_opens(two, "10.0.0.10", 8080, 0.5))
    for which in BINARIES: gateway.stop(which, signal.SIGKILL)
    for which in BINARIES: gateway.start_process(which)
    gateway.wait_ready()
    one.wait_for_ping("10.0.0.10", 25)
    conversation.expect_alive("both processes were killed")
    gateway.policy, rules = None, gateway.policy         # a plain VPN for a while: it keeps no flows, and records none
    records = gateway.sections.pop()
    gateway.write_config()
    gateway.run_ctl("reload")
    conversation.expect_alive("everything is allowed")
    another = Conversation()
    gateway.policy = rules
    gateway.sections.append(records)
    gateway.write_config()
    gateway.run_ctl("reload")
    for each in (conversation, another): each.expect_alive("rules are in force again")
    wait_until(lambda: download.size_bytes() > size + 20_000, 25, "the download, whose client says nothing, to be picked up")
    expect(download.end() > 100_000, "no byte of it is missing")
    say("and so does the download")
