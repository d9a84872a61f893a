"""What gets through: single connections and datagrams between namespaces, by sockets in our hands, and what is refused, told
by the gateway's counters rather than by silence."""
import os
import socket

from lab import Failure, expect, wait_until


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp_opens(namespace, address, port, timeout_s=3.0, source=None):
    """Whether a connection opens; one that is answered by a reset or an ICMP error is not open at once."""
    with namespace.socket(family_of(address), socket.SOCK_STREAM) as here:
        here.settimeout(timeout_s)
        if source: here.bind((source, 0))
        try: here.connect((address, port))
        except OSError: return False
        return True


def udp_passes(sender, receiver, address, port, timeout_s=3.0):
    """Whether a datagram arrives, and its answer comes back."""
    with receiver.socket(family_of(address), socket.SOCK_DGRAM) as there, sender.socket(family_of(address), socket.SOCK_DGRAM) as here:
        there.bind((address, port))
        here.connect((address, port))
        for end in (here, there): end.settimeout(timeout_s)
        token = os.urandom(16)
        here.send(token)
        try:
            got, origin = there.recvfrom(2048)
            there.sendto(got[::-1], origin)
            return here.recv(2048) == token[::-1]
        except OSError:
            return False


def denies(gateway, what, attempt, reason="denied", at_least=1):
    """attempt() fails, and the gateway counts that it dropped what it sent."""
    before = gateway.counters()[reason]
    expect(not attempt(), f"{what} should not get through")
    try: return wait_until(lambda: gateway.counters()[reason] - before >= at_least and gateway.counters()[reason] - before, 3, f"{reason} to rise")
    except Failure as failure: raise Failure(f"{what}: {failure}") from None
