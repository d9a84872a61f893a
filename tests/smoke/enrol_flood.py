#!/usr/bin/python3
"""The enrolment API under attack, from a neighbour on the underlay: thousands of requests a second, connections that say nothing,
that drip, that send garbage, and good proofs in between. Tunnels go on without a gap, and an honest client gets in."""
import ssl
import threading

from smoke import *
from enrolled import enrolling_site, fresh_key
from lab import inside_of

with Lab() as lab:
    gateway, frontend, attacker, honest = enrolling_site(lab, {"name": "frontend"}, {"name": "attacker"}, {"name": "honest"},
                                                           enrolment={"requests_per_s": 10})
    frontend.enroll(gateway.prod.pod("frontend"))
    frontend.wait_for_ping("10.0.0.10")
    drip = Drip(frontend)
    stop = threading.Event()
    sent = {"silent": 0, "garbage": 0, "slow": 0, "requests": 0}
    context = ssl.create_default_context(cafile=os.path.join(lab.folder, "enrol-ca.pem"))

    def connect():
        with inside_of(attacker): here = attacker.socket(__import__("socket").AF_INET, __import__("socket").SOCK_STREAM)
        here.settimeout(5)
        here.connect(("192.0.2.1", 8443))
        return here

    def repeat(name, attack):
        held = []
        while not stop.is_set():
            try:
                held.append(attack())
                sent[name] += 1
            except OSError:
                time.sleep(0.01)
            if len(held) > 200: held.pop(0)

    def silent(): return connect()

    def garbage():
        here = connect()
        here.sendall(os.urandom(600))
        return here

    def slow():
        here = context.wrap_socket(connect(), server_hostname="192.0.2.1")
        here.sendall(b"POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        return here

    body = b'{"public_key":"' + fresh_key()[1].encode() + b'","token":"a.b.c"}'
    one = b"POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body

    def requests():
        here = context.wrap_socket(connect(), server_hostname="192.0.2.1")
        here.sendall(one * 200)                          # pipelined
        here.recv(65536)
        return here

    threads = [threading.Thread(target=repeat, args=(attack.__name__, attack), daemon=True) for attack in (silent, garbage, slow, requests)]
    for thread in threads: thread.start()
    flow(5)
    drip.expect_growing()
    began = time.monotonic()
    def enrolled():
        try: return honest.enroll_by_hand(gateway.prod.pod("honest"), fresh_key()[1])[0] == 200
        except Failure: return False
    wait_until(enrolled, 20, "an honest client to get in")
    say(f"an honest client got in after {time.monotonic() - began:.1f} s, beside {sent}")
    flow(5)
    drip.expect_growing()
    stop.set()
    for thread in threads: thread.join(10)
    say(f"the download went on: {drip.end():,} bytes, none missing")
    counters = gateway.ctl("counters")["control_plane"]
    told = {name: value for name, value in counters.items() if name.startswith("enrolment_") and value}
    for name in ("rate_limited", "connections_of_source_refused", "tls_failures"):
        expect(told.get(f"enrolment_{name}"), f"{name} is counted: {told}")
    expect(gateway.pid("controlplane") and frontend.session(), "the gateway is there")
    say(f"counted: {told}")
