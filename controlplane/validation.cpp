#include "controlplane/validation.hpp"

#include <iterator>
#include <utility>

#include "config/unsupported.hpp"
#include "controlplane/enrolment/tls_files.hpp"
#include "controlplane/identity/peer.hpp"
#include "policy/unsupplied.hpp"

namespace sallyport::controlplane {
namespace {

using Errors = std::vector<config::Error>;

void append(Errors& errors, Errors more) {
  errors.insert(errors.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void check_certificate(const config::Enrolment& enrolment, std::optional<uid_t> reader, Errors& errors) {
  TlsFiles files(enrolment.certificate_file, enrolment.private_key_file, enrolment.client_ca_files, reader);
  if (auto read = files.read(false); !read) errors.push_back({enrolment.location, read.error()});
}

}  // namespace

tl::expected<GatewayKeys, Errors> validate(const config::Config& configuration, const GatewayKeys& before,
                                           KeyFiles key_files) {
  Errors errors = config::unsupported_features(configuration);
  GatewayKeys keys;
  if (key_files == KeyFiles::read) {
    auto loaded = load_keys(configuration, configured_peers(configuration.peers), before);
    if (loaded)
      keys = std::move(*loaded);
    else
      append(errors, std::move(loaded.error()));
    if (configuration.enrolment) check_certificate(*configuration.enrolment, reader_of(configuration), errors);
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return keys;
}

tl::expected<PolicyService::Prepared, Errors> validate_policy(const config::Config& configuration,
                                                              std::span<const Peer> peers, wireguard::Instant now) {
  auto bundle = policy::read_bundle(configuration.policy.files);
  if (!bundle) return tl::unexpected(std::move(bundle.error()));
  Publisher nowhere({}, 1);
  const PolicyService service(nowhere);
  auto prepared =
      service.prepare(std::move(*bundle), PolicySource::files, peers, configuration.dataplane.max_classes, now);
  if (!prepared) return prepared;
  for (std::string& warning : policy::unsupplied(*prepared->policy, configuration))
    prepared->warnings.push_back(std::move(warning));
  return prepared;
}

}  // namespace sallyport::controlplane
