#include "controlplane/enrolment/enrolment_service.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <set>

#include <nlohmann/json.hpp>

#include "controlplane/enrolment/session_peer.hpp"

namespace sallyport::controlplane::enrolment_service_test {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{std::chrono::seconds(1'800'000'000)};

PublicKey key(std::uint8_t number) {
  PublicKey bytes{};
  bytes.fill(number);
  return bytes;
}

Proof proof_of(const std::string& identity, std::chrono::seconds lasts = 3600s) {
  Proof proof;
  proof.issuer = "prod";
  proof.identity = identity;
  proof.subject = "https://idp|" + identity;
  proof.not_after = start + lasts;
  proof.issuer_key = "prod/kid-1";
  return proof;
}

// A service with a pool of a few addresses, and what its surroundings would see.
struct Gateway {
  Gateway() { configure({*IpPrefix::parse("10.8.0.0/29")}); }

  void configure(std::vector<IpPrefix> pool) {
    EnrolmentService::Settings settings;
    settings.wireguard = "wg0";
    settings.endpoint = "192.0.2.1:51820";
    settings.pool = "people";
    settings.pool_prefixes = std::move(pool);
    settings.sessions_per_identity = 3;
    service.configure(settings, now, effects);
  }
  EnrolmentResult ask(const EnrolmentRequest& request) {
    auto result = service.answer(request, now, effects);
    for (const auto& [record, document] : effects.to_store)
      document.empty() ? void(disk.erase(record)) : void(disk[record] = document);
    effects.to_store.clear();
    return result;
  }
  Granted enroll(std::uint8_t number, const Evidence& evidence, const std::string& instance = {}) {
    const auto result = ask(EnrollRequest{key(number), evidence, instance, {}});
    if (!result) {
      ADD_FAILURE() << "refused: " << refusal(result);
      return {};
    }
    return std::get<Granted>(*result);
  }
  static std::string refusal(const EnrolmentResult& result) {
    if (result) return "granted";
    if (const auto* refused = std::get_if<RefusedProof>(&result.error())) return std::string(name_of(refused->reason));
    return std::string(name_of(std::get<EnrolmentFailure>(result.error())));
  }
  std::string try_to_enroll(std::uint8_t number, const Evidence& evidence, const std::string& instance = {}) {
    return refusal(ask(EnrollRequest{key(number), evidence, instance, {}}));
  }
  void store() {
    for (const auto& [record, document] : effects.to_store)
      document.empty() ? void(disk.erase(record)) : void(disk[record] = document);
    effects.to_store.clear();
  }

  TimePoint now = start;
  std::uint8_t drawn = 0;
  std::set<PublicKey> configured_keys;
  bool has_room = true;
  EnrolmentService::Effects effects;
  Records disk;
  EnrolmentService service{[this](const PublicKey& one) -> std::optional<ProofRefusal> {
                             if (configured_keys.contains(one)) return ProofRefusal::key_is_anothers;
                             return std::nullopt;
                           },
                           [this] { return has_room; },
                           [this](std::uint8_t* bytes, std::size_t size) {
                             for (std::size_t i = 0; i < size; ++i)
                               bytes[i] = static_cast<std::uint8_t>(++drawn * 7 + i);
                           }};
};

TEST(EnrolmentService, GivesAnAddressAndATokenUntilTheProofEnds) {
  Gateway gateway;
  const Granted granted = gateway.enroll(1, proof_of("sa:prod/shop/frontend"));
  EXPECT_EQ(granted.addresses, (std::vector{*IpPrefix::parse("10.8.0.1/32")}));
  EXPECT_EQ(granted.expires_at, start + 3600s);
  EXPECT_EQ(granted.session_token.size(), 43U);
  EXPECT_EQ(gateway.effects.sessions.size(), 1U);
  const EnrolledSession& session = gateway.service.sessions().begin()->second;
  EXPECT_EQ(peer_of_session(session).facts.names, (std::vector<std::string>{"sa:prod/shop/frontend"}));
  EXPECT_EQ(peer_of_session(session).facts.not_after, start + 3600s);
}

TEST(EnrolmentService, EndsASessionWithItsProofAndFreesItsAddress) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:prod/shop/frontend", 60s));
  EXPECT_EQ(gateway.service.next_expiry(), start + 60s);
  gateway.effects = {};
  gateway.service.expire(start + 59s, gateway.effects);
  EXPECT_TRUE(gateway.effects.sessions.empty());
  gateway.service.expire(start + 60s, gateway.effects);
  ASSERT_EQ(gateway.effects.sessions.size(), 1U);
  EXPECT_FALSE(gateway.effects.sessions[0].after);
  EXPECT_TRUE(gateway.service.sessions().empty());
}

TEST(EnrolmentService, GivesTheSameAddressToAnIdentityThatComesBackWithAnotherKey) {
  Gateway gateway;
  const auto first = gateway.enroll(1, proof_of("sa:a/b/c", 60s)).addresses;
  gateway.enroll(2, proof_of("sa:a/b/other", 60s));
  gateway.now += 100s;
  EXPECT_EQ(gateway.enroll(3, proof_of("sa:a/b/c")).addresses, first);
}

TEST(EnrolmentService, LetsAMachineReplaceItsSessionAndKeepsItsAddress) {
  Gateway gateway;
  Proof pod = proof_of("sa:a/b/c");
  pod.instance = "uid-1";
  const auto first = gateway.enroll(1, pod).addresses;
  EXPECT_EQ(gateway.enroll(2, pod).addresses, first);
  EXPECT_EQ(gateway.service.sessions().size(), 1U);
  pod.instance = "uid-2";
  EXPECT_NE(gateway.enroll(3, pod).addresses, first);
}

TEST(EnrolmentService, RefusesAKeyThatAnotherIdentityOrAConfiguredPeerHas) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c"));
  EXPECT_EQ(gateway.try_to_enroll(1, proof_of("sa:a/b/other")), "key_is_anothers");
  gateway.configured_keys.insert(key(9));
  EXPECT_EQ(gateway.try_to_enroll(9, proof_of("sa:a/b/other")), "key_is_anothers");
}

TEST(EnrolmentService, PinsANameToItsFirstSubject) {
  Gateway gateway;
  Proof ann = proof_of("user:corp/ann@example.com");
  ann.name_may_move = true;
  gateway.enroll(1, ann);
  ann.subject = "https://idp|somebody else";
  EXPECT_EQ(gateway.try_to_enroll(2, ann), "name_is_anothers");
  ASSERT_TRUE(gateway.service.forget_pin("user:corp/ann@example.com", gateway.effects));
  gateway.enroll(2, ann);
}

TEST(EnrolmentService, SaysThatThePoolIsEmptyAndReusesTheLeaseThatWasFreeLongest) {
  Gateway gateway;
  for (std::uint8_t number = 1; number <= 6; ++number)
    gateway.enroll(number, proof_of("sa:a/b/" + std::to_string(number), std::chrono::seconds(60 + number)));
  EXPECT_EQ(gateway.try_to_enroll(7, proof_of("sa:a/b/7")), "pool_is_empty");
  gateway.now += 62s;  // the sessions of 1 and 2 end, in this order
  const auto result = gateway.enroll(7, proof_of("sa:a/b/7"));
  EXPECT_EQ(result.addresses.front().to_string(), "10.8.0.1/32");
}

TEST(EnrolmentService, BoundsTheSessionsOfAnIdentityAndThePeersOfTheGateway) {
  Gateway gateway;
  for (std::uint8_t number = 1; number <= 3; ++number) gateway.enroll(number, proof_of("sa:a/b/c"));
  EXPECT_EQ(gateway.try_to_enroll(4, proof_of("sa:a/b/c")), "too_many_sessions");
  gateway.has_room = false;
  EXPECT_EQ(gateway.try_to_enroll(5, proof_of("sa:a/b/d")), "gateway_is_full");
}

TEST(EnrolmentService, RenewsWithAnotherKeyAndKeepsTheFormerOneForAWhile) {
  Gateway gateway;
  const auto granted = gateway.enroll(1, proof_of("sa:a/b/c"));
  const auto result = gateway.ask(RenewRequest{key(1), key(2), proof_of("sa:a/b/c", 7200s), {}});
  ASSERT_TRUE(result);
  EXPECT_EQ(std::get<Granted>(*result).expires_at, start + 7200s);
  EXPECT_TRUE(std::get<Granted>(*result).session_token.empty());
  EXPECT_EQ(std::get<Granted>(*result).session_id, granted.session_id);
  const EnrolledSession& session = gateway.service.sessions().begin()->second;
  EXPECT_EQ(session.public_key, key(2));
  EXPECT_EQ(session.former_key, key(1));
  EXPECT_EQ(gateway.service.next_expiry(), start + EnrolmentService::former_key_lifetime);
  gateway.service.expire(start + EnrolmentService::former_key_lifetime, gateway.effects);
  EXPECT_FALSE(gateway.service.sessions().begin()->second.former_key);
  EXPECT_EQ(gateway.refusal(gateway.ask(RenewRequest{key(1), std::nullopt, proof_of("sa:a/b/c"), {}})),
            "unknown_session");
}

TEST(EnrolmentService, GivesAnotherPresharedKeyWithEachAnswer) {
  Gateway gateway;
  const Granted first = gateway.enroll(1, proof_of("sa:a/b/c"));
  ASSERT_TRUE(first.preshared_key.is_set());
  const EnrolledSession& session = gateway.service.sessions().begin()->second;
  EXPECT_EQ(session.preshared_key, first.preshared_key);
  EXPECT_FALSE(session.former_preshared_key);
  const auto renewed = std::get<Granted>(*gateway.ask(RenewRequest{key(1), {}, proof_of("sa:a/b/c"), {}}));
  EXPECT_FALSE(renewed.preshared_key == first.preshared_key);
  EXPECT_EQ(session.preshared_key, renewed.preshared_key);
  EXPECT_EQ(session.former_preshared_key, first.preshared_key);
  const Granted again = gateway.enroll(1, proof_of("sa:a/b/c"));
  EXPECT_FALSE(again.preshared_key == renewed.preshared_key);
  EXPECT_EQ(session.former_preshared_key, renewed.preshared_key);
  EXPECT_EQ(peer_of_session(session).preshared_key, again.preshared_key);
  EXPECT_EQ(peer_of_session(session).former_preshared_key, renewed.preshared_key);
}

TEST(EnrolmentService, KeepsTheFormerPresharedKeyForAWhileApartFromTheFormerKey) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c"));
  const EnrolledSession& session = gateway.service.sessions().begin()->second;
  (void)gateway.ask(RenewRequest{key(1), key(2), proof_of("sa:a/b/c"), {}});
  gateway.now = start + 60s;
  (void)gateway.ask(RenewRequest{key(2), {}, proof_of("sa:a/b/c"), {}});
  EXPECT_EQ(gateway.service.next_expiry(), start + 180s);
  gateway.service.expire(start + 180s, gateway.effects);
  EXPECT_FALSE(session.former_key);
  EXPECT_TRUE(session.former_preshared_key);
  EXPECT_EQ(gateway.service.next_expiry(), start + 240s);
  gateway.service.expire(start + 240s, gateway.effects);
  EXPECT_FALSE(session.former_preshared_key);
  EXPECT_EQ(gateway.service.next_expiry(), start + 3600s);
}

