#!/usr/bin/python3
"""The laboratory part of tools/demo: two workloads that prove who they are, a branch router whose key was typed in, an inside web
server, and a policy that says who reaches whom; everything is measured, shown and, with --json FILE, written down. Exit 0 only if
every step worked."""
import argparse
import json

from enrolled import AUDIENCE, KUBERNETES, EnrolledClient, EnrollingGateway
from smoke import *

DOWNLOAD_BYTES = 50_000_000
FRONTEND, BATCH, BRANCH = "sa:prod/shop/frontend", "sa:prod/shop/batch", "user:corp/branch"
CUT_LIMIT_S, REVOKE_LIMIT_S = 2.0, 1.0
results, failures = {}, []


POLICY = f"""schema = 1

[issuer.prod]
type = "kubernetes"
issuer = "{KUBERNETES}"
jwks_file = "prod.jwks.json"
audience = "{AUDIENCE}"

[service]
backend = {{ prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["tcp/8080"] }}
cache   = {{ identities = ["{BATCH}"], ports = ["tcp/8081"] }}
stream  = {{ prefixes = ["10.0.0.10/32"], identities = ["{FRONTEND}"], ports = ["udp/20000-59999"] }}
ping    = {{ prefixes = ["0.0.0.0/0", "::/0"], ports = ["icmp", "icmp6"] }}

[[rule]]
name = "stream-both-ways"
action = "allow"
from = ["{FRONTEND}", "net:10.0.0.0/24"]
to = ["stream"]

[[rule]]
name = "everybody"
action = "allow"
from = ["*"]
to = ["cache", "ping"]

[[rule]]
name = "batch-stays-out"
action = "deny"
from = ["{BATCH}"]
to = ["backend"]
deny = "reject"
"""
# What the demonstration takes away and gives back.
FRONTEND_RULE = f"""
[[rule]]
name = "frontend-to-backend"
action = "allow"
from = ["{FRONTEND}"]
to = ["backend"]
"""


def line(topic, text):
    print(f"  {topic:<10} {text}", flush=True)


def section(text):
    print(f"\n  {text}", flush=True)


def step(name, action, describe):
    """Runs one step of the story. A step that fails is shown and remembered; the story goes on."""
    try:
        value = action()
        results[name] = value
        print(f"    {describe(value)}", flush=True)
    except Exception as failure:                         # whatever broke, the summary must say so
        failures.append(name)
        results[name] = {"failed": str(failure)}
        print(f"    FAILED  {name}: {str(failure).splitlines()[0]}", flush=True)


def milliseconds(started):
    return round((time.monotonic() - started) * 1000, 1)


def enroll(client):
    """A service-account token, as a pod has one in a projected volume; `sallyctl enroll --stay` does the rest."""
    started = time.monotonic()
    client.enroll(gateway.prod.pod(client.peer_name), stay=True)
    took = milliseconds(started)
    client.wait_for_ping("10.0.0.10")
    session = client.session()
    peer = wait_until(lambda: gateway.connected(session["peer"]) and gateway.peer(session["peer"]), 3, "the gateway's view")
    return {"took_ms": took, "first_answer_ms": milliseconds(started), "endpoint": peer["endpoint"],
            **{key: session[key] for key in ("identity", "peer", "addresses", "expires_at")}}


def called_by_gateway(client):
    started = time.monotonic()
    client.start(knows_gateway=False)
    lab.inside.wait_for_ping(client.v4)
    took = milliseconds(started)
    peer = wait_until(lambda: gateway.connected(client.peer_name) and gateway.peer(client.peer_name), 3, "the gateway's view")
    return {"first_answer_ms": took, "endpoint": peer["endpoint"]}


def ping(namespace, address):
    started = time.monotonic()
    out = namespace.run("ping", "-n", "-q", "-c", "10", "-i", "0.05", "-W", "2", address)
    answered = int(out.split(" received")[0].split()[-1])
    expect(answered == 10, f"{answered} of 10 pings to {address} were answered")
    return {"answered": answered, "average_ms": float(out.split("= ")[1].split("/")[1]), "took_ms": milliseconds(started)}


def mbit(client, host, size_bytes=DOWNLOAD_BYTES, port=8080):
    return {"mbit_per_s": round(client.download(host, size_bytes, port=port) * 8 / 1e6)}


def control_plane_dies():
    traffic = Traffic(frontend)
    flow(1)
    gateway.kill("controlplane")
    gateway.wait_ready()
    flow(1)
    both, outside = traffic.stop(quiet=True)
    lost, sent = sum(one["lost"] for one in both.values()), sum(one["sent"] for one in both.values())
    expect(lost <= sum(max(0, count) for count in outside.values()), f"{lost} of {sent} packets were lost, outside the gateway: {outside}")
    return {"sent": sent, "lost": lost}


