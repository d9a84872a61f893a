#!/usr/bin/env python3
"""Writes generated_vectors.hpp, and dataplane/crypto/known_answer_digests.hpp if it is named.

Everything comes from implementations that Sallyport does not use on the packet path: hashlib's BLAKE2s, OpenSSL's
ChaCha20-Poly1305 and AES-GCM (python3-cryptography), and HChaCha20 written out below after draft-irtf-cfrg-xchacha, section 2.2.
Usage: generate_vectors.py [.../known_answer_digests.hpp] > generated_vectors.hpp
"""
import hashlib
import random
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

random.seed(7693)


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def hash256(data):
    return hashlib.blake2s(data).digest()


def hchacha20(key, nonce16):
    x = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce16))

    def quarter(a, b, c, d):
        for into, other, mixed, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[into] = (x[into] + x[other]) & 0xFFFFFFFF
            y = x[mixed] ^ x[into]
            x[mixed] = (y << bits | y >> (32 - bits)) & 0xFFFFFFFF

    for _ in range(10):
        quarter(0, 4, 8, 12), quarter(1, 5, 9, 13), quarter(2, 6, 10, 14), quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15), quarter(1, 6, 11, 12), quarter(2, 7, 8, 13), quarter(3, 4, 9, 14)
    return struct.pack("<8I", *(x[:4] + x[12:]))


def xchacha20_poly1305(key, nonce24, plaintext, aad):
    return ChaCha20Poly1305(hchacha20(key, nonce24[:16])).encrypt(b"\0\0\0\0" + nonce24[16:], plaintext, aad)


def blake2s_vectors():
    print("struct Blake2sVector {\n  std::string_view key_hex, message_hex, digest_hex;\n};")
    print("// 32 bytes without a key, 16 with one.\ninline constexpr Blake2sVector blake2s_vectors[] = {")
    for key_length in (0, 1, 16, 31, 32):
        for length in (0, 1, 18, 40, 60, 63, 64, 65, 116, 127, 128, 129, 132, 255):
            if key_length and not length:
                continue  # a MAC of nothing is not offered
            key, data = random.randbytes(key_length), random.randbytes(length)
            digest = mac(key, data) if key else hash256(data)
            print(f'    {{"{key.hex()}", "{data.hex()}", "{digest.hex()}"}},')
    print("};")


def blake2s_folds():
    # Every length to 1,024: the digests behind each other, hashed again.
    data = bytes((i * 11 + 3) & 255 for i in range(1024))
    key = bytes(range(100, 132))
    unkeyed = hash256(b"".join(hash256(data[:n]) for n in range(1025)))
    keyed = hash256(b"".join(mac(key, data[:n]) for n in range(1, 1025)))
    print(f'inline constexpr std::string_view blake2s_unkeyed_fold_hex = "{unkeyed.hex()}";')
    print(f'inline constexpr std::string_view blake2s_keyed_fold_hex = "{keyed.hex()}";')


def handshake_vectors():
    print("struct HandshakeVector {\n  std::string_view public_key_hex, secret_hex, ip_hex;\n  std::uint16_t port;")
    print("  std::string_view message_hex, nonce_hex, cookie_reply_hex;\n};")
    print("// Messages with a right mac1 and, made from the cookie of the source address, a right mac2.")
    print("inline constexpr HandshakeVector handshake_vectors[] = {")
    for kind, length in ((1, 148), (2, 92)):
        for ip_length in (4, 16):
            public_key, secret, nonce = (random.randbytes(n) for n in (32, 32, 24))
            ip, port = random.randbytes(ip_length), random.randrange(1, 65536)
            message = struct.pack("<I", kind) + random.randbytes(length - 36)
            mac1 = mac(hash256(b"mac1----" + public_key), message)
            message += mac1
            cookie = mac(secret, ip + struct.pack(">H", port))
            message += mac(cookie, message)
            sealed = xchacha20_poly1305(hash256(b"cookie--" + public_key), nonce, cookie, mac1)
            reply = struct.pack("<I", 3) + message[4:8] + nonce + sealed
            print(f'    {{"{public_key.hex()}", "{secret.hex()}", "{ip.hex()}", {port},\n     "{message.hex()}",\n'
                  f'     "{nonce.hex()}",\n     "{reply.hex()}"}},')
    print("};")


aead_algorithms = {"chacha20poly1305": (ChaCha20Poly1305, 32), "aes128gcm": (AESGCM, 16), "aes192gcm": (AESGCM, 24),
                   "aes256gcm": (AESGCM, 32)}


def sealed_packet(length, names):
    aead, key_bytes = aead_algorithms[names[length % len(names)]]
    key = bytes((length * 31 + i * 5) & 255 for i in range(key_bytes))
    aad = bytes((i * 3 + length) & 255 for i in range((0, 8, 12)[length % 3]))
    counter = length * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    nonce = struct.pack("<IQ", length if aad else 0, counter)
    data = bytes((i * 7 + length * 13 + 1) & 255 for i in range(length))
    return aead(key).encrypt(nonce, data, aad or None)


def aead_digests(file):
    longest, batch = 2048, 64
    say = lambda text: print(text, file=file)
    say(f"""// Made by tests/unit/crypto/generate_vectors.py with OpenSSL; do not edit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sallyport::dataplane {{

inline constexpr std::uint32_t known_answer_longest_bytes = {longest};
inline constexpr std::uint32_t known_answer_batch_packets = {batch};
inline constexpr std::size_t known_answer_batches = known_answer_longest_bytes / known_answer_batch_packets + 1;

// For lengths [{batch} n, {batch} n + {batch - 1}]: the first 8 bytes (little-endian) of the BLAKE2s-256 of all sealed packets behind each
// other, for each of aead_algorithms and for a mixture of all. prepare_packet() in known_answer_tests.cpp repeats the
// formulas.
// clang-format off
inline constexpr std::array<std::array<std::uint64_t, known_answer_batches>, {len(aead_algorithms) + 1}> sealed_digests = {{{{""")
    for names in [*([name] for name in aead_algorithms), list(aead_algorithms)]:
        digests = []
        for first in range(0, longest + 1, batch):
            packets = b"".join(sealed_packet(n, names) for n in range(first, min(first + batch, longest + 1)))
            digests.append("0x%016xU" % struct.unpack("<Q", hash256(packets)[:8]))
        say(f"    // {names[0] if len(names) == 1 else 'mixed'}")
        for i in range(0, len(digests), 5):
            say(("    {" if i == 0 else "     ") + ", ".join(digests[i:i + 5]) + ("," if i + 5 < len(digests) else "},"))
    say("}};\n// clang-format on\n\n}  // namespace sallyport::dataplane")


print("// Made by generate_vectors.py; do not edit.\n#pragma once\n\n#include <cstdint>\n#include <string_view>\n")
print("// clang-format off\nnamespace sallyport::dataplane {\n")
blake2s_vectors()
blake2s_folds()
handshake_vectors()
print("\n}  // namespace sallyport::dataplane\n// clang-format on")
if len(sys.argv) > 1:
    with open(sys.argv[1], "w") as digests_file:
        aead_digests(digests_file)
