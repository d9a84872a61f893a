#!/usr/bin/python3
"""`sallyctl status` shows health: its exit status, the problems of links, gateways, reloads and peers, and that sleep is idle."""
from smoke import *


def status_code(gateway):
    return int(gateway.lab.gw.run("sh", "-c", f"{SALLYCTL} --socket {gateway.socket} status >/dev/null 2>&1; echo $?"))


def problem(gateway, *words):
    return any(all(word in f"{one['what']}: {one['why']}" for word in words) for one in gateway.ctl("status")["problems"])


with Lab() as lab:
    gateway, client = site(lab, {})
    client.connect()
    client.download("10.0.0.10", 100_000)
    wait_until(lambda: (now := gateway.ctl("status"))["healthy"] and now["peers_online"] == 1, 10, "a healthy gateway with one peer online")
    expect(status_code(gateway) == 0, "a healthy gateway's status should exit with 0")
    lines = gateway.log_lines("handshake", client.peer_name)
    answered = next(at for at, line in enumerate(lines) if "handshake answered" in line)
    completed = next(at for at, line in enumerate(lines) if "handshake completed" in line)
    expect(answered < completed, f"first answered, then completed: {lines}")
    say("healthy: exit status 0, one peer online; its handshake was answered, then completed")

    status = gateway.ctl("status")
    worker, up = status["dataplane"]["workers"][0], status["dataplane"]["uptime_s"]
    counted = (worker["busy_cycles"] + worker["idle_cycles"]) / worker["tsc_hz"]
    expect(worker["sleeps"] > 0 and counted > 0.5 * (up - 2), f"{counted:.1f} s busy or idle of {up} s, {worker['sleeps']} sleeps")
    say("sleep counts as idle")

    lab.gw.ip("link set lan0 down")
    wait_until(lambda: gateway.port("lan")["link"] == "down", 10, "the port to be down with the interface below it")
    expect(problem(gateway, "port lan", "link is down") and status_code(gateway) == 1, "a port that is down is a problem")
    lab.gw.ip("link set lan0 up")
    wait_until(lambda: gateway.ctl("status")["healthy"], 10, "health when the port is up again")
    say("a port whose interface is down: down, exit status 1, and up again")

    gateway.sections.append(("nonsense", {"x": 1}))
    gateway.write_config()
    gateway.run_ctl("reload", check=False)
    expect(problem(gateway, "configuration", "gateway.toml:") and status_code(gateway) == 1, "a refused reload, with its reason")
    gateway.sections.pop()
    gateway.write_config()
    gateway.run_ctl("reload")
    expect(status_code(gateway) == 0, "and after a good one all is well")
    say("a refused reload is a problem until one is good")
