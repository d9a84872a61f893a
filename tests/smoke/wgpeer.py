"""An independent WireGuard initiator, written from the paper (Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s): every byte it sends is
in the test's hands, so that a test can send what no honest implementation does. For tests only: it checks little."""
import hashlib
import hmac
import os
import struct
import time
from base64 import b64decode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
TAI64_EPOCH = (1 << 62) + 10


def blake(*parts): return hashlib.blake2s(b"".join(parts)).digest()
def mac(key, data): return hashlib.blake2s(data, key=key, digest_size=16).digest()
def aead(key, counter): return lambda data, ad=b"": ChaCha20Poly1305(key).encrypt(struct.pack("<4xQ", counter), data, ad)
def unaead(key, counter): return lambda data, ad=b"": ChaCha20Poly1305(key).decrypt(struct.pack("<4xQ", counter), data, ad)
def public_bytes(key): return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def kdf(key, data, count):
    secret, previous, out = hmac.new(key, data, hashlib.blake2s).digest(), b"", []
    for number in range(1, count + 1):
        previous = hmac.new(secret, previous + bytes([number]), hashlib.blake2s).digest()
        out.append(previous)
    return out


def tai64n(at=None):
    at = time.time() if at is None else at
    return struct.pack(">QI", TAI64_EPOCH + int(at), int(at % 1 * 1e9))


class WgPeer:
    def __init__(self, private_key, gateway_public_key, psk=bytes(32)):
        self.static = X25519PrivateKey.from_private_bytes(b64decode(private_key))
        self.remote, self.psk = b64decode(gateway_public_key), psk
        self.remote_key = X25519PublicKey.from_public_bytes(self.remote)
        self.counter = 0

    def initiation(self, timestamp=None, ephemeral_public=None):
        """ephemeral_public: other bytes than our ephemeral key's, for a key that no one can own."""
        self.index = os.urandom(4)
        self.ephemeral = X25519PrivateKey.generate()
        shown = ephemeral_public or public_bytes(self.ephemeral)
        chain = blake(CONSTRUCTION)
        digest = blake(blake(chain, IDENTIFIER), self.remote)
        chain, = kdf(chain, shown, 1)
        digest = blake(digest, shown)
        chain, key = kdf(chain, self.ephemeral.exchange(self.remote_key), 2)
        static = aead(key, 0)(public_bytes(self.static), digest)
        digest = blake(digest, static)
        chain, key = kdf(chain, self.static.exchange(self.remote_key), 2)
        stamp = aead(key, 0)(timestamp or tai64n(), digest)
        self.chain, self.digest = chain, blake(digest, stamp)
        return self.with_mac1(b"\x01\0\0\0" + self.index + shown + static + stamp)

    def with_mac1(self, message):
        return message + mac(blake(b"mac1----", self.remote), message) + bytes(16)

    def take_response(self, message):
        """True if it is the answer to our initiation; then there are session keys."""
        if len(message) != 92 or message[0] != 2 or message[8:12] != self.index: return False
        self.remote_index, theirs = message[4:8], message[12:44]
        chain, = kdf(self.chain, theirs, 1)
        digest = blake(self.digest, theirs)
        their_key = X25519PublicKey.from_public_bytes(theirs)
        chain, = kdf(chain, self.ephemeral.exchange(their_key), 1)
        chain, = kdf(chain, self.static.exchange(their_key), 1)
        chain, temporary, key = kdf(chain, self.psk, 3)
        unaead(key, 0)(message[44:60], blake(digest, temporary))
        self.send_key, self.receive_key = kdf(chain, b"", 2)
        self.counter = 0
        return True

    def data(self, inner, counter=None, index=None, pad=True):
        if counter is None:
            counter, self.counter = self.counter, self.counter + 1
        if pad: inner += bytes(-len(inner) % 16)
        return b"\x04\0\0\0" + (index or self.remote_index) + struct.pack("<Q", counter) + aead(self.send_key, counter)(inner)

    def open(self, message):
        """The inner packet of a data message to us, or None."""
        if len(message) < 32 or message[0] != 4 or message[4:8] != self.index: return None
        return unaead(self.receive_key, struct.unpack("<Q", message[8:16])[0])(message[16:])


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16: total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(source, target, length=None, version=4, ident=7, payload=b"sallyport"):
    """An inner IPv4 ping; length and version may lie."""
    body = struct.pack(">BBHHH", 8, 0, 0, ident, 1) + payload
    body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
    header = struct.pack(">BBHHHBBH4s4s", version << 4 | 5, 0, length or 20 + len(body), 1, 0, 64, 1, 0,
                         bytes(map(int, source.split("."))), bytes(map(int, target.split("."))))
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + body