def refused():
    """batch is turned away at once, and both sides can be told why."""
    started = time.monotonic()
    expect(not tcp_opens(batch, "10.0.0.10", 8080), "batch should not get in")
    took = milliseconds(started)
    told = gateway.run_ctl("explain", BATCH, "10.0.0.10", "tcp/8080").splitlines()
    line = wait_until(lambda: gateway.log_lines("flow denied", f"identity={BATCH}"), 3, "the log line")[0]
    keys = dict(word.split("=", 1) for word in line.split() if "=" in word)
    keys["at"] = os.path.basename(keys["at"])
    return {"took_ms": took, "explained": next(text for text in told if text.startswith("DENIED")).replace(lab.folder + "/", ""),
            "logged": "flow denied " + " ".join(f"{key}={keys[key]}" for key in ("identity", "destination", "port", "rule", "at"))}


def edit_cuts():
    """The rule goes out of the file, the file is applied, and the download that it allowed ends."""
    drip = Drip(frontend)
    gateway.write_policy(POLICY)
    edited_at = time.time()
    said = gateway.run_ctl("policy", "apply").splitlines()
    after_s = drip.await_cut(edited_at, CUT_LIMIT_S, "the edit")
    expect(not tcp_opens(frontend, "10.0.0.10", 8080, 1), "frontend should be out")
    gateway.write_policy(POLICY + FRONTEND_RULE)
    gateway.apply()
    wait_until(lambda: tcp_opens(frontend, "10.0.0.10", 8080, 1), 3, "frontend to be in again")
    return {"cut_after_ms": max(0, round(after_s * 1000)), "applied": next((text for text in said if "frontend" in text), said[0])}


def revoked():
    """The download of a revoked identity stops, and a good token opens no door any more."""
    drip = Drip(frontend)
    revoked_at = time.time()
    gateway.run_ctl("revoke", "identity", FRONTEND, "--reason", "the pod was taken over")
    after_s = drip.await_cut(revoked_at, REVOKE_LIMIT_S, "the revocation")
    status, answer = frontend.enroll_by_hand(gateway.prod.pod("frontend"))
    expect(status == 403 and not gateway.sessions(identity=FRONTEND), f"a revoked identity should stay out: {status} {answer}")
    line = wait_until(lambda: gateway.log_lines("proof refused", "reason=revoked_identity"), 3, "the log line")[0]
    return {"cut_after_ms": max(0, round(after_s * 1000)), "answered": f"{status} {answer}", "logged": line[line.index("proof refused"):]}


def diagnosed():
    told = gateway.run_ctl("diagnose", FRONTEND, check=False).rstrip().splitlines()
    expect("revoked" in told[-1], f"diagnose should say what is wrong: {told}")
    return {"conclusion": told[-1]}


def gateway_view():
    section("what the gateway says about itself (sallyctl policy rules, sallyctl peers)")
    for rule in gateway.ctl("policy", "rules"):
        print(f"    {rule['name'] or '(no rule)':<22} {rule['action'] or 'deny':<6} {rule['allowed_packets']:>9,} packets allowed, "
              f"{rule['denied_packets']:,} denied")
    print("".join(f"    {text}\n" for text in gateway.run_ctl("peers").rstrip().splitlines()))
    results["peers"], results["ports"], results["counters"] = gateway.ctl("peers"), gateway.ctl("ports"), gateway.counters()
    results["rules"] = gateway.ctl("policy", "rules")


