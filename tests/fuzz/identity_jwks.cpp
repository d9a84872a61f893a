// Bytes as a JWK set and as a bundle of certificates: what is taken has names and is bounded, and what is refused says
// why on one line.
#include <cstdint>
#include <string_view>

#include "config/base/check.hpp"
#include "controlplane/identity/trust_store.hpp"

namespace {

using namespace sallyport::controlplane;

void check_line(std::string_view line) {
  SP_CHECK(!line.empty() && line.size() < 1024);
  for (const char c : line) SP_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto keys = KeySet::parse(text)) {
    const auto& infos = (*keys)->keys();
    SP_CHECK(!infos.empty() && infos.size() <= KeySet::keys_max);
    for (std::size_t i = 0; i < infos.size(); ++i) {
      check_line(infos[i].kid);
      SP_CHECK(i == 0 || infos[i - 1].kid < infos[i].kid);
    }
  } else {
    check_line(keys.error());
  }
  if (const auto bundle = TrustBundle::parse(text)) {
    SP_CHECK(!(*bundle)->certificates().empty());
    for (const auto& certificate : (*bundle)->certificates()) SP_CHECK(certificate.key_id.size() == 64);
  } else {
    check_line(bundle.error());
  }
  return 0;
}