TEST(EnrolmentService, CallsASessionPostQuantumWhenEachOfItsPresharedKeysIs) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c"));
  const EnrolledSession& session = gateway.service.sessions().begin()->second;
  EXPECT_FALSE(is_post_quantum(session));
  const auto renew = [&](bool post_quantum) {
    return std::get<Granted>(*gateway.ask(RenewRequest{key(1), {}, proof_of("sa:a/b/c"), {}, post_quantum}));
  };
  EXPECT_TRUE(renew(true).post_quantum);
  EXPECT_FALSE(is_post_quantum(session));  // the former key was told in the open, and is good still
  gateway.now = start + 180s;
  gateway.service.expire(gateway.now, gateway.effects);
  EXPECT_TRUE(is_post_quantum(session));
  EXPECT_FALSE(renew(false).post_quantum);
  EXPECT_FALSE(is_post_quantum(session));
}

TEST(EnrolmentService, LetsASessionFromBeforePresharedKeysGoOnWithoutOne) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c"));
  nlohmann::json document;
  for (auto& [record, text] : gateway.disk) {
    if (record.kind != RecordKind::session) continue;
    document = nlohmann::json::parse(text);
    for (const char* member :
         {"preshared_key", "former_preshared_key", "former_preshared_until", "post_quantum", "former_post_quantum"})
      ASSERT_EQ(document.erase(member), 1U) << member;
    text = document.dump();
  }
  Gateway next;
  EXPECT_TRUE(next.service.restore(gateway.disk, start, next.effects).empty());
  const EnrolledSession& session = next.service.sessions().begin()->second;
  EXPECT_FALSE(session.preshared_key.is_set());
  EXPECT_FALSE(is_post_quantum(session));
  // Until it has taken up its first one, its handshakes have none.
  (void)next.ask(RenewRequest{key(1), {}, proof_of("sa:a/b/c"), {}});
  ASSERT_TRUE(session.former_preshared_key);
  EXPECT_FALSE(session.former_preshared_key->is_set());
}

