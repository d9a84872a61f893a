#include "controlplane/identity/key_set.hpp"

#include <algorithm>

#include "config/toml/value.hpp"

namespace sallyport::controlplane {
namespace {

using Impl = KeySet::Impl;
using Problem = tl::unexpected<std::string>;

constexpr std::size_t kid_bytes_max = 256;

bool is_kid(std::string_view text) {
  return !text.empty() && text.size() <= kid_bytes_max &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

struct NamedKey {
  std::optional<std::string> kid;
  SignatureKey key;
};

// SPIFFE Trust Domain and Bundle, section 4: every key of such a document has a `use` of its own.
bool is_spiffe_bundle(const Json& document, const Json& keys) {
  if (document.contains("spiffe_sequence") || document.contains("spiffe_refresh_hint")) return true;
  return std::any_of(keys.begin(), keys.end(), [](const Json& jwk) {
    const std::string* use = text_member(jwk, "use");
    return use != nullptr && (*use == "jwt-svid" || *use == "x509-svid");
  });
}

bool is_of_use(const Json& jwk, bool spiffe_bundle) {
  const Json* use = member(jwk, "use");
  if (spiffe_bundle) return use != nullptr && *use == "jwt-svid";
  return use == nullptr || *use == "sig";
}

std::optional<NamedKey> read_key(const Json& jwk) {
  std::optional<std::string> kid;
  if (const Json* value = member(jwk, "kid")) {
    const auto* text = value->get_ptr<const std::string*>();
    if (text == nullptr || !is_kid(*text)) return std::nullopt;
    kid = *text;
  }
  auto key = SignatureKey::from_jwk(jwk);
  if (!key) return std::nullopt;
  return NamedKey{std::move(kid), std::move(*key)};
}

tl::expected<std::vector<NamedKey>, std::string> read_keys(const Json& document) {
  const Json* list = member(document, "keys");
  if (list == nullptr || !list->is_array())
    return Problem("expected a JWK set: an object with an array \"keys\"" +
                   (list == nullptr ? std::string() : ", which is " + std::string(kind_of(*list))));
  if (list->size() > KeySet::keys_max)
    return Problem("expected at most " + std::to_string(KeySet::keys_max) + " keys, got " +
                   std::to_string(list->size()));
  const bool spiffe_bundle = is_spiffe_bundle(document, *list);
  std::vector<NamedKey> keys;
  for (const Json& jwk : *list) {
    if (!is_of_use(jwk, spiffe_bundle)) continue;
    if (auto key = read_key(jwk)) keys.push_back(std::move(*key));
  }
  // Among several, a key without a name could only be found by trying.
  if (keys.size() > 1) std::erase_if(keys, [](const NamedKey& key) { return !key.kid; });
  if (keys.empty())
    return Problem("no key among " + std::to_string(list->size()) +
                   " that can verify RS, PS or ES 256-512 or EdDSA, and can be named");
  return keys;
}

}  // namespace

std::optional<Impl::Found> Impl::find(const std::optional<std::string>& kid) const {
  if (!kid) return keys.size() == 1 ? std::optional<Found>({infos[0], keys[0]}) : std::nullopt;
  const auto found = std::lower_bound(infos.begin(), infos.end(), *kid,
                                      [](const KeyInfo& info, const std::string& name) { return info.kid < name; });
  if (found == infos.end() || found->kid != *kid) return std::nullopt;
  return Found{*found, keys[static_cast<std::size_t>(found - infos.begin())]};
}

tl::expected<std::shared_ptr<const KeySet>, std::string> KeySet::parse(std::string_view json) {
  if (json.size() > bytes_max)
    return Problem("expected at most " + std::to_string(bytes_max) + " bytes, got " + std::to_string(json.size()));
  const auto document = parse_json_object(json);
  if (!document) return Problem(document.error());
  auto keys = read_keys(*document);
  if (!keys) return Problem(std::move(keys.error()));
  const auto name_of_key = [](const NamedKey& key) -> const std::string& {
    return key.kid ? *key.kid : key.key.thumbprint();
  };
  std::sort(keys->begin(), keys->end(),
            [&](const NamedKey& a, const NamedKey& b) { return name_of_key(a) < name_of_key(b); });
  auto impl = std::make_unique<Impl>();
  for (NamedKey& key : *keys) {
    const std::string& name = name_of_key(key);
    if (!impl->infos.empty() && impl->infos.back().kid == name)
      return Problem("two keys have the kid " + config::in_quotes(name));
    impl->infos.push_back({name, std::string(key.key.kind())});
    impl->keys.push_back(std::move(key.key));
  }
  return std::make_shared<const KeySet>(std::move(impl));
}

KeySet::KeySet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeySet::~KeySet() = default;

const std::vector<KeySet::KeyInfo>& KeySet::keys() const {
  return impl_->infos;
}

}  // namespace sallyport::controlplane
