#!/usr/bin/python3
"""Writes generated_aead_vectors.hpp: published vectors of ChaCha20-Poly1305, from Debian's python3-cryptography-vectors,
and packets that take Poly1305 to the edges of its arithmetic, sealed by OpenSSL (python3-cryptography).

For an edge a ciphertext of one block is solved for: with r and s of the packet's one-time key known, the number that
Poly1305 holds before s is added can be made any that we like. Usage: generate_aead_vectors.py > generated_aead_vectors.hpp
"""
import random
import struct

import cryptography_vectors
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

random.seed(8439)
p = 2**130 - 5
longest_text, longest_aad = 160, 64  # longer texts are the business of the differential tests; no engine takes more aad


def keystream(key, nonce, counter, length):
    cipher = Cipher(algorithms.ChaCha20(key, struct.pack("<I", counter) + nonce), mode=None)
    return cipher.encryptor().update(bytes(length))


def print_vector(key, nonce, aad, text):
    sealed = ChaCha20Poly1305(key).encrypt(nonce, text, aad or None)
    print(f'    {{"{key.hex()}", "{nonce.hex()}",\n     "{aad.hex()}",\n     "{text.hex()}",\n     "{sealed.hex()}"}},')
    return sealed


def value(text):
    text = text.strip()
    return text[1:-1].encode() if text.startswith('"') else bytes.fromhex(text)


def published(name):
    path = "ciphers/ChaCha20Poly1305/" + name
    with cryptography_vectors.open_vector_file(path, "r") as file:
        case = {}
        for line in [*file, "\n"]:
            if line.strip() and not line.startswith("#"):
                key, _, text = line.partition("=")
                case[key.strip().upper()] = text
            elif case:
                yield case
                case = {}


def published_vectors():
    print("// BoringSSL's, which begin with those of RFC 8439, and OpenSSL's.")
    print("inline constexpr AeadVector published_aead_vectors[] = {")
    for name in ("boringssl.txt", "openssl.txt"):
        for case in published(name):
            get = lambda *names: next(value(case[n]) for n in names if n in case)
            key, nonce, aad = get("KEY"), get("NONCE", "IV"), get("AD", "AAD")
            text = get("IN", "PLAINTEXT")
            if len(nonce) != 12 or len(text) > longest_text or len(aad) > longest_aad or "RESULT" in case:
                continue
            sealed = print_vector(key, nonce, aad, text)
            assert sealed == get("CT", "CIPHERTEXT") + get("TAG"), case
    print("};")


def edge_vectors():
    print("// The number before s is added: around 0, 2^128 and 2^130 - 5, and with limbs of 26 bits that are full or empty.")
    print("inline constexpr AeadVector edge_aead_vectors[] = {")
    full = [(2**26 - 1) << (26 * i) for i in range(5)]
    targets = [0, 1, 2, 3, 4, 5, 6, p - 1, p - 2, p - 5, 2**128 - 1, 2**128, 2**128 + 1, 2**129 - 1, 2**129,
               2**130 - 2**104, *full, *(sum(full) - one for one in full), 2**104 - 1, 2**78 - 1, 2**52 - 1, 2**26]
    for target in targets:
        while True:
            key, nonce = random.randbytes(32), random.randbytes(12)
            one_time = keystream(key, nonce, 0, 32)
            r = int.from_bytes(one_time[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
            inverse = pow(r, -1, p)
            lengths = (16 << 64) + 2**128
            block = ((target * inverse - lengths) * inverse - 2**128) % p
            if block < 2**128:
                break
        ciphertext = block.to_bytes(16, "little")
        text = bytes(a ^ b for a, b in zip(ciphertext, keystream(key, nonce, 1, 16)))
        sealed = print_vector(key, nonce, b"", text)
        s = int.from_bytes(one_time[16:], "little")
        assert sealed == ciphertext + ((target % p + s) % 2**128).to_bytes(16, "little")
    print("};")


print("// Made by generate_aead_vectors.py; do not edit.\n#pragma once\n\n#include <string_view>\n")
print("// clang-format off\nnamespace sallyport::dataplane {\n")
print("struct AeadVector {\n  std::string_view key_hex, nonce_hex, aad_hex, text_hex, sealed_hex;\n};")
published_vectors()
edge_vectors()
print("\n}  // namespace sallyport::dataplane\n// clang-format on")
