#!/usr/bin/python3
"""Handshake initiations with a right MAC1 from 1,000 addresses, at least 20,000 a second for 30 s: an established client
loses less than 1 %, and a newcomer who starts at second 10 is through within 15 s, by cookie."""
import json

from smoke import *

PER_SECOND, SECONDS = 22_000, 30

with Lab() as lab:
    gateway, client, newcomer = site(lab, {}, {})
    client.connect()
    source = Namespace(lab, "flood")
    lab.wire(source, "eth0", lab.net, "flood")
    source.ip("addr add 198.51.100.2/24 dev eth0")
    source.ip("route add default via 198.51.100.1")
    source.ip("route add local 198.18.0.0/20 dev lo")     # all of these addresses are ours
    lab.net.ip("addr add 198.51.100.1/24 dev flood")
    lab.net.ip("route add 198.18.0.0/20 via 198.51.100.2")

    before = gateway.counters()
    traffic = Traffic(client)
    result_path = os.path.join(lab.folder, "flood.json")
    flood = source.spawn("flood", os.path.join(BUILD, "tests/smoke/flood"), "192.0.2.1", "51820", gateway.public_key,
                         "198.18.0.1", "1000", str(PER_SECOND), str(SECONDS), stdout=open(result_path, "w"))
    begun = time.monotonic()
    flow(10)
    start = time.monotonic()
    newcomer.start()
    newcomer.wait_for_ping("10.0.0.10", 15)
    through_s = time.monotonic() - start
    expect(flood.poll() is None, "the newcomer must have come through while the flood was on")
    say(f"the newcomer was through after {through_s:.1f} s")
    wait_until(lambda: flood.poll() is not None, SECONDS + 15, "the end of the flood")
    results, outside = traffic.stop()
    with open(result_path) as file: flooded = json.load(file)
    after = gateway.counters()
    rose = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    say(f"flood: {flooded}; outside the gateway lost: {outside}")
    say(f"the gateway's counters: {rose}")
    expect(flooded["per_second"] >= 20_000, "the flood was slower than it should be")
    expect(rose.get("received", 0) >= flooded["sent"] * 0.8, "most of the flood reached the gateway")
    expect(rose.get("cookie_replies_sent", 0) > 0 and flooded["cookie_replies"] > 0, "the gateway answered with cookies")
    expect(rose.get("handshakes_with_cookie", 0) >= 1, "the newcomer came with a cookie")
    for name, result in results.items():
        expect(result["lost"] < result["sent"] * 0.01, f"{name}: an established client lost {result['lost']} of {result['sent']}")
