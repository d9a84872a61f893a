#!/usr/bin/python3
"""A client changes its address, its port and its IP version in mid-transfer; the transfer goes on and arrives intact."""
import threading

from smoke import *

with Lab() as lab:
    gateway, client = site(lab, {})
    client.connect()
    lab.wire(client, "eth1", lab.net, "train")           # a second way to the gateway, through a router
    for namespace, link, host in ((client, "eth1", 2), (lab.net, "train", 1)):
        namespace.ip(f"addr add 203.0.113.{host}/24 dev {link}")
        namespace.ip(f"addr add 2001:db8:1::{host}/64 dev {link} nodad")

    def endpoint():
        client.pings("10.0.0.10", timeout_s=0.2)         # a receiver of TCP alone has nothing to say from its new place
        return gateway.peer(client.peer_name)["endpoint"]

    def new_network():                                   # from the desk to the train: another interface, another subnet
        client.ip("link set eth0 down")
        client.ip("route add default via 203.0.113.1")
        client.ip("-6 route add default via 2001:db8:1::1")
        wait_until(lambda: endpoint() == "203.0.113.2:51820", 10, "the new address")

    def new_port():
        client.run("wg", "set", client.link, "listen-port", "51999")
        wait_until(lambda: endpoint() == "203.0.113.2:51999", 10, "the new port")

    def new_version():
        client.ip("addr del 203.0.113.2/24 dev eth1")   # else what still arrives over IPv4 would take the client back there
        client.run("wg", "set", client.link, "peer", gateway.public_key, "endpoint", "[2001:db8::1]:51820")
        wait_until(lambda: endpoint() == "[2001:db8:1::2]:51999", 10, "the new IP version")

    for move in (new_network, new_port, new_version):
        problems = []

        def transfer():
            try: client.run("curl", "-sS", "-f", "--limit-rate", "4M", "-o", "/dev/null", "http://10.0.0.10:8080/bytes/24000000")
            except Failure as failure: problems.append(failure)

        worker = threading.Thread(target=transfer)
        received = client.statistics(client.link)["rx"]["bytes"]
        worker.start()
        wait_until(lambda: client.statistics(client.link)["rx"]["bytes"] > received + 4_000_000, 20, "a transfer under way")
        move()
        expect(worker.is_alive(), "the transfer was over before the client moved")
        worker.join(60)
        expect(not problems and not worker.is_alive(), f"the transfer across {move.__name__}: {problems}")
        say(f"{move.__name__}: the endpoint is {endpoint()}, the transfer went on")
    client.download("10.0.0.10", 5_000_000)
    expect(gateway.counters()["roamed"] >= 3, "the gateway counted three moves")
