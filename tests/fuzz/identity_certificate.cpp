// Bytes as the chain of a client: each certificate behind its length, two bytes, big-endian. Whoever gets in has a name
// of the trust domain; the keys of the authority are always the same, so the corpus keeps its meaning.
#include <cstdint>
#include <vector>

#include "config/base/check.hpp"
#include "controlplane/identity/spiffe_id.hpp"
#include "tests/unit/identity/certificate_maker.hpp"
#include "tests/unit/identity/issuers.hpp"

namespace {

using namespace sallyport::controlplane;

const TrustStore& store() {
  static const TrustStore made = [] {
    IssuerTrust trust;
    trust.issuer.name = "mesh";
    trust.issuer.type = sallyport::policy::IssuerType::spiffe_x509;
    const auto root = self_signed(authority("root", test_now), TestKey::ed25519(1));
    trust.bundles["prod.example.org"] = *TrustBundle::parse(root.pem());
    return TrustStore({trust});
  }();
  return made;
}

std::vector<std::vector<std::uint8_t>> chain_of(const std::uint8_t* data, std::size_t size) {
  std::vector<std::vector<std::uint8_t>> chain;
  while (size >= 2) {
    const std::size_t length = std::min<std::size_t>(static_cast<std::size_t>(data[0]) << 8 | data[1], size - 2);
    chain.emplace_back(data + 2, data + 2 + length);
    data += 2 + length;
    size -= 2 + length;
  }
  return chain;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto verdict = store().verify_certificate(chain_of(data, size), test_now);
  if (verdict) {
    const auto id = parse_spiffe_id(verdict->identity);
    SP_CHECK(id && id->trust_domain == "prod.example.org" && !id->path.empty());
    SP_CHECK(verdict->not_after > test_now && verdict->issuer_key.starts_with("mesh/"));
    return 0;
  }
  for (const char c : verdict.error().detail) SP_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  return 0;
}
