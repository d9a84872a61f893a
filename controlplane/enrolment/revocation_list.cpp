#include "controlplane/enrolment/revocation_list.hpp"

#include <algorithm>

#include "config/toml/safe_text.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t value_characters_max = 2048;

bool is_identity(const std::string& value) {
  constexpr std::string_view kinds[] = {"user:", "sa:", "spiffe://", "ike:", "machine:"};
  return std::any_of(std::begin(kinds), std::end(kinds),
                     [&](std::string_view kind) { return value.starts_with(kind) && value.size() > kind.size(); });
}

}  // namespace

std::optional<std::string> RevocationList::wrong_value(RevocationKind kind, const std::string& value) {
  if (value.empty() || value.size() > value_characters_max || config::check_utf8(value))
    return "expected 1 to " + std::to_string(value_characters_max) + " bytes of UTF-8";
  const bool has_control =
      std::any_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (has_control) return "expected no control characters";
  switch (kind) {
    case RevocationKind::identity:
      if (is_identity(value)) return std::nullopt;
      return "expected an identity such as \"user:corp/ann@example.com\", \"sa:CLUSTER/NAMESPACE/NAME\", "
             "\"spiffe://DOMAIN/PATH\" or \"machine:KEY/PUBLIC-KEY\"";
    case RevocationKind::public_key:
      if (decode_key(value)) return std::nullopt;
      return "expected a WireGuard public key, 44 characters of base64";
    case RevocationKind::issuer:
      if (value.find('/') == std::string::npos) return std::nullopt;
      return "expected the name of an issuer as `sallyctl trust` shows it";
    case RevocationKind::issuer_key:
      if (const auto slash = value.find('/'); slash != std::string::npos && slash > 0 && slash + 1 < value.size())
        return std::nullopt;
      return "expected ISSUER/KID as `sallyctl trust` shows them";
    case RevocationKind::enrolment_key:
      return std::nullopt;
  }
  return "expected another kind";
}

bool RevocationList::add(const Revocation& revocation) {
  if (revocations_.size() >= revocations_max && !contains(revocation.kind, revocation.value)) return false;
  revocations_.try_emplace({revocation.kind, revocation.value}, revocation);
  return true;
}

bool RevocationList::remove(RevocationKind kind, const std::string& value) {
  return revocations_.erase({kind, value}) > 0;
}

bool RevocationList::contains(const PublicKey& key) const {
  return contains(RevocationKind::public_key, encode_key(key));
}

std::vector<Revocation> RevocationList::all() const {
  std::vector<Revocation> list;
  list.reserve(revocations_.size());
  for (const auto& [key, revocation] : revocations_) list.push_back(revocation);
  return list;
}

}  // namespace sallyport::controlplane
