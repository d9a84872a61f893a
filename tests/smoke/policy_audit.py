#!/usr/bin/python3
"""An audit rule changes nothing: 100 packets that it would drop all arrive, and it counts exactly those 100."""
import socket

from smoke import *

PACKETS = 100
POLICY = """schema = 1
[service]
inside = { prefixes = ["10.0.0.0/24", "fd00::/64"], ports = ["*"] }
trial  = { prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["udp/7000"] }
[[rule]]
name = "everything"
action = "allow"
from = ["peer:client1"]
to = ["inside"]
[[rule]]
name = "freeze-trial"
action = "audit"
from = ["peer:client1"]
to = ["trial"]
"""

with Lab() as lab:
    gateway, client = site(lab, {}, policy=POLICY)
    client.connect()
    client.wait_for_ping("fd00::10")                     # what waits for a neighbour's address is bounded: let it be known

    def arrive(address, port, flows):
        """So many of PACKETS numbered datagrams that were sent over so many flows arrived."""
        kind = (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        with lab.inside.socket(*kind) as there:
            there.bind((address, port))
            there.settimeout(2)
            here = [client.socket(*kind) for _ in range(flows)]
            for number in range(PACKETS): here[number % flows].sendto(number.to_bytes(2, "big"), (address, port))
            got = set()
            try:
                while len(got) < PACKETS: got.add(there.recv(64))
            except TimeoutError:
                pass
            for one in here: one.close()
            return len(got)

    def counted():
        return {"audited": gateway.counters()["audited"], "rule": gateway.rule("freeze-trial")["denied_packets"],
                "denied": gateway.counters()["denied"], "allowed": gateway.rule("everything")["allowed_packets"]}

    for address, flows in (("10.0.0.10", 1), ("fd00::10", 10)):
        before = counted()
        got = arrive(address, 7000, flows)
        expect(got == PACKETS, f"all {PACKETS} packets to {address} arrive, not {got}")
        wait_until(lambda: counted()["rule"] - before["rule"] >= PACKETS, 3, "the rule's counter")
        expect(arrive(address, 7001, flows) == PACKETS, "what the audit rule does not mean arrives, too")
        wait_until(lambda: counted()["allowed"] - before["allowed"] >= 2 * PACKETS, 3, "the allowing rule's counter")
        rose = {name: value - before[name] for name, value in counted().items()}
        expect(rose["rule"] == rose["audited"] == PACKETS and rose["denied"] == 0, f"the audit rule counts exactly {PACKETS}: {rose}")
        say(f"{address}, {flows} flows: {got} of {PACKETS} arrived, the audit rule counted {rose['rule']}")
    answer = gateway.ctl("explain", "client1", "10.0.0.10", "udp/7000")
    expect(answer["allowed"] and answer["audit_rule"]["name"] == "freeze-trial", f"explain says both: {answer}")
    flows = gateway.ctl("flows", "--rule", "freeze-trial")["flows"]
    expect(len(flows) == 11 and all(one["audit_rule"] == "freeze-trial" and one["rule"] == "everything" for one in flows),
           f"the flows that it would end: {flows}")
    line = wait_until(lambda: gateway.log_lines("flow would be denied", "rule=freeze-trial", "peer=client1", "port=7000"), 3,
                      "a log line of what would be denied")
    say(line[0][line[0].index("flow would"):].replace(lab.folder, "..."))