TEST(EnrolmentService, RenewsNobodyElsesSession) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c"));
  gateway.enroll(2, proof_of("sa:a/b/d"));
  EXPECT_EQ(gateway.refusal(gateway.ask(RenewRequest{key(1), std::nullopt, proof_of("sa:a/b/d"), {}})),
            "unknown_session");
  EXPECT_EQ(gateway.refusal(gateway.ask(RenewRequest{key(1), key(2), proof_of("sa:a/b/c"), {}})), "key_is_anothers");
}

TEST(EnrolmentService, TakesTheClaimsOfTheNewestProofForAllSessionsOfTheIdentity) {
  Gateway gateway;
  Proof ann = proof_of("user:corp/ann");
  ann.claims = {{"corp", "groups", {"sre"}}};
  gateway.enroll(1, ann);
  gateway.enroll(2, ann);
  ann.claims.clear();
  ASSERT_TRUE(gateway.ask(RenewRequest{key(1), std::nullopt, ann, {}}));
  for (const auto& [id, session] : gateway.service.sessions()) EXPECT_TRUE(session.claims.empty());
}

TEST(EnrolmentService, GivesNothingBackForAnOlderProof) {
  Gateway gateway;
  gateway.now = start + 100s;
  Proof with_group = proof_of("user:corp/ann");
  with_group.claims = {{"corp", "groups", {"sre"}}};
  with_group.issued_at = start + 10s;
  Proof without = proof_of("user:corp/ann");
  without.issued_at = start + 50s;
  gateway.enroll(1, with_group);
  gateway.enroll(2, with_group);
  ASSERT_TRUE(gateway.ask(RenewRequest{key(1), std::nullopt, without, {}}));
  const std::string first = std::get<Granted>(*gateway.ask(RenewRequest{key(1), std::nullopt, without, {}})).session_id;
  EXPECT_TRUE(gateway.service.end(first, "test", gateway.now, gateway.effects));
  ASSERT_TRUE(gateway.ask(RenewRequest{key(2), std::nullopt, with_group, {}}));
  gateway.enroll(3, with_group);
  for (const auto& [id, session] : gateway.service.sessions()) EXPECT_TRUE(session.claims.empty());
  with_group.issued_at = start + 90s;
  ASSERT_TRUE(gateway.ask(RenewRequest{key(2), std::nullopt, with_group, {}}));
  for (const auto& [id, session] : gateway.service.sessions()) EXPECT_EQ(session.claims, with_group.claims);
}

