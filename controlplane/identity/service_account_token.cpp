// check_service_account_token().
#include <algorithm>

#include "config/toml/value.hpp"
#include "controlplane/identity/issuer_claims.hpp"

namespace sallyport::controlplane {
namespace {

using policy::Issuer;

struct ServiceAccount {
  std::string namespace_name, name;
  std::string pod_uid;  // empty: the token is bound to no pod
};

// A DNS label, or with dots a DNS subdomain: what the API server lets objects be called.
bool is_object_name(std::string_view text, std::size_t longest, bool dots) {
  return text.size() <= longest && std::all_of(text.begin(), text.end(), [dots](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (dots && c == '.');
         });
}

Checked<std::string> pod_uid_of(const Json& object, const Issuer& issuer) {
  constexpr std::size_t longest = 128;
  const Json* pod = member(object, "pod");
  if (pod == nullptr) return std::string();
  auto uid = required_text(*pod, "uid", issuer);
  if (uid && !is_object_name(*uid, longest, false))
    return refuse(issuer, ProofRefusal::missing_claim, "pod.uid is " + config::in_quotes(*uid));
  return uid;
}

Checked<ServiceAccount> read_service_account(const Json& claims, const Issuer& issuer) {
  constexpr std::size_t longest_label = 63, longest_subdomain = 253;  // RFC 1123, as Kubernetes has it
  const Json* object = member(claims, "kubernetes.io");
  const Json* account = object == nullptr ? nullptr : member(*object, "serviceaccount");
  if (account == nullptr)
    return refuse(issuer, ProofRefusal::missing_claim, "no object \"kubernetes.io\" with a serviceaccount");
  auto namespace_name = required_text(*object, "namespace", issuer);
  if (!namespace_name) return tl::unexpected(std::move(namespace_name.error()));
  auto name = required_text(*account, "name", issuer);
  if (!name) return tl::unexpected(std::move(name.error()));
  if (!is_object_name(*namespace_name, longest_label, false) || !is_object_name(*name, longest_subdomain, true))
    return refuse(issuer, ProofRefusal::missing_claim,
                  "expected names of Kubernetes, got namespace " + config::in_quotes(*namespace_name) +
                      ", serviceaccount " + config::in_quotes(*name));
  auto pod_uid = pod_uid_of(*object, issuer);
  if (!pod_uid) return tl::unexpected(std::move(pod_uid.error()));
  return ServiceAccount{std::move(*namespace_name), std::move(*name), std::move(*pod_uid)};
}

}  // namespace

Checked<Proof> check_service_account_token(const Json& claims, const Issuer& issuer, policy::TimePoint now) {
  if (auto audience = check_audience(claims, issuer); !audience) return tl::unexpected(audience.error());
  const auto times = check_times(claims, issuer, now);
  if (!times) return tl::unexpected(times.error());
  const auto subject = required_text(claims, "sub", issuer);
  if (!subject) return tl::unexpected(subject.error());
  auto account = read_service_account(claims, issuer);
  if (!account) return tl::unexpected(std::move(account.error()));
  const std::string expected = "system:serviceaccount:" + account->namespace_name + ':' + account->name;
  if (*subject != expected)
    return refuse(issuer, ProofRefusal::missing_claim,
                  "sub is " + config::in_quotes(*subject) + ", expected " + config::in_quotes(expected));

  Proof proof;
  proof.issuer = issuer.name;
  proof.identity = "sa:" + issuer.name + '/' + account->namespace_name + '/' + account->name;
  proof.subject = issuer.issuer + '|' + *subject;
  proof.claims = {{issuer.name, "namespace", {account->namespace_name}},
                  {issuer.name, "serviceaccount", {account->name}}};
  proof.authenticated_at = proof.issued_at = times->issued_at;
  proof.not_after = times->session_end;
  proof.instance = std::move(account->pod_uid);
  return proof;
}

}  // namespace sallyport::controlplane
