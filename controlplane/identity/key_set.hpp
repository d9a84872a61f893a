// The inside of a KeySet: its keys, made ready to verify when the set was parsed.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "controlplane/identity/signature_key.hpp"
#include "controlplane/identity/trust_store.hpp"

namespace sallyport::controlplane {

class KeySet::Impl {
 public:
  std::vector<KeyInfo> infos;      // sorted by kid
  std::vector<SignatureKey> keys;  // in the order of `infos`

  struct Found {
    const KeyInfo& info;
    const SignatureKey& key;
  };
  // Without a kid: the only key of the set, if it has but one (OpenID Connect Core, section 10.1; JWT-SVID, section
  // 2.2).
  [[nodiscard]] std::optional<Found> find(const std::optional<std::string>& kid) const;
};

}  // namespace sallyport::controlplane
