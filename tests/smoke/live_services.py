#!/usr/bin/python3
"""Services that follow the EndpointSlices of two Kubernetes clusters: what the API server says is so within a second, a watch that
is lost or lies loses no flow, an API server that stays away takes its endpoints along only where on_stale says so, and only then."""
from datetime import datetime

from smoke import *
from kube_api import ask, endpoint, make_certificate

STALE_S = 6
WITHIN_S = 1.0
HERE_V4, THERE_V4, GREEN_V4, HERE_V6 = "10.0.0.21", "10.0.0.22", "10.0.0.31", "fd00::21"

POLICY = """schema = 1
[service]
web  = { endpoints = "blue/shop/web", ports = ["tcp/8080"] }
api  = { endpoints = "green/shop/api", ports = ["tcp/8080"] }
ping = { prefixes = ["0.0.0.0/0", "::/0"], ports = ["icmp", "icmp6"] }
[[rule]]
name = "everybody"
action = "allow"
from = ["*"]
to = ["web", "api", "ping"]
"""


class Cluster:
    """An API server beside the gateway, of which the test says what it has and how it misbehaves."""

    def __init__(self, lab, name, port, **settings):
        self.lab, self.name, self.port = lab, name, port
        self.folder = os.path.join(lab.folder, name)
        os.makedirs(self.folder)
        make_certificate(self.folder, ["127.0.0.1"])
        self.token_path = os.path.join(self.folder, "token")
        replace_file(self.token_path, "first\n", 0o600)
        self.section = (f"cluster.{name}", {"api_server": f"https://127.0.0.1:{port}", "ca_file": f"{name}/ca.pem",
                                            "token_file": f"{name}/token", **settings})

    def start(self):
        self.control = os.path.join(self.folder, "control")
        self.lab.gw.spawn(f"kube-{self.name}", "/usr/bin/python3", os.path.join(HERE, "kube_api.py"), "127.0.0.1", str(self.port), self.folder,
                          "first", self.control)
        wait_until(lambda: os.path.exists(self.control), 10, f"the API server of {self.name}")
        return self

    def do(self, what, **arguments):
        return ask(self.control, what, **arguments)

    def web(self, *endpoints, slice="web-1", service="web"):
        self.do("set_slice", namespace="shop", name=slice, service=service, endpoints=list(endpoints))
        return time.monotonic()


