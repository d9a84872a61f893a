#!/usr/bin/python3
"""Sessions over changes of the configuration: what does not concern them leaves them alone, in the middle of a download; a peer of the
configuration goes before a session; a port below 1024 is kept; without [enrolment] nobody is enrolled."""
from smoke import *
from enrolled import enrolling_site, fresh_key

with Lab() as lab:
    gateway, frontend, other = enrolling_site(lab, {"name": "frontend"}, {"name": "other"}, enrolment={"listen": "192.0.2.1:443"},
                                              wan={"host": ["tcp/443"]})
    frontend.enroll(gateway.prod.pod("frontend"))
    frontend.wait_for_ping("10.0.0.10")
    drip = Drip(frontend)
    peer, addresses = frontend.session()["peer"], frontend.session()["addresses"]

    def reload(what, **section):
        gateway.enrolment.update(section)
        gateway.write_config()
        said = gateway.run_ctl("reload")
        drip.expect_growing()
        expect(frontend.session()["peer"] == peer and frontend.session()["addresses"] == addresses, f"{what}: the session is as before")
        expect(other.ask("/v1/openapi.json", method="GET")[0] == 200, f"{what}: the enrolment API answers")
        say(f"{what}: {said.splitlines()[0]}")

    reload("nothing changed")
    reload("another rate", requests_per_s=50)
    certificate, key = gateway.server_ca.server("192.0.2.1")
    replace_file(os.path.join(lab.folder, "other.pem"), certificate)
    replace_file(os.path.join(lab.folder, "other.key"), key, 0o600)
    reload("another certificate", certificate_file="other.pem", private_key_file="other.key")
    gateway.peers.append({"name": "typed", "wireguard": "wg0", "public_key": fresh_key()[1], "allowed_ips": ["10.8.128.2/32"]})
    reload("a peer with an address of the pool")
    other.enroll(gateway.prod.pod("batch"))
    expect(other.v4 == "10.8.128.3", f"an address that a peer has is not given out: {other.v4}")
    other.wait_for_ping("10.0.0.10")
    replace_file(gateway.config, gateway.text().replace('pool = "workloads"', 'pool = "nowhere"'), 0o600)
    try:
        gateway.run_ctl("reload")
        raise AssertionError("a pool that does not exist should be an error")
    except Failure as failure:
        expect("nowhere" in str(failure), f"the error names it: {failure}")
    drip.expect_growing()

    # --- a peer of the configuration with the key of a session
    gateway.peers.append({"name": "taken-over", "wireguard": "wg0", "public_key": other.public_key, "allowed_ips": ["10.8.7.7/32"]})
    reload("a peer with the key of a session")
    expect(other.session() is None and gateway.peer("taken-over"), "the peer has the key, the session is gone")
    count = gateway.refused("key_is_anothers")
    expect(other.enroll_by_hand(gateway.prod.pod("batch"))[0] == 403 and gateway.refused("key_is_anothers") == count + 1, "its key is taken")

    # --- processes that restart, as another user than root
    gateway.kill("controlplane")
    gateway.wait_ready()
    wait_until(lambda: frontend.session(), 10, "the session after a restart")
    drip.expect_growing()
    reload("after a restart", requests_per_s=60)

    # --- and without enrolment
    sections, gateway.sections = gateway.sections, [one for one in gateway.sections if one[0] != "enrolment"]
    gateway.write_config()
    since = time.time()
    gateway.run_ctl("reload")
    drip.await_cut(since, 1, "the end of [enrolment]")
    expect(not gateway.sessions(), "sessions of what is gone")
    gateway.sections = sections
    gateway.write_config()
    try:
        gateway.run_ctl("reload")
        raise AssertionError("a process without privileges should not get port 443")
    except Failure as failure:
        expect("restart" in str(failure), f"the error says what helps: {failure}")
    gateway.kill("controlplane")
    gateway.wait_ready()
    frontend.wait_for_enrolment()
    frontend.enroll(gateway.prod.pod("frontend"))
    expect([f"{frontend.v4}/32", f"{frontend.v6}/128"] == addresses, "the address of before")
    frontend.wait_for_ping("10.0.0.10")
