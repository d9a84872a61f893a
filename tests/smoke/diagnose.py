#!/usr/bin/python3
"""`sallyctl diagnose` names what is wrong, each time with what was broken on purpose."""
import json

from smoke import *
from enrolled import enrolling_site


with Lab() as lab:
    gateway, frontend, batch = enrolling_site(lab, {"name": "frontend"}, {"name": "batch"})
    frontend.enroll(gateway.prod.pod("frontend"))
    batch.enroll(gateway.prod.pod("batch"))
    for client in (frontend, batch): client.wait_for_ping("10.0.0.10")
    frontend.download("10.0.0.10", 1_000_000)

    def diagnosis(*of):
        answer = gateway.run_ctl("diagnose", *of, "--json", check=False)
        return json.loads(answer)

    def expect_conclusion(of, *words):
        def right():
            answer = diagnosis(of) if of else diagnosis()
            text = answer["conclusion"].lower()
            return all(word.lower() in text for word in words) and answer
        try: answer = wait_until(right, 10, "a conclusion")
        except Failure: raise Failure(f"diagnose {of} should say {words}: {json.dumps(diagnosis(of), indent=1)}") from None
        say(f"diagnose {of}: {answer['conclusion']}")

    expect_conclusion("sa:prod/shop/frontend", "nothing is wrong")
    expect(all(check["result"] in ("ok", "unknown", "warning") for check in diagnosis(frontend.session()["peer"])["checks"]), "a healthy peer")
    gateway.run_ctl("revoke", "identity", "sa:prod/shop/batch", "--reason", "left the team")
    expect_conclusion("sa:prod/shop/batch", "revoked", "left the team")
    expect_conclusion("sa:prod/shop/nobody", "not enrolled")
    lab.gw.run("true")
    frontend.ip("link set eth0 down")
    frontend.ip("link set eth0 up")
    gateway.stop("dataplane")
    expect_conclusion("sa:prod/shop/frontend", "dataplane")
    gateway.start_process("dataplane")
    for text in (gateway.run_ctl("diagnose", check=False), gateway.run_ctl("diagnose", "sa:prod/shop/batch", check=False)):
        expect(text.strip(), "something for people, too")