def story():
    section("two workloads enrol with their service-account tokens, at the gateway's underlay address; a branch has its key typed in")
    for client in (frontend, batch):
        step(f"enrol {client.peer_name}", lambda: enroll(client),
             lambda v: f"{v['identity']:<21}  is {', '.join(v['addresses'])} until {v['expires_at']}\n"
                       f"      first answer through its tunnel {v['first_answer_ms']:.0f} ms after it began, endpoint {v['endpoint']}")
    step("handshake by gateway", lambda: called_by_gateway(branch),
         lambda v: f"branch is called over IPv6   first answer after {v['first_answer_ms']} ms, endpoint {v['endpoint']}")
    section(f"who may reach the backend: {FRONTEND}, and not {BATCH}")
    step("let in", lambda: mbit(frontend, "10.0.0.10", 1_000_000), lambda v: "frontend -> backend:8080   let in")
    step("refused", refused, lambda v: f"batch    -> backend:8080   refused after {v['took_ms']} ms\n"
                                       f"      sallyctl explain  {v['explained']}\n      in the log        {v['logged']}")
    step("edit", edit_cuts, lambda v: f"frontend's rule is taken out of policy.toml; sallyctl policy apply says: {v['applied']}\n"
                                      f"      its running download got its last byte {v['cut_after_ms']} ms after the edit; the rule is back")
    section("pings through the tunnel")
    for who, host, address in ((frontend, "inside", "10.0.0.10"), (batch, "inside", "fd00::10"), (frontend, "batch", batch.v6)):
        step(f"ping {who.peer_name} {address}", lambda: ping(who, address),
             lambda v: f"{who.peer_name:<8} -> {host:<6} {address:<15} 10 of 10, {v['average_ms']:.2f} ms on average")
    section(f"downloads of {DOWNLOAD_BYTES // 1_000_000} MB, every byte compared")
    for host, address, port in (("inside", "10.0.0.10", 8080), ("inside", "fd00::10", 8080), ("batch", batch.v4, 8081)):
        step(f"download frontend {address}", lambda: mbit(frontend, address, port=port),
             lambda v: f"frontend <- {host:<6} {address:<15} {v['mbit_per_s']} Mbit/s, intact")
    section("the control plane is killed (SIGKILL) under 4,000 numbered packets a second")
    step("control plane killed", control_plane_dies, lambda v: f"{v['lost']} of {v['sent']:,} packets lost; it is back and adopted the sessions")
    section(f"{FRONTEND} is revoked")
    step("revoked", revoked, lambda v: f"its running download got its last byte {v['cut_after_ms']} ms after the revocation\n"
                                       f"      enrolling again    {v['answered']}\n      in the log         {v['logged']}")
    step("diagnosed", diagnosed, lambda v: f"sallyctl diagnose  {v['conclusion']}")
    try:
        gateway_view()
    except Exception as failure:
        failures.append("sallyctl")
        print(f"    FAILED  {failure}")


def summary():
    downloads = [value["mbit_per_s"] for name, value in results.items() if name.startswith("download") and "mbit_per_s" in value]
    pings = [value["average_ms"] for name, value in results.items() if name.startswith("ping") and "average_ms" in value]
    print("  " + "-" * 76)
    print(f"  {'everything worked' if not failures else 'FAILED: ' + ', '.join(failures)}")
    if downloads: print(f"  throughput {min(downloads)} to {max(downloads)} Mbit/s (AF_PACKET on veth; wireguard-go is the other end), "
                        f"ping {min(pings):.2f} to {max(pings):.2f} ms")
    print("  " + "-" * 76)


def how_to_look_around():
    print(f"""
  The laboratory goes on. Look around:
    {SALLYCTL} --socket {gateway.socket} status
    {SALLYCTL} --socket {gateway.socket} enrolled
    {SALLYCTL} --socket {gateway.socket} explain {BATCH} 10.0.0.10 tcp/8080
    ip netns exec {batch.name} curl http://10.0.0.10:8080/
    {SALLYCTL} --socket {gateway.socket} diagnose {FRONTEND}
    {SALLYCTL} --socket {gateway.socket} revoke --take-back identity {FRONTEND}
    ip netns exec {frontend.name} curl http://[fd00::10]:8080/     (a moment later: it enrols again by itself)
    less {gateway.policy_file}     (edit it, then: sallyctl policy apply)
    less {gateway.config}    (edit it, then: sallyctl reload)
    tail -f {lab.folder}/gw-controlplane.log
  End it, and remove everything, with:
    kill {lab.janitor.pid}
""")


parser = argparse.ArgumentParser()
parser.add_argument("--json")
parser.add_argument("--keep", action="store_true")
options = parser.parse_args()
started = time.monotonic()
with Lab() as lab:
    gateway = EnrollingGateway(lab, policy=POLICY + FRONTEND_RULE)
    frontend, batch = EnrolledClient(lab, gateway, 1, name="frontend"), EnrolledClient(lab, gateway, 2, name="batch")
    branch = Client(lab, gateway, 3, outer=6, answers=True, name="branch", identity=BRANCH)
    gateway.start()
    frontend.wait_for_enrolment()
    start_web_server(lab.inside)
    start_web_server(batch, port=8081)
    line("lab", f"a gateway on two wires, the workloads frontend and batch, a branch, a backend inside, {time.monotonic() - started:.1f} s")
    story()
    summary()
    if options.json:
        summary_of_all = {"ok": not failures, "failed": failures, "took_s": round(time.monotonic() - started, 1), **results}
        with open(options.json, "w") as file: json.dump(summary_of_all, file, indent=2)
    if options.keep:
        lab.kept = True
        how_to_look_around()
sys.exit(1 if failures else 0)
