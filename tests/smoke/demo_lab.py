#!/usr/bin/python3
"""The laboratory part of tools/demo: two clients reach an inside web server through the gateway; everything is measured, shown
and, with --json FILE, written down. Exit 0 only if every step worked."""
import argparse
import json

from smoke import *

DOWNLOAD_BYTES = 50_000_000
results, failures = {}, []


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


def connect(client, by_gateway):
    started = time.monotonic()
    (lab.inside if by_gateway else client).wait_for_ping(client.v4 if by_gateway else "10.0.0.10")
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
    traffic = Traffic(ann)
    flow(1)
    gateway.kill("controlplane")
    gateway.wait_ready()
    flow(1)
    both, outside = traffic.stop(quiet=True)
    lost, sent = sum(one["lost"] for one in both.values()), sum(one["sent"] for one in both.values())
    expect(lost <= sum(max(0, count) for count in outside.values()), f"{lost} of {sent} packets were lost, outside the gateway: {outside}")
    return {"sent": sent, "lost": lost}


def gateway_view():
    section("what the gateway says about itself (sallyctl status, sallyctl peers)")
    for command in ("status", "peers"):
        print("".join(f"    {text}\n" for text in gateway.run_ctl(command).rstrip().splitlines()))
    results["peers"], results["ports"], results["counters"] = gateway.ctl("peers"), gateway.ctl("ports"), gateway.counters()


def story():
    section("handshakes: one started by each side, over IPv4 and IPv6")
    step("handshake by client", lambda: connect(ann.start(), False),
         lambda v: f"ann   started it over IPv4       first answer after {v['first_answer_ms']} ms, endpoint {v['endpoint']}")
    step("handshake by gateway", lambda: connect(bob.start(knows_gateway=False), True),
         lambda v: f"bob   was called over IPv6       first answer after {v['first_answer_ms']} ms, endpoint {v['endpoint']}")
    section("pings through the tunnel")
    for who, name in ((ann, "ann"), (bob, "bob")):
        for address in ("10.0.0.10", "fd00::10"):
            step(f"ping {name} {address}", lambda: ping(who, address), lambda v: f"{name:<5} -> inside {address:<15} 10 of 10, {v['average_ms']:.2f} ms on average")
    step("ping ann to bob", lambda: ping(ann, bob.v6), lambda v: f"ann   -> bob    {bob.v6:<15} 10 of 10, {v['average_ms']:.2f} ms on average")
    section(f"downloads of {DOWNLOAD_BYTES // 1_000_000} MB from the inside web server, every byte compared")
    for who, name in ((ann, "ann"), (bob, "bob")):
        for address in ("10.0.0.10", "fd00::10"):
            step(f"download {name} {address}", lambda: mbit(who, address), lambda v: f"{name:<5} <- inside {address:<15} {v['mbit_per_s']} Mbit/s, intact")
    step("download ann from bob", lambda: mbit(ann, bob.v4, 20_000_000, 8081), lambda v: f"ann   <- bob    {bob.v4:<15} {v['mbit_per_s']} Mbit/s, intact")
    section("the control plane is killed (SIGKILL) under 4,000 numbered packets a second")
    step("control plane killed", control_plane_dies, lambda v: f"{v['lost']} of {v['sent']:,} packets lost; it is back and adopted the sessions")
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
    ip netns exec {ann.name} ping 10.0.0.10
    ip netns exec {ann.name} curl http://[fd00::10]:8080/
    ip netns exec {bob.name} wg show {bob.link}
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
    gateway = Gateway(lab)
    ann, bob = Client(lab, gateway, 1), Client(lab, gateway, 2, outer=6, answers=True)
    for client, name in ((ann, "ann"), (bob, "bob")): next(peer for peer in gateway.peers if peer["name"] == client.peer_name)["name"] = client.peer_name = name
    gateway.start()
    start_web_server(lab.inside)
    start_web_server(bob, port=8081)
    line("lab", f"gateway on two wires, clients ann and bob, a web server inside, {time.monotonic() - started:.1f} s")
    story()
    summary()
    if options.json:
        with open(options.json, "w") as file: json.dump({"ok": not failures, "failed": failures, "took_s": round(time.monotonic() - started, 1), **results}, file, indent=2)
    if options.keep:
        lab.kept = True
        how_to_look_around()
sys.exit(1 if failures else 0)