TEST(EnrolmentService, KeepsABoundedNumberOfFreeLeases) {
  Gateway gateway;
  gateway.configure({*IpPrefix::parse("fd08::/64")});
  const auto of_machine = [&](std::uint32_t number) { return proof_of("machine:" + std::to_string(number)); };
  for (std::uint32_t i = 0; i < LeaseTable::free_max + 10; ++i)
    ASSERT_TRUE(gateway.ask(EndRequest{gateway.enroll(1, of_machine(i)).session_token}));
  EXPECT_EQ(gateway.service.leases(), LeaseTable::free_max);
  EXPECT_EQ(gateway.disk.size(), LeaseTable::free_max);
}

TEST(EnrolmentService, TakesPostureFromTheHolderOfTheSessionTokenAlone) {
  Gateway gateway;
  const auto granted = gateway.enroll(1, proof_of("sa:a/b/c"));
  EXPECT_EQ(gateway.refusal(gateway.ask(PostureRequest{"wrong", {{"disk_encrypted", true}}, 60s, {}})),
            "unknown_session");
  const auto taken = gateway.ask(PostureRequest{granted.session_token, {{"disk_encrypted", true}}, 60s, {}});
  ASSERT_TRUE(taken);
  EXPECT_EQ(std::get<PostureTaken>(*taken).until, start + 60s);
  const policy::Facts facts = peer_of_session(gateway.service.sessions().begin()->second).facts;
  EXPECT_EQ(facts.posture_until, start + 60s);
  EXPECT_EQ(facts.posture.at("disk_encrypted"), policy::PostureValue(true));
  EXPECT_TRUE(gateway.ask(EndRequest{granted.session_token}));
  EXPECT_TRUE(gateway.service.sessions().empty());
}