with Lab() as lab:
    blue, green = Cluster(lab, "blue", 6443), Cluster(lab, "green", 6444, on_stale="drop", stale_after=f"{STALE_S}s")
    for cluster in (blue, green): cluster.start()
    gateway, client = site(lab, {}, policy=POLICY, sections=[blue.section, green.section])
    for address in (HERE_V4, THERE_V4, GREEN_V4): lab.inside.ip(f"addr add {address}/24 dev eth0")
    lab.inside.ip(f"addr add {HERE_V6}/64 dev eth0 nodad")
    client.connect()

    def status(name): return next(one for one in gateway.ctl("clusters")["clusters"] if one["name"] == name)
    def service(name): return next(one for one in gateway.ctl("services") if one["name"] == name)
    def opens(address): return tcp_opens(client, address, 8080, 0.3)

    def soon(since, what, predicate):
        wait_until(predicate, 5, what)
        took = time.monotonic() - since
        expect(took <= WITHIN_S, f"{what} took {took:.2f} s")
        return took

    for name in ("blue", "green"):
        wait_until(lambda: status(name)["state"] == "watching", 10, f"the watch of {name}")
    expect(not opens(HERE_V4), "nothing is there yet")

    # --- appears, drains, vanishes
    took = soon(blue.web(HERE_V4), "an endpoint that appears", lambda: opens(HERE_V4))
    say(f"an endpoint that appears is reached after {took:.2f} s")
    soon(blue.web(HERE_V6, slice="web-v6"), "a slice of IPv6", lambda: opens(HERE_V6))
    drip = Drip(client, HERE_V4)
    soon(blue.web(THERE_V4, slice="web-2"), "a second slice of the service", lambda: opens(THERE_V4))
    soon(green.web(GREEN_V4, service="api"), "an endpoint of the other cluster", lambda: opens(GREEN_V4))
    expect(sorted(service("web")["addresses"]) == sorted([f"{HERE_V4}/32", f"{THERE_V4}/32", f"{HERE_V6}/128"]), f"all slices: {service('web')}")
    source = service("api")["source"]
    expect(source["kind"] == "cluster" and source["cluster"] == "green" and not source["stale"], f"where it comes from: {source}")
    took = soon(blue.web(endpoint(HERE_V4, ready=False, serving=True, terminating=True)), "an endpoint that terminates", lambda: not opens(HERE_V4))
    drip.expect_growing()
    expect(service("web")["draining"] == [f"{HERE_V4}/32"], f"it is draining: {service('web')}")
    say(f"an endpoint that terminates takes no new flow after {took:.2f} s, and its old one goes on")
    gone = time.time()
    blue.web()
    say(f"one that is gone has none after {drip.await_cut(gone, WITHIN_S, 'the end of the endpoint'):.2f} s")
    soon(blue.web(endpoint(HERE_V4, ready=None)), "an endpoint whose readiness is unknown", lambda: opens(HERE_V4))
    gone = time.monotonic()
    blue.do("delete_slice", namespace="shop", name="web-2")
    soon(gone, "a slice that is deleted", lambda: not opens(THERE_V4))

    # --- a watch that is lost, or that lies
    drips = [Drip(client, HERE_V4), Drip(client, GREEN_V4)]
    counted = status("blue")

    def all_goes_on(what):
        for one in drips: one.expect_growing()
        say(f"{what}: no flow is lost")

    def follows(what):
        """What changes afterwards arrives, and everything else is as before."""
        blue.web(THERE_V4, slice="web-2")
        wait_until(lambda: opens(THERE_V4), 15, f"a change after {what}")
        blue.do("delete_slice", namespace="shop", name="web-2")
        wait_until(lambda: not opens(THERE_V4), 15, f"a change after {what}")
        all_goes_on(what)

    blue.do("close_watches")
    follows("a watch that ends")
    blue.do("send_half_json")
    follows("half an event")
    blue.do("compact")
    blue.do("close_watches")
    follows("410 Gone")
    blue.do("lie_about_versions", on=True)
    blue.do("close_watches")
    follows("resource versions that lie")
    blue.do("lie_about_versions", on=False)
    blue.do("close_watches")
    blue.do("stop")
    blue.web(HERE_V4, THERE_V4)                         # while nobody is told
    wait_until(lambda: status("blue").get("problem"), 10, "the gateway to notice that the API server is away")
    blue.do("start")
    wait_until(lambda: opens(THERE_V4), 15, "what changed while the API server was away")
    blue.web(HERE_V4)
    follows("an API server that restarts")
    blue.do("set_token", token="second")
    blue.do("close_watches")
    wait_until(lambda: "401" in status("blue").get("problem", ""), 10, "a token that the API server no longer takes")
    all_goes_on("a token that is not taken")
    replace_file(blue.token_path, "second\n", 0o600)
    wait_until(lambda: status("blue")["state"] == "watching" and not status("blue").get("problem"), 15, "the token of the file")
    follows("a new token")
    expect(status("blue")["relists"] > counted["relists"] and status("blue")["reconnections"] > counted["reconnections"], "it is counted")

    # --- an API server that stays away
    for cluster in (blue, green): cluster.do("stop")
    away = time.time()
    wait_until(lambda: status("green").get("problem"), 10, "the gateway to notice")
    contact = datetime.fromisoformat(status("green")["in_contact_at"]).timestamp()
    expect(contact <= away + 1, f"in contact at {contact}, away since {away}")
    expect(opens(GREEN_V4), "what is stale is kept until stale_after")
    after_s = drips.pop().await_cut(contact + STALE_S, 2.5, 'on_stale = "drop"')
    expect(not opens(GREEN_V4) and status("green")["dropped"] and status("green")["stale"], f"its endpoints are gone: {status('green')}")
    say(f'on_stale = "drop" acted {STALE_S + after_s:.1f} s after the last word, stale_after is {STALE_S} s')
    all_goes_on("the other cluster, which keeps what it knew")

    # --- and the control plane restarts meanwhile
    gateway.kill("controlplane")
    gateway.wait_ready()
    wait_until(lambda: opens(HERE_V4), 10, "the endpoints of before the restart")
    expect(service("web")["source"]["kind"] == "stored", f"where they come from: {service('web')}")
    expect(not opens(GREEN_V4), "what was dropped stays so over a restart")
    all_goes_on("a restart while the API server is away")
    for cluster in (blue, green): cluster.do("start")
    wait_until(lambda: opens(GREEN_V4), 20, "the endpoints of an API server that is back")
    follows("API servers that are back")
    metrics = lab.gw.run("curl", "-sS", "http://127.0.0.1:9586/metrics")
    expect('cluster="green"' in metrics, "metrics of clusters")
    drips.pop().end()
