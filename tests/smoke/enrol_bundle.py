#!/usr/bin/python3
"""A trust domain changes its CA, A to A and B to B, under a download: no tunnel drops, and afterwards a certificate of A is
refused. The same for the keys of an issuer of tokens."""
from smoke import *
from enrolled import ISSUERS, enrolling_site, fresh_key
from issuer import Authority, SigningKey

IDENTITY = "spiffe://prod.example.org/ns/shop/sa/frontend"
POLICY = ISSUERS + f"""
[service]
backend = {{ prefixes = ["10.0.0.10/32", "fd00::10/128"], ports = ["tcp/8080"] }}
ping    = {{ prefixes = ["0.0.0.0/0", "::/0"], ports = ["icmp", "icmp6"] }}
[[rule]]
name = "frontend-to-backend"
action = "allow"
from = ["{IDENTITY}", "spiffe://*.example.org/ns/shop/sa/*", "sa:prod/shop/frontend"]
to = ["backend", "ping"]
"""

with Lab() as lab:
    gateway, by_certificate, by_token, other = enrolling_site(lab, {"name": "svid"}, {"name": "token"}, {"name": "other"}, policy=POLICY)
    a, b = gateway.mesh, Authority("prod.example.org B")

    def paths_of(name, authority):
        certificate, key = authority.svid(IDENTITY)
        paths = [os.path.join(lab.folder, f"{name}.{kind}") for kind in ("pem", "key")]
        replace_file(paths[0], certificate)
        replace_file(paths[1], key, 0o600)
        return paths

    by_a = paths_of("a", a)
    by_certificate.enroll(None, "--certificate", by_a[0], "--certificate-key", by_a[1])
    by_token.enroll(gateway.prod.pod("frontend"))
    drips = [Drip(by_certificate), Drip(by_token)]
    bundle = os.path.join(lab.folder, "bundle.pem")

    def certificates():
        return sum(len(one.get("certificates", [])) for one in gateway.ctl("trust")["sources"])

    def status(paths): return other.ask("/v1/enroll", {"public_key": fresh_key()[1]}, certificate=paths[0], key=paths[1])[0]

    by_b = paths_of("b", b)
    expect(status(by_b) == 403, "B is not trusted yet")
    replace_file(bundle, a.pem() + b.pem())
    wait_until(lambda: certificates() == 2, 5, "A and B")
    expect(status(by_a) == 200 and status(by_b) == 200, "both are trusted")
    replace_file(bundle, b.pem())
    wait_until(lambda: certificates() == 1, 5, "B alone")
    before = gateway.refused("untrusted_chain")
    expect(status(by_a) == 403 and gateway.refused("untrusted_chain") == before + 1, "A is refused")
    expect(status(by_b) == 200, "B is trusted")
    for drip in drips: drip.expect_growing()
    say("the bundle went A, A and B, B: no tunnel dropped, A is refused")
    replace_file(bundle, "-----BEGIN CERTIFICATE-----\nbroken\n")
    wait_until(lambda: any("bundle" in line for line in gateway.run_ctl("status", check=False).splitlines()), 5, "the broken bundle among the problems")
    expect(status(by_b) == 200, "a broken bundle changes nothing")
    replace_file(bundle, b.pem())

    # --- keys of tokens
    old, new = gateway.prod.keys[0], SigningKey("prod-2", "ES256")
    def token_status(key): return other.enroll_by_hand(gateway.prod.token(gateway.prod.pod_claims("frontend"), key=key), fresh_key()[1])[0]
    expect(token_status(new) == 403, "a key that is not published")
    gateway.prod.keys = [old, new]
    gateway.prod.publish()
    wait_until(lambda: token_status(new) == 200, 5, "the new key")
    expect(token_status(old) == 200, "the old key overlaps")
    gateway.prod.keys = [new]
    gateway.prod.publish()
    wait_until(lambda: token_status(old) == 403, 5, "the end of the old key")
    for drip in drips:
        drip.expect_growing()
        drip.end()
    metrics = lab.gw.run("curl", "-sS", "http://127.0.0.1:9586/metrics")
    for wanted in ("sallyport_trust_certificate_not_after_seconds", "sallyport_trust_keys", "sallyport_enrolled_sessions"):
        expect(wanted in metrics, f"the metric {wanted}")
    say("the keys of tokens likewise; the metrics tell when the bundle expires")