TEST(EnrolmentService, TellsAClientItsOwnStateButNoSecret) {
  Gateway gateway;
  const auto granted = gateway.enroll(1, proof_of("sa:a/b/c"));
  const auto look = [&](const std::string& token) { return gateway.ask(StateRequest{token}); };
  EXPECT_EQ(gateway.refusal(look("wrong")), "unknown_session");
  SessionState state = std::get<SessionState>(*look(granted.session_token));
  EXPECT_EQ(state.granted.session_id, granted.session_id);
  EXPECT_EQ(state.granted.addresses, granted.addresses);
  EXPECT_EQ(state.granted.expires_at, start + 3600s);
  EXPECT_FALSE(state.granted.preshared_key.is_set());
  EXPECT_TRUE(state.granted.session_token.empty());
  EXPECT_FALSE(state.former_key_until);
  gateway.now = start + 60s;
  (void)gateway.ask(RenewRequest{key(1), key(2), proof_of("sa:a/b/c"), {}});
  state = std::get<SessionState>(*look(granted.session_token));
  EXPECT_EQ(state.granted.public_key, key(2));
  EXPECT_EQ(state.enrolled_at, start);
  EXPECT_EQ(state.renewed_at, start + 60s);
  EXPECT_EQ(state.former_key_until, start + 240s);
  EXPECT_EQ(state.former_preshared_key_until, start + 240s);
  EXPECT_TRUE(gateway.ask(EndRequest{granted.session_token}));
  EXPECT_EQ(gateway.refusal(look(granted.session_token)), "unknown_session");
}

TEST(EnrolmentService, RemembersWhichSessionsEndedAndWhyButNoSecret) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c", 60s));
  gateway.now = start + 30s;
  gateway.enroll(2, proof_of("sa:a/b/d"));
  gateway.service.expire(start + 60s, gateway.effects);
  ASSERT_EQ(gateway.service.past().size(), 1U);
  EXPECT_EQ(gateway.service.past()[0].session.identity, "sa:a/b/c");
  EXPECT_EQ(gateway.service.past()[0].ended_at, start + 60s);
  EXPECT_EQ(gateway.service.past()[0].why, "its proof has ended");
  EXPECT_FALSE(gateway.service.past()[0].session.preshared_key.is_set());
  for (std::uint32_t i = 0; i < EnrolmentService::past_max + 5; ++i)
    (void)gateway.ask(EndRequest{gateway.enroll(3, proof_of("sa:a/b/e")).session_token});
  EXPECT_EQ(gateway.service.past().size(), EnrolmentService::past_max);
  EXPECT_EQ(gateway.service.past().front().why, "ended by its client");
}

