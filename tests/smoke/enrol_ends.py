#!/usr/bin/python3
"""A session ends with what it was given for, in the middle of a download, and nobody else's does: the proof expires, an operator
revokes it, a newer token lacks the group, the posture lapses. What was revoked stays out over a restart of both processes, the
others keep their addresses; and no control plane is needed for a proof to end."""
from datetime import datetime

from smoke import *
from enrolled import ISSUERS, enrolling_site, fresh_key

POLICY = ISSUERS + """
[group]
sre = ["claim:corp/groups=sre"]
[posture]
managed = ["disk_encrypted == true"]
[service]
backend = { prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["tcp/8080"] }
ping    = { prefixes = ["0.0.0.0/0", "::/0"], ports = ["icmp", "icmp6"] }
[[rule]]
name = "workloads"
action = "allow"
from = ["sa:prod/shop/steady", "sa:prod/shop/brief", "sa:prod/shop/revoked", "sa:prod/shop/lostkey", "sa:prod/shop/machine", "tag:rack"]
to = ["backend"]
[[rule]]
name = "sre"
action = "allow"
from = ["group:sre"]
to = ["backend"]
[[rule]]
name = "managed-laptops"
action = "allow"
from = ["user:corp/bob@example.com"]
to = ["backend"]
when = { posture = ["managed"] }
[[rule]]
name = "ping"
action = "allow"
from = ["*"]
to = ["ping"]
"""

with Lab() as lab:
    names = ("steady", "brief", "revoked", "lostkey", "ann", "bob", "machine")
    gateway, *clients = enrolling_site(lab, *({"name": name} for name in names), policy=POLICY)
    of = dict(zip(names, clients))
    tokens = {name: gateway.prod.pod(name) for name in ("steady", "revoked", "lostkey")}
    for name, token in tokens.items(): of[name].enroll(token)
    of["ann"].enroll(gateway.corp.person("ann", groups=["sre"]))
    of["bob"].enroll(gateway.corp.person("bob"), "--posture", "disk_encrypted=true", "--posture-ttl", "45s")
    posture_until = datetime.fromisoformat(of["bob"].session()["posture_until"]).timestamp()
    made = gateway.ctl("enrolment-keys", "create", "racks", "--tag", "rack", "--uses", "1", "--expires", "1h", "--session", "1h")
    of["machine"].enroll(made["secret"])
    expires = int(time.time()) + 25
    of["brief"].enroll(gateway.prod.token({**gateway.prod.pod_claims("brief"), "exp": expires}))
    drips = {name: Drip(of[name]) for name in names}
    say("seven downloads")

    def cut(name, since, within_s, what):
        after_s = drips.pop(name).await_cut(since, within_s, what)
        expect(not tcp_opens(of[name], "10.0.0.10", 8080, 0.5), f"{name} may not begin another")
        for other in drips.values(): other.expect_growing()
        say(f"{what} cut {name} after {after_s:.2f} s, and {len(drips)} downloads went on")

    cut("brief", expires, 2, "the end of the token")
    cut("bob", posture_until, 2, "the posture's end")

    since = time.time()
    gateway.run_ctl("revoke", "identity", "sa:prod/shop/revoked", "--reason", "a test")
    cut("revoked", since, 1, "revoke identity")
    since = time.time()
    gateway.run_ctl("revoke", "key", of["lostkey"].public_key)
    cut("lostkey", since, 1, "revoke key")
    since = time.time()
    gateway.run_ctl("revoke", "enrolment-key", made["id"])
    cut("machine", since, 1, "revoke enrolment-key")
    since = time.time()
    status, _ = of["ann"].ask("/v1/renew", {"public_key": of["ann"].public_key, "token": gateway.corp.person("ann", groups=["dev"])})
    expect(status == 200, f"the renewal without the group: {status}")
    cut("ann", since, 2, "a token without the group")
    of["ann"].wait_for_ping("10.0.0.10")

    # --- both processes restart
    before = {name: gateway.sessions(public_key=of[name].public_key)[0]["addresses"] for name in ("steady", "ann", "bob")}
    drips.pop("steady").end()
    for which in ("controlplane", "dataplane"): gateway.kill(which)
    gateway.wait_ready()
    wait_until(lambda: len(gateway.sessions()) == 3, 10, "the sessions of before")
    after = {name: gateway.sessions(public_key=of[name].public_key)[0]["addresses"] for name in before}
    expect(before == after, f"the addresses of before: {before} {after}")
    of["steady"].wait_for_ping("10.0.0.10", 30)
    of["steady"].download("10.0.0.10", 1_000_000)
    wait_until(lambda: of["ann"].ask("/v1/openapi.json", method="GET")[0] == 200, 20, "the enrolment API")
    for name, reason, token, key in (("revoked", "revoked_identity", tokens["revoked"], fresh_key()[1]),
                                     ("lostkey", "revoked_public_key", tokens["lostkey"], of["lostkey"].public_key),
                                     ("machine", "revoked_enrolment_key", made["secret"], of["machine"].public_key)):
        count = gateway.refused(reason)
        expect(of[name].enroll_by_hand(token, key)[0] == 403 and gateway.refused(reason) == count + 1, f"{name} stays out: {reason}")
    say("after a restart of both: the revoked stay out, the others have their addresses")
    brief = of["brief"]
    former = brief.v4
    brief.enroll(gateway.prod.pod("brief"))
    expect(brief.v4 == former, f"who comes back has the address of before: {former}, not {brief.v4}")
    brief.wait_for_ping("10.0.0.10")
    brief.download("10.0.0.10", 1_000_000)

    # --- a key of the issuer, and the issuer with all of its keys
    for kind, value in (("issuer-key", f"prod/{gateway.prod.keys[0].kid}"), ("issuer", "prod")):
        drips = {name: Drip(of[name]) for name in ("steady", "brief")}
        since = time.time()
        gateway.run_ctl("revoke", kind, value)
        for name in ("steady", "brief"): drips.pop(name).await_cut(since, 1, f"revoke {kind}")
        say(f"revoking {kind} {value} ended all that it vouched for")
        gateway.run_ctl("revoke", "--take-back", kind, value)
        of["steady"].enroll(tokens["steady"]).wait_for_ping("10.0.0.10")
        brief.enroll(gateway.prod.pod("brief")).wait_for_ping("10.0.0.10")

    # --- a proof ends while no control plane runs
    expires = int(time.time()) + 25
    brief.enroll(gateway.prod.token({**gateway.prod.pod_claims("brief"), "exp": expires})).wait_for_ping("10.0.0.10")
    drips = {name: Drip(of[name]) for name in ("steady", "brief")}
    gateway.stop("controlplane")
    after_s = drips.pop("brief").await_cut(expires, 2, "the end of the token, without a control plane,")
    drips.pop("steady").expect_growing()
    say(f"without a control plane the end of the token cut brief after {after_s:.2f} s")
