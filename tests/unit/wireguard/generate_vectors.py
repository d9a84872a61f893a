#!/usr/bin/env python3
"""An independent WireGuard handshake (python3-cryptography and hashlib; nothing of ours) that writes wireguard_vectors.hpp.

    ./generate_vectors.py > wireguard_vectors.hpp

It follows the white paper line by line. Run it again only to add a case: the output is deterministic.
"""
import hashlib
import hmac as hmac_module
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"


def HASH(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def MAC(key, *parts):
    return hashlib.blake2s(b"".join(parts), key=key, digest_size=16).digest()


def HMAC(key, *parts):
    return hmac_module.new(key, b"".join(parts), hashlib.blake2s).digest()


def KDF(n, key, data):
    t0 = HMAC(key, data)
    out, last = [], b""
    for i in range(1, n + 1):
        last = HMAC(t0, last + bytes([i]))
        out.append(last)
    return out


def pub(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def DH(private, public):
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def AEAD(key, text, auth):
    return ChaCha20Poly1305(key).encrypt(bytes(12), text, auth)


def rotl(x, n):
    return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF


def hchacha20(key, nonce16):
    s = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key) + struct.unpack("<4I", nonce16))

    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            s[z] = rotl(s[z] ^ s[x], n)

    for _ in range(10):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                  (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*q)
    return struct.pack("<8I", *(s[0:4] + s[12:16]))


def XAEAD(key, nonce, text, auth):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], text, auth)


def pattern(start, size):
    return bytes((start + 7 * i) & 0xFF for i in range(size))


def emit(name, data):
    print(f'inline constexpr std::string_view {name} =')
    text = data.hex()
    lines = [text[i:i + 100] for i in range(0, len(text), 100)] or [""]
    print("\n".join(f'    "{line}"' for line in lines) + ";")


def handshake(prefix, psk):
    si, sr, ei, er = (pattern(n, 32) for n in (0x11, 0x52, 0x93, 0xD4))
    timestamp = bytes.fromhex("400000006553f10a05000000")
    ti, tr = 0x01020304, 0xA1B2C3D4
    cookie = pattern(0x77, 16)

    ck = HASH(CONSTRUCTION)
    h = HASH(HASH(ck, IDENTIFIER), pub(sr))
    (ck,) = KDF(1, ck, pub(ei))
    h = HASH(h, pub(ei))
    ck, k = KDF(2, ck, DH(ei, pub(sr)))
    static = AEAD(k, pub(si), h)
    h = HASH(h, static)
    ck, k = KDF(2, ck, DH(si, pub(sr)))
    ts = AEAD(k, timestamp, h)
    h = HASH(h, ts)
    initiation = struct.pack("<II", 1, ti) + pub(ei) + static + ts
    initiation += MAC(HASH(b"mac1----", pub(sr)), initiation)
    initiation_mac1 = initiation[-16:]
    with_cookie = initiation + MAC(cookie, initiation)
    initiation += bytes(16)

    (ck,) = KDF(1, ck, pub(er))
    h = HASH(h, pub(er))
    (ck,) = KDF(1, ck, DH(er, pub(ei)))
    (ck,) = KDF(1, ck, DH(er, pub(si)))
    ck, tau, k = KDF(3, ck, psk)
    h = HASH(h, tau)
    empty = AEAD(k, b"", h)
    response = struct.pack("<III", 2, tr, ti) + pub(er) + empty
    response += MAC(HASH(b"mac1----", pub(si)), response) + bytes(16)
    t1, t2 = KDF(2, ck, b"")

    emit(prefix + "initiation", initiation)
    emit(prefix + "initiation_with_cookie", with_cookie)
    emit(prefix + "response", response)
    emit(prefix + "initiator_seals", t1)
    emit(prefix + "responder_seals", t2)
    if prefix == "psk_":
        for name, value in (("initiator_private", si), ("responder_private", sr), ("initiator_ephemeral", ei),
                            ("responder_ephemeral", er), ("preshared_key", psk), ("timestamp", timestamp),
                            ("cookie", cookie)):
            emit(name, value)
        secret, nonce = pattern(0x21, 32), pattern(0x31, 24)
        key = HASH(b"cookie--", pub(sr))
        for name, source in (("v4", bytes([198, 51, 100, 7]) + struct.pack(">H", 51820)),
                             ("v6", bytes.fromhex("20010db8000000000000000000000001") + struct.pack(">H", 4500))):
            value = MAC(secret, source)
            emit(f"cookie_for_{name}", value)
            emit(f"cookie_reply_for_{name}", struct.pack("<II", 3, ti) + nonce + XAEAD(key, nonce, value, initiation_mac1))
        emit("cookie_secret", secret)
        emit("cookie_nonce", nonce)


print("""// Written by generate_vectors.py: what an independent implementation computes. Hexadecimal.
#pragma once

#include <string_view>

namespace sallyport::wireguard::vectors {
""")
handshake("psk_", pattern(0x05, 32))
handshake("plain_", bytes(32))
print("struct HashCase {\n  std::string_view key;\n  std::string_view input;\n  std::string_view output;\n};")
for name, function in (("hash_cases", None), ("mac_cases", MAC), ("hmac_cases", HMAC)):
    print(f"inline constexpr HashCase {name}[] = {{")
    for size in (0, 1, 3, 31, 32, 63, 64, 65, 116, 128, 200):
        for key_size in ((0,) if function is None else (1, 16, 32)):
            key, data = pattern(key_size, key_size), pattern(size, size)
            out = HASH(data) if function is None else function(key, data)
            print(f'    {{"{key.hex()}",\n     "{data.hex()}",\n     "{out.hex()}"}},')
    print("};")
print("inline constexpr std::string_view kdf_key =\n    \"%s\";" % pattern(3, 32).hex())
print("inline constexpr std::string_view kdf_input =\n    \"%s\";" % pattern(9, 32).hex())
for i, value in enumerate(KDF(3, pattern(3, 32), pattern(9, 32)), 1):
    emit(f"kdf_output_{i}", value)
print("\n}  // namespace sallyport::wireguard::vectors")
