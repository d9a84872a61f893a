#include <algorithm>

#include "controlplane/enrolment/session_peer.hpp"
#include "tests/unit/api/fake_backend.hpp"

namespace sallyport::controlplane {

const TimePoint FakeBackend::wall_now{std::chrono::seconds(1'700'000'000)};

EnrolledSession& FakeBackend::enroll(const std::string& id, const std::function<void(EnrolledSession&)>& change) {
  const auto number = static_cast<std::uint8_t>(sessions.size() + 1);
  EnrolledSession session;
  session.id = id;
  session.identity = "sa:prod-eu/shop/frontend";
  session.issuer = "prod-eu";
  session.subject = "https://k8s.example.com system:serviceaccount:shop:frontend";
  session.issuer_key = "prod-eu/2026-11";
  session.instance = "pod-" + std::to_string(number);
  session.wireguard = "wg0";
  session.public_key.fill(number);
  session.addresses = {IpPrefix::host(IpAddress::v4(10, 8, 128, number))};
  session.claims = {{"prod-eu", "groups", {"shop", "frontends"}}};
  session.enrolled_at = session.renewed_at = wall_now - std::chrono::hours(1);
  session.not_after = wall_now + std::chrono::hours(1);
  session.source = "198.51.100.9";
  if (change) change(session);
  all_peers.push_back(peer_of_session(session));
  sessions.push_back(std::move(session));
  return sessions.back();
}

const EnrolledSession* FakeBackend::enrolled_session(std::string_view peer_name) const {
  const auto found = std::find_if(sessions.begin(), sessions.end(), [&](const EnrolledSession& session) {
    return peer_name_of(session.id) == peer_name;
  });
  return found == sessions.end() ? nullptr : &*found;
}

bool FakeBackend::end_session(const std::string& id, std::string_view by) {
  last_by = by;
  std::erase_if(all_peers, [&](const Peer& peer) { return peer.name == peer_name_of(id); });
  return std::erase_if(sessions, [&](const EnrolledSession& session) { return session.id == id; }) > 0;
}

tl::expected<void, std::string> FakeBackend::revoke(RevocationKind kind, const std::string& value,
                                                    const std::string& reason, std::string_view by, OnRevoked done) {
  last_by = by;
  if (kind == RevocationKind::public_key && !decode_key(value))
    return tl::unexpected(std::string("expected a WireGuard key in base64"));
  revocation_list.push_back({kind, value, wall_now, std::string(by), reason});
  Revoked revoked{.revocation = revocation_list.back(), .sessions_ended = 2, .peers_ended = 1, .stored = true};
  on_revoked.push_back([done = std::move(done), revoked = std::move(revoked)] { done(revoked); });
  if (revoke_at_once) on_revoked.back()();
  return {};
}

bool FakeBackend::take_back_revocation(RevocationKind kind, const std::string& value, std::string_view by) {
  last_by = by;
  return std::erase_if(revocation_list, [&](const Revocation& revocation) {
           return revocation.kind == kind && revocation.value == value;
         }) > 0;
}

tl::expected<MadeEnrolmentKey, std::string> FakeBackend::make_enrolment_key(const NewEnrolmentKey& wanted,
                                                                            std::string_view by) {
  for (const EnrolmentKey& key : key_list)
    if (key.name == wanted.name) return tl::unexpected("there is an enrolment key '" + key.name + "' already");
  EnrolmentKey key;
  key.id = "0123456789ab";
  key.name = wanted.name;
  key.tags = wanted.tags;
  key.uses_left = wanted.uses;
  key.expires = wall_now + wanted.valid_for;
  key.session = wanted.session;
  key.created_at = wall_now;
  key.by = by;
  key_list.push_back(key);
  return MadeEnrolmentKey{std::move(key), "spk_0123456789ab_c2VjcmV0"};
}

bool FakeBackend::forget_pin(const std::string& identity, std::string_view by) {
  last_by = by;
  return std::erase_if(pins, [&](const PinnedName& pin) { return pin.identity == identity; }) > 0;
}

std::optional<EndpointSource> FakeBackend::endpoint_source(const std::string& service) const {
  const auto found = endpoint_sources.find(service);
  if (found == endpoint_sources.end()) return std::nullopt;
  return found->second;
}

}  // namespace sallyport::controlplane