TEST(EnrolmentService, RevokesByIdentityKeyAndIssuerKeyAndStaysSo) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c"));
  gateway.enroll(2, proof_of("sa:a/b/d"));
  Proof signed_by_another = proof_of("sa:a/b/e");
  signed_by_another.issuer_key = "prod/kid-2";
  gateway.enroll(3, signed_by_another);
  const auto revoke = [&](RevocationKind kind, const std::string& value) {
    Revocation revocation{kind, value, start, "uid 0", "lost"};
    return gateway.service.revoke(revocation, start, gateway.effects).value();
  };
  EXPECT_EQ(revoke(RevocationKind::identity, "sa:a/b/c"), 1U);
  EXPECT_EQ(gateway.try_to_enroll(4, proof_of("sa:a/b/c")), "revoked_identity");
  EXPECT_EQ(revoke(RevocationKind::public_key, encode_key(key(2))), 1U);
  EXPECT_EQ(gateway.try_to_enroll(2, proof_of("sa:a/b/d")), "revoked_public_key");
  EXPECT_EQ(revoke(RevocationKind::issuer_key, "prod/kid-2"), 1U);
  EXPECT_EQ(gateway.try_to_enroll(5, signed_by_another), "revoked_issuer_key");
  gateway.enroll(6, proof_of("sa:a/b/f"));
  EXPECT_EQ(revoke(RevocationKind::issuer, "prod"), 1U);
  EXPECT_EQ(gateway.try_to_enroll(6, proof_of("sa:a/b/f")), "revoked_issuer");
  EXPECT_TRUE(gateway.service.take_back(RevocationKind::issuer, "prod", gateway.effects));
  gateway.enroll(6, proof_of("sa:a/b/f"));
  Revocation key_of_issuer{RevocationKind::issuer, "prod/kid-1", start, "", ""};
  EXPECT_FALSE(gateway.service.revoke(key_of_issuer, start, gateway.effects)) << "that is an issuer-key";
  EXPECT_TRUE(gateway.service.take_back(RevocationKind::identity, "sa:a/b/c", gateway.effects));
  gateway.enroll(4, proof_of("sa:a/b/c"));
  Revocation nonsense{RevocationKind::public_key, "no key", start, "", ""};
  EXPECT_FALSE(gateway.service.revoke(nonsense, start, gateway.effects));
}

TEST(EnrolmentService, EnrolsMachinesByKeysWithUsesAndAnEnd) {
  Gateway gateway;
  const auto made = gateway.service.make_key({"racks", {"rack"}, 1, 600s, 86400s}, "uid 0", start, gateway.effects);
  ASSERT_TRUE(made);
  const EnrolmentSecret secret{made->secret};
  gateway.enroll(1, secret);
  const EnrolledSession& session = gateway.service.sessions().begin()->second;
  EXPECT_EQ(session.tags, (std::vector<std::string>{"rack"}));
  EXPECT_EQ(session.not_after, start + 86400s);
  EXPECT_EQ(gateway.try_to_enroll(2, secret), "enrolment_key_used_up");
  EXPECT_EQ(gateway.try_to_enroll(2, EnrolmentSecret{made->secret + "x"}), "unknown_enrolment_key");
  EXPECT_EQ(gateway.try_to_enroll(2, EnrolmentSecret{"spk_"}), "unknown_enrolment_key");
  gateway.now += 601s;
  gateway.enroll(1, secret);  // the machine itself may go on
  EXPECT_TRUE(gateway.ask(RenewRequest{key(1), std::nullopt, secret, {}}));
  Revocation revocation{RevocationKind::enrolment_key, "racks", start, "uid 0", ""};
  EXPECT_EQ(gateway.service.revoke(revocation, gateway.now, gateway.effects).value(), 1U);
  EXPECT_EQ(revocation.value, made->key.id);
  EXPECT_EQ(gateway.try_to_enroll(1, secret), "revoked_enrolment_key");
}

