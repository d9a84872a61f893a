#!/usr/bin/python3
"""Two workloads prove who they are with service-account tokens, at the underlay address and through the DPDK port; one of them
reaches the backend. Bad proofs of every kind are refused for a reason of their own, in the log and the counters, and with one
and the same answer."""
from smoke import *
from enrolled import EnrolledClient, enrolling_site, fresh_key
from issuer import Authority, SigningKey

with Lab() as lab:
    gateway, frontend, batch, stranger = enrolling_site(lab, {"name": "frontend"}, {"name": "batch"}, {"name": "stranger"})
    frontend.enroll(gateway.prod.pod("frontend"))
    batch.enroll(gateway.prod.pod("batch"))
    for client in (frontend, batch): client.wait_for_ping("10.0.0.10")
    for address in ("10.0.0.10", "fd00::10"):
        frontend.download(address, 1_000_000)
        say(f"batch to {address}: {denies(gateway, 'batch', lambda: tcp_opens(batch, address, 8080, 0.5))} packets denied")
    session = frontend.session()
    expect(session["identity"] == "sa:prod/shop/frontend" and session["addresses"] == [f"{frontend.v4}/32", f"{frontend.v6}/128"],
           f"the session: {session}")
    who = gateway.ctl("whois", frontend.v4)
    expect(who["identities"] == ["sa:prod/shop/frontend"], f"whois: {who}")
    say(f"frontend is {session['peer']} with {frontend.v4} and {frontend.v6}")

    # --- what is refused
    now = int(time.time())
    good, prod, corp = gateway.prod.pod_claims("mallory"), gateway.prod, gateway.corp
    unpublished = SigningKey("rotated-away")
    person = {"iss": corp.url, "aud": "sallyport-lab", "iat": now, "exp": now + 600, "sub": "id-of-mallory"}
    tokens = {
        "wrong_audience": prod.token({**good, "aud": ["somebody-else"]}),
        "expired": prod.token({**good, "exp": now - 1}),
        "unknown_key": prod.token(good, key=unpublished),
        "not_yet_valid": prod.token({**good, "nbf": now + 3600}),
        "algorithm_refused": prod.unsigned(good),
        "algorithm_refused ": prod.by_public_key_as_secret(good),
        "unknown_issuer": prod.token({**good, "iss": "https://evil.example.com"}),
        "missing_claim": prod.token({key: value for key, value in good.items() if key != "exp"}),
        "missing_claim ": prod.token({key: value for key, value in good.items() if key != "kubernetes.io"}),
        "bad_signature": prod.token(good)[:-8] + "AAAAAAAA",
        "malformed_token": "no.token.at all",
        "token_too_large": prod.token({**good, "more": ["x" * 1000] * 20}),
        "email_not_verified": corp.token({**person, "email": "ann@example.com", "email_verified": False}),
        "not_bound_to_key": corp.token({**person, "nonce": "aaaa"}),
        "key_is_anothers": prod.pod("mallory"),
        "no_proof": None,
    }
    answers = {}
    for reason, token in tokens.items():
        name = reason.strip()
        before, key = gateway.refused(name), frontend.public_key if name == "key_is_anothers" else fresh_key()[1]
        body = {"public_key": key, **({"token": token} if token is not None else {})}
        answers[reason] = stranger.ask("/v1/enroll", body)
        expect(gateway.refused(name) == before + 1, f"{name} should be counted: {answers[reason]}")
    expect(len(set(answers.values())) == 1 and next(iter(answers.values()))[0] == 403, f"one answer for all: {set(answers.values())}")
    for reason in ("wrong_audience", "expired", "unknown_key"):
        expect(gateway.log_lines("proof refused", f"reason={reason}"), f"{reason} in the log")
    say(f"{len(tokens)} bad tokens, each refused for its own reason, all with {next(iter(answers.values()))}")

    # --- certificates
    other_domain, expired_ca = Authority("other"), Authority("prod.example.org old")
    identity = "spiffe://prod.example.org/ns/shop/sa/frontend"
    bad = {
        "not_one_uri_san": gateway.mesh.svid(identity, identity + "2"),
        "leaf_is_ca": gateway.mesh.svid(identity, is_ca=True),
        "unknown_trust_domain": gateway.mesh.svid("spiffe://elsewhere.example.org/x"),
        "untrusted_chain": other_domain.svid(identity),
        "certificate_expired": gateway.mesh.svid(identity, lasts_s=-10, begins_s=-100),
    }
    for reason, (certificate, key) in bad.items():
        before = gateway.refused(reason)
        paths = [os.path.join(lab.folder, f"svid.{kind}") for kind in ("pem", "key")]
        replace_file(paths[0], certificate)
        replace_file(paths[1], key, 0o600)
        got = stranger.ask("/v1/enroll", {"public_key": fresh_key()[1]}, certificate=paths[0], key=paths[1])
        expect(got in answers.values(), f"{reason}: the same answer, not {got}")
        expect(gateway.refused(reason) == before + 1, f"{reason} should be counted")
    say(f"{len(bad)} bad certificates likewise")

    # --- requests that are none
    def status(**request): return stranger.ask("/v1/enroll", **request)[0]
    expect(status(raw="{") == 400 and status(raw="[]") == 400 and status(body={"public_key": "x"}) == 400
           and status(body={"public_key": fresh_key()[1], "what": 1}) == 400, "malformed bodies are 400")
    before = gateway.refused("token_too_large")
    expect(status(body={"public_key": fresh_key()[1], "token": prod.token({**good, "more": ["x" * 1000] * 1000})}) == 413
           and gateway.refused("token_too_large") == before + 1, "a megabyte of claims is 413, and counted")
    expect(status(method="GET") == 405 and stranger.ask("/v1/nothing", method="GET")[0] == 404, "405 and 404")
    expect(frontend.session() and not gateway.sessions(identity="sa:prod/shop/mallory"), "nobody else got in")
    frontend.download("10.0.0.10", 1_000_000)
