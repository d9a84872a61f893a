#!/usr/bin/python3
"""Writes generated_aes_gcm_vectors.hpp: NIST's CAVP vectors of AES-GCM with nonces of 96 bits and tags of 128, from Debian's
python3-cryptography-vectors: two of each combination of lengths, and of those that must not open one. OpenSSL
(python3-cryptography) must agree. Usage: generate_aes_gcm_vectors.py > generated_aes_gcm_vectors.hpp
"""
import itertools

import cryptography_vectors
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

longest_aad = 64  # no engine takes more


def cases(name):
    """(lengths, case) of a file; a case is a dict of the values of its lines."""
    with cryptography_vectors.open_vector_file("ciphers/AES/GCM/" + name, "r") as file:
        lengths, case = {}, {}
        for line in [*file, "\n"]:
            line = line.strip()
            if line.startswith("["):
                key, _, value = line[1:-1].partition(" = ")
                lengths[key] = int(value)
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                case[key.strip()] = value.strip()
            elif case:
                if lengths["IVlen"] == 96 and lengths["Taglen"] == 128 and lengths["AADlen"] <= 8 * longest_aad:
                    yield tuple(lengths.values()), case
                case = {}


def first_of_each(found, count):
    for _, group in itertools.groupby(found, key=lambda one: one[0]):
        yield from (case for _, case in itertools.islice(group, count))


def sealed_vectors(bits):
    print(f"inline constexpr AeadVector aes_{bits}_gcm_vectors[] = {{")
    for case in first_of_each(cases(f"gcmEncryptExtIV{bits}.rsp"), 2):
        key, nonce, aad, text = (bytes.fromhex(case[name]) for name in ("Key", "IV", "AAD", "PT"))
        sealed = AESGCM(key).encrypt(nonce, text, aad or None)
        assert sealed.hex() == case["CT"] + case["Tag"], case
        print(f'    {{"{key.hex()}", "{nonce.hex()}", "{aad.hex()}",\n     "{text.hex()}", "{sealed.hex()}"}},')
    print("};")


def forgeries():
    print("struct AeadForgery {\n  std::string_view key_hex, nonce_hex, aad_hex, sealed_hex;\n};")
    print("inline constexpr AeadForgery aes_gcm_forgeries[] = {")
    for bits in (128, 192, 256):
        bad = (one for one in cases(f"gcmDecrypt{bits}.rsp") if "FAIL" in one[1])
        for case in first_of_each(bad, 1):
            key, nonce, aad, sealed = (bytes.fromhex(text) for text in (case["Key"], case["IV"], case["AAD"],
                                                                       case["CT"] + case["Tag"]))
            try:
                AESGCM(key).decrypt(nonce, sealed, aad or None)
                raise AssertionError(case)
            except InvalidTag:
                print(f'    {{"{key.hex()}", "{nonce.hex()}", "{aad.hex()}", "{sealed.hex()}"}},')
    print("};")


print("// Made by generate_aes_gcm_vectors.py; do not edit.\n#pragma once\n\n#include <string_view>\n")
print('#include "generated_aead_vectors.hpp"\n')
print("// clang-format off\nnamespace sallyport::dataplane {\n")
for key_bits in (128, 192, 256):
    sealed_vectors(key_bits)
forgeries()
print("\n}  // namespace sallyport::dataplane\n// clang-format on")
