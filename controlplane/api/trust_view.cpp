// Whom the gateway believes: where keys and bundles come from, what is in them, and what is wrong with it.
#include <utility>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned sources_per_step = 8;

Json source_json(const TrustSourceStatus& source) {
  Json keys = Json::array(), certificates = Json::array();
  for (const KeySet::KeyInfo& key : source.keys) keys.push_back({{"kid", key.kid}, {"kind", key.kind}});
  for (const TrustBundle::CertificateInfo& certificate : source.certificates)
    certificates.push_back({{"subject", certificate.subject},
                            {"key_id", certificate.key_id},
                            {"not_before", policy::time_words(certificate.not_before)},
                            {"not_after", policy::time_words(certificate.not_after)}});
  Json view = {{"issuer", source.issuer}};
  if (!source.trust_domain.empty()) view["trust_domain"] = source.trust_domain;
  view["source"] = source.source;
  if (source.read_at) view["read_at"] = policy::time_words(*source.read_at);
  if (!source.problem.empty()) view["problem"] = source.problem;
  view["keys"] = std::move(keys);
  view["certificates"] = std::move(certificates);
  return view;
}

HttpResponse get_trust(const Call& call) {
  if (const auto wrong = wrong_query(call.target, {})) return failure(400, *wrong);
  auto step = [list = call.backend.trust_sources(), next = std::size_t{0}](const JsonEmit& emit) mutable {
    for (unsigned i = 0; i < sources_per_step && next < list.size(); ++i) emit(source_json(list[next++]));
    return next < list.size();
  };
  return stream(json_array(std::move(step), "{\"sources\":", "}"));
}

}  // namespace

std::span<const Endpoint> trust_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"trust"}, get_trust, "keys and bundles of the issuers, and how old they are"},
  };
  return list;
}

}  // namespace sallyport::controlplane
