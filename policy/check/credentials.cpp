#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "policy/check/checks.hpp"

namespace sallyport::policy {
namespace {

bool has_trust_domains(const Issuer& issuer) {
  return issuer.type == IssuerType::spiffe_jwt || issuer.type == IssuerType::spiffe_x509;
}

// The first issuer with each key. One name that is defined twice is reported elsewhere.
template <typename Key>
class FirstWith {
 public:
  // The other issuer that has the key already, or null.
  const Issuer* other(const Key& key, const Issuer& issuer) {
    const Issuer* first = first_with_.emplace(key, &issuer).first->second;
    return first->name == issuer.name ? nullptr : first;
  }

 private:
  std::map<Key, const Issuer*> first_with_;
};

std::string words(const Issuer& issuer) {
  return "issuer '" + issuer.name + '\'';
}

std::string place(const Issuer& issuer) {
  return words(issuer) + " (" + issuer.location.to_string() + ')';
}

// Which of two is the other one: the later.
std::vector<const Issuer*> in_order_of_text(const std::vector<Issuer>& issuers) {
  std::vector<const Issuer*> order;
  for (const Issuer& issuer : issuers) order.push_back(&issuer);
  const auto place_in_text = [](const Issuer* issuer) {
    const config::Location& location = issuer->location;
    return std::tuple(location.file ? *location.file : std::string(), location.line, location.column);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const Issuer* a, const Issuer* b) { return place_in_text(a) < place_in_text(b); });
  return order;
}

}  // namespace

void check_credentials(Draft& draft) {
  FirstWith<std::pair<std::string, std::string>> tokens;        // by issuer and audience
  FirstWith<std::pair<IssuerType, std::string>> trust_domains;  // of each type
  for (const Issuer* one : in_order_of_text(draft.issuers)) {
    const Issuer& issuer = *one;
    if (!has_trust_domains(issuer) && !issuer.issuer.empty() && !issuer.audience.empty()) {
      if (const Issuer* other = tokens.other({issuer.issuer, issuer.audience}, issuer))
        draft.report(issuer.location, words(issuer) + " has the issuer and audience of " + place(*other) +
                                          ": whose a token is could not be told");
    }
    for (const auto& [domain, file] : issuer.bundles) {
      if (!has_trust_domains(issuer)) break;
      if (const Issuer* other = trust_domains.other({issuer.type, domain}, issuer))
        draft.report(issuer.location, words(issuer) + " has the trust domain " + domain + ", as " + place(*other) +
                                          " of the same type has");
    }
  }
}

}  // namespace sallyport::policy