TEST(EnrolmentService, RefusesAnEnrolmentKeyThatHasExpired) {
  Gateway gateway;
  const auto made =
      gateway.service.make_key({"racks", {}, std::nullopt, 600s, 86400s}, "uid 0", start, gateway.effects);
  gateway.now += 600s;
  EXPECT_EQ(gateway.try_to_enroll(1, EnrolmentSecret{made->secret}), "enrolment_key_expired");
}

TEST(EnrolmentService, RemembersEverythingOverARestart) {
  Gateway before;
  Proof ann = proof_of("user:corp/ann");
  ann.name_may_move = true;
  ann.claims = {{"corp", "groups", {"sre", "dev"}}};
  ann.authenticated_at = start - 5s;
  const auto granted = before.enroll(1, ann);
  ASSERT_TRUE(before.ask(PostureRequest{
      granted.session_token, {{"a", true}, {"b", std::int64_t{3}}, {"c", 1.5}, {"d", std::string("x")}}, 60s, {}}));
  const auto second = before.enroll(2, proof_of("sa:a/b/c", 30s)).addresses;
  ASSERT_TRUE(before.service.make_key({"racks", {"rack"}, 5, 600s, 86400s}, "uid 0", start, before.effects));
  Revocation revocation{RevocationKind::identity, "sa:a/b/bad", start, "uid 0", "why"};
  ASSERT_TRUE(before.service.revoke(revocation, start, before.effects));
  before.store();

  Gateway after;
  after.now = start + 40s;  // the second session has ended meanwhile
  EXPECT_TRUE(after.service.restore(before.disk, after.now, after.effects).empty());
  ASSERT_EQ(after.service.sessions().size(), 1U);
  EXPECT_EQ(after.service.sessions().begin()->second, before.service.sessions().at(granted.session_id));
  EXPECT_EQ(after.service.keys(), before.service.keys());
  EXPECT_EQ(after.service.pins(), before.service.pins());
  EXPECT_EQ(after.service.revocations().all(), before.service.revocations().all());
  EXPECT_EQ(after.try_to_enroll(7, proof_of("sa:a/b/bad")), "revoked_identity");
  EXPECT_EQ(after.enroll(3, proof_of("sa:a/b/c")).addresses, second);
  EXPECT_TRUE(after.ask(EndRequest{granted.session_token}));
}

TEST(EnrolmentService, LeavesOutDamagedRecordsAndSaysSo) {
  Gateway gateway;
  Records records = {{{RecordKind::session, "x"}, "{"},
                     {{RecordKind::lease, "y"}, R"({"identity": 3})"},
                     {{RecordKind::revocation, "z"}, R"({"kind":"nonsense","value":"","at":1,"by":"","reason":""})"}};
  EXPECT_EQ(gateway.service.restore(records, start, gateway.effects).size(), 3U);
  EXPECT_TRUE(gateway.service.sessions().empty());
}

TEST(EnrolmentService, EndsSessionsWhoseAddressLeftThePoolOrBelongsToAConfiguredPeer) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c"));
  gateway.enroll(2, proof_of("sa:a/b/d"));
  gateway.service.make_way(key(1), {}, start, gateway.effects);
  EXPECT_EQ(gateway.service.sessions().size(), 1U);
  gateway.configure({*IpPrefix::parse("10.9.0.0/24")});
  EXPECT_TRUE(gateway.service.sessions().empty());
  EXPECT_EQ(gateway.enroll(2, proof_of("sa:a/b/d")).addresses.front().to_string(), "10.9.0.1/32");
}

TEST(EnrolmentService, RefusesEverybodyWhileItIsSwitchedOff) {
  Gateway gateway;
  gateway.enroll(1, proof_of("sa:a/b/c"));
  gateway.service.configure(std::nullopt, start, gateway.effects);
  EXPECT_TRUE(gateway.service.sessions().empty());
  EXPECT_EQ(gateway.try_to_enroll(1, proof_of("sa:a/b/c")), "switched_off");
}

}  // namespace
}  // namespace sallyport::controlplane::enrolment_service_test
