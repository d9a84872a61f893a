#!/usr/bin/python3
"""Whoever loses the right to an open connection loses the connection, within 2 s: by an edit of the policy, by the peer's
removal, at a rule's `expires`, at the end of its `hours`, and these two also while no control plane lives. Somebody else's
download goes on through all of it."""
import datetime
import math

from smoke import *

LIMIT_S = 2.0


def utc(at): return datetime.datetime.fromtimestamp(at, datetime.timezone.utc)


def rule(who, more=""):
    return f"""[[rule]]
name = "{who}"
action = "allow"
from = ["peer:{who}"]
to = ["web"]
{more}
"""


def policy(edited_may, expires_at, hours_end_at):
    begin, end = utc(hours_end_at - 120), utc(hours_end_at)
    return f"""schema = 1
[service]
web  = {{ prefixes = ["10.0.0.10/32"], ports = ["tcp/8080"] }}
ping = {{ prefixes = ["10.0.0.10/32"], ports = ["icmp"] }}
[[rule]]
name = "ping"
action = "allow"
from = ["*"]
to = ["ping"]
""" + rule("steady") + rule("removed") + (rule("edited") if edited_may else "") \
        + rule("expiring", f"expires = {utc(expires_at):%Y-%m-%dT%H:%M:%SZ}") \
        + rule("hourly", f'when = {{ hours = "* {begin:%H:%M}-{end:%H:%M} UTC" }}')


def full_minute_after(at): return math.ceil(at / 60) * 60


with Lab() as lab:
    names = ("steady", "edited", "expiring", "hourly", "removed")
    gateway, *clients = site(lab, *({"name": name, "configured": name != "removed"} for name in names),
                             policy=policy(True, time.time() + 3600, time.time() + 3600), sections=[RECORDS])
    steady, edited, expiring, hourly, removed = clients
    gateway.add_peer_file(removed.entry())
    wait_until(lambda: gateway.peer("removed"), 3, "the peer of peers.d")
    for client in clients: client.connect()

    # While the control plane lives.
    now = time.time()
    hours_end, expires = full_minute_after(now + 10), math.ceil(now + 8)
    gateway.write_policy(policy(True, expires, hours_end))
    gateway.apply()
    keeps = Drip(steady)
    of = {client: Drip(client) for client in (edited, expiring, hourly, removed)}
    gateway.write_policy(policy(False, expires, hours_end))
    edited_at = time.time()
    gateway.run_ctl("policy", "apply")
    say(f"an edit cut the download after {of[edited].await_cut(edited_at, LIMIT_S, 'an edited policy'):.2f} s")
    removed_at = time.time()
    os.unlink(gateway.peer_file("removed"))
    say(f"the peer's removal after {of[removed].await_cut(removed_at, LIMIT_S, 'the removal'):.2f} s")
    say(f"`expires` after {of[expiring].await_cut(expires, LIMIT_S, '`expires`'):.2f} s")
    of[hourly].expect_growing()
    say(f"the end of `hours` after {of[hourly].await_cut(hours_end, LIMIT_S, 'the end of `hours`'):.2f} s")
    expect(not tcp_opens(hourly, "10.0.0.10", 8080, 0.5), "nor may it begin another")
    for name in ("edited", "expiring", "hourly"):
        wait_until(lambda: gateway.flow_records(peer=name, reason="revoked", destination_port=8080), 10, f"the record of {name}'s flow")
    wait_until(lambda: gateway.flow_records(reason="peer_removed", destination_port=8080), 10, "the record of the removed peer's flow")
    keeps.expect_growing()

    # And while none does.
    now = time.time()
    hours_end = full_minute_after(now + 10)
    expires = hours_end - 3
    gateway.write_policy(policy(False, expires, hours_end))
    gateway.apply()
    of = {client: Drip(client) for client in (expiring, hourly)}
    gateway.stop("controlplane", signal.SIGKILL)
    say("the control plane was killed and stays away")
    say(f"`expires` after {of[expiring].await_cut(expires, LIMIT_S, '`expires`'):.2f} s")
    say(f"the end of `hours` after {of[hourly].await_cut(hours_end, LIMIT_S, 'the end of `hours`'):.2f} s")
    keeps.expect_growing()
    gateway.start_process("controlplane")
    gateway.wait_ready()
    for client in (hourly, expiring):
        expect(not tcp_opens(client, "10.0.0.10", 8080, 0.5), "a new control plane opens nothing again")
    keeps.expect_growing()
    say(f"the other download went on: {keeps.end():,} bytes, none missing")
