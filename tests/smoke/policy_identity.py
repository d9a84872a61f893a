#!/usr/bin/python3
"""Who you are decides: of two workloads only one reaches the service, and only in the direction and on the port that was
allowed. The refusal names the identity, the rule and where it stands: in the log, in the flow records and in sallyctl."""
from smoke import *

POLICY = """schema = 1
[group]
shop = ["sa:prod/shop/frontend", "sa:prod/shop/batch"]
[service]
backend = { prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["tcp/8080"] }
dns     = { prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["udp/53"] }
ping    = { prefixes = ["10.0.0.10/32"], ports = ["icmp"] }
[[rule]]
name = "frontend-to-backend"
action = "allow"
from = ["sa:prod/shop/frontend"]
to = ["backend"]
[[rule]]
name = "batch-stays-out"
action = "deny"
from = ["sa:prod/shop/batch"]
to = ["backend"]
[[rule]]
name = "basics"
action = "allow"
from = ["group:shop"]
to = ["dns", "ping"]
[[test]]
src = "sa:prod/shop/batch"
deny = ["backend:tcp/8080"]
"""
DENIED_AT = POLICY[:POLICY.index('name = "batch-stays-out"')].count("\n")          # the line of its [[rule]]
V4, V6 = "10.0.0.10", "fd00::10"

with Lab() as lab:
    gateway, frontend, batch = site(lab, {"name": "frontend", "identity": "sa:prod/shop/frontend"},
                                    {"name": "batch", "identity": "sa:prod/shop/batch", "outer": 6}, policy=POLICY, sections=[RECORDS])
    frontend.connect()
    batch.connect()

    def refused(what, attempt): say(f"{what}: {denies(gateway, what, attempt)} packets denied")

    for address in (V4, V6):
        frontend.download(address, 1_000_000)
        refused(f"batch to {address}, tcp/8080", lambda: tcp_opens(batch, address, 8080, 0.5))
        refused(f"frontend to {address}, tcp/22", lambda: tcp_opens(frontend, address, 22, 0.5))
        for client in (frontend, batch):
            expect(udp_passes(client, lab.inside, address, 53), f"{client.peer_name} to {address}, udp/53, and back")
            refused(f"{client.peer_name} to {address}, udp/54", lambda: udp_passes(client, lab.inside, address, 54, 0.5))
    start_web_server(frontend, port=8081)
    for address in (frontend.v4, frontend.v6):           # what may be asked may not ask
        refused(f"inside to frontend, {address}", lambda: tcp_opens(lab.inside, address, 8081, 0.5))
        refused(f"batch to frontend, {address}", lambda: tcp_opens(batch, address, 8081, 0.5))
    expect(lab.inside.pings(frontend.v4, timeout_s=0.3) == 0, "inside may not ping what may ping it")

    # The refusal, told.
    line = wait_until(lambda: gateway.log_lines("flow denied", f"identity={batch.identity}", f"destination={V4}", "port=8080"), 3,
                      "a log line")[0]
    expect("rule=batch-stays-out" in line and f"policy.toml:{DENIED_AT}" in line and "peer=batch" in line, f"who, why, where: {line}")
    say(line[line.index("flow denied"):].replace(lab.folder, "..."))
    record = wait_until(lambda: gateway.flow_records(identity=batch.identity, destination=V4, destination_port=8080), 3, "a flow record")[0]
    told = {key: record[key] for key in ("verdict", "rule", "peer", "source", "protocol", "reason")}
    expect(told == {"verdict": "deny", "rule": "batch-stays-out", "peer": "batch", "source": batch.v4, "protocol": "tcp", "reason": "denied"}
           and record["rule_location"].endswith(f"policy.toml:{DENIED_AT}"), f"the record of the refusal: {record}")
    unlisted = wait_until(lambda: gateway.flow_records(peer="batch", destination_port=54), 3, "the record of what no rule allows")[0]
    expect(unlisted["rule"] is None and unlisted["verdict"] == "deny", f"no rule allows it: {unlisted}")
    ended = wait_until(lambda: gateway.flow_records(identity=frontend.identity, verdict="allow", destination=V4, reason="closed"), 20,
                       "the record of a download")[0]
    expect(ended["rule"] == "frontend-to-backend" and ended["bytes_back"] > 1_000_000, f"the record of a download: {ended}")

    # sallyctl, for programs.
    answer = gateway.ctl("explain", "batch", V4, "tcp/8080")
    expect(not answer["allowed"] and answer["rule"]["name"] == "batch-stays-out" and answer["rule"]["line"] == DENIED_AT
           and answer["source"]["identities"] == [batch.identity] and "backend" in answer["services"], f"explain batch: {answer}")
    answer = gateway.ctl("explain", frontend.identity, "backend", "tcp/8080")
    expect(answer["allowed"] and answer["rule"]["name"] == "frontend-to-backend", f"explain frontend: {answer}")
    answer = gateway.ctl("explain", "frontend", V4, "tcp/22")
    expect(not answer["allowed"] and answer["rule"] is None and "backend" in answer["other_services"], f"explain without a rule: {answer}")
    who = gateway.ctl("whois", batch.v6)
    expect(who["peer"] == "batch" and who["identities"] == [batch.identity] and "batch-stays-out" in who["rules"]
           and who["route"]["kind"] == "peer", f"whois: {who}")
    who = gateway.ctl("whois", V4)
    expect(who["peer"] is None and set(who["services"]) == {"backend", "dns", "ping"}, f"whois inside: {who}")
    everybody = {one["peer"]: one for one in gateway.ctl("identities")}
    expect(everybody["frontend"]["identities"] == [frontend.identity]
           and set(everybody["frontend"]["rules"]) == {"frontend-to-backend", "basics"}, f"identities: {everybody}")
    drip = Drip(frontend)
    flows = gateway.ctl("flows", "--peer", "frontend", "--port", "8080")["flows"]
    live = next((one for one in flows if one["tcp_state"] == "established"), None)
    expect(live and live["rule"] == "frontend-to-backend" and live["allowed"] and live["source_peer"] == "frontend"
           and live["destination"] == V4 and live["bytes"][1] > 4000, f"the download among the flows: {flows}")
    drip.end()
    expect(not gateway.ctl("flows", "--peer", "batch", "--port", "8080")["flows"], "what was denied is no flow")
    rules = {rule["name"]: rule for rule in gateway.ctl("policy", "rules")}
    expect(set(rules) == {"frontend-to-backend", "batch-stays-out", "basics", None}, f"the rules: {rules}")
    expect(rules["frontend-to-backend"]["allowed_bytes"] > 2_000_000 and rules["batch-stays-out"]["denied_packets"] > 0
           and rules["batch-stays-out"]["line"] == DENIED_AT and rules[None]["denied_packets"] > 0, f"the rules' counters: {rules}")
    trail = gateway.ctl("audit")
    expect(len(trail) == 1 and trail[0]["applied"] and trail[0]["by"] == "start"
           and trail[0]["etag"] == gateway.ctl("policy")["etag"], f"audit: {trail}")
    for command in (("explain", "batch", V4, "tcp/8080"), ("whois", batch.v4), ("flows",), ("identities",), ("audit",), ("policy",),
                    ("policy", "rules")):
        expect(gateway.run_ctl(*command).strip(), f"sallyctl {' '.join(command)} has something for people, too")
    say("explain, whois, identities, flows, policy rules, audit")
