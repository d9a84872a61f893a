#include "controlplane/identity/id_token_values.hpp"

#include <algorithm>
#include <optional>

#include "config/toml/value.hpp"

namespace sallyport::controlplane {
namespace {

using policy::Claim;
using policy::Issuer;
using Values = std::vector<std::string>;

constexpr std::string_view groups = "groups";
constexpr std::string_view of_the_token[] = {"iss", "sub",   "aud", "exp",     "nbf",    "iat",
                                             "jti", "nonce", "azp", "at_hash", "c_hash", groups};

// Nothing: objects, null, and lists of anything but texts have no form that a selector could name.
std::optional<Values> values_of(const Json& value) {
  if (const auto* text = value.get_ptr<const std::string*>()) return Values{*text};
  if (value.is_boolean() || value.is_number()) return Values{value.dump()};
  const auto is_text = [](const Json& entry) { return entry.is_string(); };
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_text)) return std::nullopt;
  Values values;
  for (const Json& entry : value) values.push_back(entry.get_ref<const std::string&>());
  return values;
}

std::optional<std::string> excess_of(const Claim& claim) {
  const std::string name = "the claim " + config::in_quotes(claim.key);
  if (claim.values.size() > proof_claim_values_max)
    return name + " has " + std::to_string(claim.values.size()) + " values, expected at most " +
           std::to_string(proof_claim_values_max);
  const auto too_long = [](const std::string& text) { return text.size() > claim_value_bytes_max; };
  if (too_long(claim.key) || std::any_of(claim.values.begin(), claim.values.end(), too_long))
    return name + " has more than " + std::to_string(claim_value_bytes_max) + " bytes in its name or a value";
  return std::nullopt;
}

Checked<std::optional<Claim>> read_groups(const Json& claims, const Issuer& issuer) {
  const Json* value = issuer.groups_claim.empty() ? nullptr : find_by_pointer(claims, issuer.groups_claim);
  if (value == nullptr) return std::nullopt;
  auto values = value->is_string() || value->is_array() ? values_of(*value) : std::nullopt;
  if (!values)
    return refuse(issuer, ProofRefusal::missing_claim,
                  "at " + config::in_quotes(issuer.groups_claim) + " is " + std::string(kind_of(*value)) +
                      ", expected a string or a list of strings");
  return Claim{issuer.name, std::string(groups), std::move(*values)};
}

}  // namespace

Checked<std::vector<Claim>> claims_of_id_token(const Json& claims, const Issuer& issuer) {
  std::vector<Claim> result;
  auto of_groups = read_groups(claims, issuer);
  if (!of_groups) return tl::unexpected(std::move(of_groups.error()));
  if (*of_groups) result.push_back(std::move(**of_groups));
  for (const auto& [name, value] : claims.items()) {
    if (std::find(std::begin(of_the_token), std::end(of_the_token), name) != std::end(of_the_token)) continue;
    if (auto values = values_of(value)) result.push_back({issuer.name, name, std::move(*values)});
  }
  if (result.size() > proof_claims_max)
    return refuse(issuer, ProofRefusal::claims_too_large,
                  std::to_string(result.size()) + " claims, expected at most " + std::to_string(proof_claims_max));
  for (const Claim& claim : result)
    if (auto excess = excess_of(claim)) return refuse(issuer, ProofRefusal::claims_too_large, std::move(*excess));
  return result;
}

}  // namespace sallyport::controlplane
