"""What a smoke test imports: the lab, the gateway, clients, traffic, and a site of all of them in one call."""
import os
import signal
import sys
import time

from client import Client, start_web_server
from drip import Drip
from gateway import BINARIES, RECORDS, SALLYCTL, Gateway, af_packet, replace_file
from lab import BUILD, HERE, SKIPPED, Failure, Lab, Namespace, expect, run, say, wait_until
from probes import denies, tcp_opens, udp_passes
from traffic import Traffic, Wires, without_loss


def flow(seconds):
    """Lets traffic flow for a while. Waiting for something is wait_until's business."""
    time.sleep(seconds)


def site(lab, *clients, **gateway):
    """A running gateway, an inside web server and the clients described, not yet started: (gateway, client, ...)."""
    here = Gateway(lab, **gateway)
    made = [Client(lab, here, number, **options) for number, options in enumerate(clients, 1)]
    here.start()
    start_web_server(lab.inside)
    return here, *made
