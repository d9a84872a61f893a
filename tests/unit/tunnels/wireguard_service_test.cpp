#include "controlplane/tunnels/wireguard_service.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "controlplane/wireguard/cookie_reply.hpp"
#include "tests/unit/controlplane/gateway_lab.hpp"

namespace sallyport::controlplane::wireguard_service_test {
namespace {

using namespace std::chrono_literals;
using testing::FakeDataplane;
using testing::GatewayLab;

const IpEndpoint ann_at = *IpEndpoint::parse("198.51.100.7:4242");
const IpEndpoint bob_at = *IpEndpoint::parse("[2001:db8::7]:51820");

class WireguardServiceTest : public ::testing::Test {
 protected:
  // The client calls, the gateway answers, the session is there on both sides.
  void complete_from_client(wireguard::Endpoint& client, const IpEndpoint& from) {
    const auto initiation = client.want(lab.now);
    ASSERT_TRUE(initiation.send);
    lab.receive(initiation.send->view(), from);
    const auto sent = lab.take_sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].remote, from);
    const auto finished = client.receive(GatewayLab::bytes_of(sent[0]), lab.now);
    ASSERT_TRUE(finished) << name_of(finished.error());
    ASSERT_TRUE(finished->install);
  }

  // The gateway has called; the client answers.
  void complete_from_gateway(wireguard::Endpoint& client, const abi::PacketDown& initiation) {
    const auto answer = client.receive(GatewayLab::bytes_of(initiation), lab.now);
    ASSERT_TRUE(answer) << name_of(answer.error());
    ASSERT_TRUE(answer->send);
    lab.receive(answer->send->view(), initiation.remote);
  }

  abi::PeerStatusValue status_of(std::uint32_t id, const IpEndpoint& endpoint) {
    abi::PeerStatusValue status{};
    status.live = 1;
    status.key = lab.settings.peers[id].keys->public_key;
    status.endpoint = endpoint;
    return status;
  }

  GatewayLab lab;
  FakeDataplane dataplane;
};

TEST_F(WireguardServiceTest, AnswersAnInitiationAndInstallsItsSessionFirst) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  const auto initiation = ann.want(lab.now);
  lab.receive(initiation.send->view(), ann_at);
  ASSERT_EQ(dataplane.sessions.size(), 1U);
  const abi::InstallSession session = dataplane.sessions.begin()->second;
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_GT(sent[0].after_sequence, 0U) << "the response waits for its session";
  EXPECT_EQ(sent[0].tos, 0x88);
  EXPECT_EQ(sent[0].local, *IpEndpoint::parse("192.0.2.1:51820")) << "it leaves from where it was called";

  const auto finished = ann.receive(GatewayLab::bytes_of(sent[0]), lab.now);
  ASSERT_TRUE(finished && finished->install);
  EXPECT_TRUE(std::ranges::equal(finished->install->keys.seal.expose(), session.open_key));
  EXPECT_TRUE(std::ranges::equal(finished->install->keys.open.expose(), session.seal_key));
  EXPECT_EQ(session.role, abi::HandshakeRole::responder);
  EXPECT_EQ(session.endpoint, ann_at);
  EXPECT_NE(session.session_id, 0U);
  EXPECT_NE(session.wireguard.timestamp, abi::Tai64n{});
  EXPECT_EQ(static_cast<std::uint32_t>(finished->install->remote_index), session.index);
  ASSERT_EQ(lab.remembered.size(), 1U);
  EXPECT_EQ(lab.remembered[0].first.peer, ann.local->public_key);
}

TEST_F(WireguardServiceTest, CallsAPeerWhenTrafficWaitsForIt) {
  auto& bob = lab.add_client(0, bob_at);
  lab.apply();
  lab.connect(dataplane);
  EXPECT_TRUE(lab.take_sent().empty()) << "nobody asked yet";
  dataplane.raise(abi::SessionWanted{0});
  lab.settle();
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, bob_at);
  EXPECT_EQ(sent[0].after_sequence, 0U);
  complete_from_gateway(bob, sent[0]);
  ASSERT_EQ(dataplane.sessions.size(), 1U);
  EXPECT_EQ(dataplane.sessions.begin()->second.role, abi::HandshakeRole::initiator);
  EXPECT_EQ(lab.counter("handshakes_as_initiator"), 1U);
}

TEST_F(WireguardServiceTest, CallsAPeerWithPersistentKeepaliveAtOnce) {
  lab.add_client(0, bob_at, true);
  lab.apply();
  lab.connect(dataplane);
  lab.pass(100ms);
  EXPECT_EQ(lab.take_sent().size(), 1U);
}

TEST_F(WireguardServiceTest, RepeatsACallAndGivesUpAfterNinetySeconds) {
  lab.add_client(0, bob_at);
  lab.apply();
  lab.connect(dataplane);
  dataplane.raise(abi::SessionWanted{0});
  lab.settle();
  lab.pass(200s);
  const std::size_t calls = lab.take_sent().size();
  EXPECT_GE(calls, 16U);
  EXPECT_LE(calls, 19U);
  EXPECT_EQ(lab.counter("handshakes_given_up"), 1U);
  EXPECT_FALSE(lab.service.next_deadline());
  EXPECT_EQ(lab.service.indices().in_use(), 0U);
}

TEST_F(WireguardServiceTest, ResolvesAnEndpointAgainAfterUnansweredCalls) {
  lab.add_client(0, bob_at);
  lab.settings.peers[0].has_endpoint_name = true;
  lab.apply();
  lab.connect(dataplane);
  dataplane.raise(abi::SessionWanted{0});
  lab.settle();
  EXPECT_TRUE(lab.names_asked_for.empty());
  lab.pass(6s);
  EXPECT_EQ(lab.names_asked_for.size(), 1U) << "at the second try";
  const IpEndpoint elsewhere = *IpEndpoint::parse("203.0.113.9:51820");
  lab.service.set_endpoint(0, elsewhere);
  dataplane.publish_peer(0, status_of(0, bob_at));  // it has not heard yet
  lab.take_sent();
  lab.pass(6s);
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, elsewhere) << "the next try goes to the address that the name gave since";
}

TEST_F(WireguardServiceTest, CallsAHandshakeAnsweredUntilThePeersFirstPacket) {
  start_log("test", LogLevel::info, LogFormat::text);
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  ::testing::internal::CaptureStderr();
  complete_from_client(ann, ann_at);
  const std::string before = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(before.find("handshake answered peer=peer-0 endpoint=198.51.100.7:4242"), std::string::npos) << before;
  EXPECT_EQ(before.find("handshake completed"), std::string::npos) << before;
  EXPECT_EQ(lab.counter("handshakes_as_responder"), 0U);

  const abi::InstallSession session = dataplane.sessions.begin()->second;
  ::testing::internal::CaptureStderr();
  dataplane.raise(abi::SessionConfirmed{0, session.index, session.session_id});
  lab.settle();
  const std::string after = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(after.find("handshake completed peer=peer-0"), std::string::npos) << after;
  EXPECT_EQ(lab.counter("handshakes_as_responder"), 1U);
}

TEST_F(WireguardServiceTest, ReportsAPeerThatIsAnsweredAgainAndAgainAndNeverConfirms) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(lab.service.problems().empty()) << "a lost answer or two are no problem";
    lab.pass(6s);
    const auto initiation = ann.want(lab.now);
    ASSERT_TRUE(initiation.send);
    lab.receive(initiation.send->view(), ann_at);
    ann.handshake->reset();  // it cannot open the answer, or never gets it
  }
  ASSERT_EQ(lab.service.problems().size(), 1U);
  EXPECT_EQ(lab.service.problems()[0].what, "peer peer-0");
  EXPECT_NE(lab.service.problems()[0].why.find("answered 3 times, last at 198.51.100.7:4242, never confirmed"),
            std::string::npos)
      << lab.service.problems()[0].why;
  EXPECT_EQ(lab.counter("handshakes_as_responder"), 0U);

  // The event of its first packet is lost, and the statistics say so.
  abi::PeerStatusValue status = status_of(0, ann_at);
  const auto newest =
      std::max_element(dataplane.sessions.begin(), dataplane.sessions.end(),
                       [](const auto& a, const auto& b) { return a.second.session_id < b.second.session_id; });
  status.current_index = newest->second.index;
  dataplane.publish_peer(0, status);
  lab.service.reconcile(dataplane.statistics());
  EXPECT_TRUE(lab.service.problems().empty());
  EXPECT_EQ(lab.counter("handshakes_as_responder"), 1U);
}

TEST_F(WireguardServiceTest, ForgetsUnconfirmedAnswersWhenNobodyCallsAnyMore) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  for (int i = 0; i < 5; ++i) {
    lab.pass(6s);
    const auto initiation = ann.want(lab.now);
    ASSERT_TRUE(initiation.send);
    lab.receive(initiation.send->view(), ann_at);
    ann.handshake->reset();
  }
  EXPECT_EQ(lab.service.problems().size(), 1U);
  lab.now.boot += 10min;
  EXPECT_TRUE(lab.service.problems().empty());
}

TEST_F(WireguardServiceTest, PrintsAnUnknownPublicKeyReadyToPaste) {
  start_log("test", LogLevel::info, LogFormat::text);
  wireguard::Endpoint mallory(4711);
  mallory.know(lab.gateway.local->public_key);
  lab.apply();
  lab.connect(dataplane);
  const auto stranger = mallory.want(lab.now);
  ::testing::internal::CaptureStderr();
  lab.receive(stranger.send->view(), ann_at);
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("public_key=\"" + encode_key(mallory.local->public_key) + '"'), std::string::npos) << line;
}

TEST_F(WireguardServiceTest, ReportsAPeerThatMovesBetweenTwoPlacesManyTimesAMinute) {
  lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  const IpEndpoint elsewhere = *IpEndpoint::parse("203.0.113.9:51820");
  for (int i = 0; i < 6; ++i) {  // the first is where it is found, and no move
    dataplane.raise(abi::EndpointMoved{0, i % 2 == 0 ? ann_at : elsewhere});
    lab.settle();
  }
  EXPECT_TRUE(lab.service.problems().empty()) << "a traveller";
  dataplane.raise(abi::EndpointMoved{0, ann_at});
  lab.settle();
  ASSERT_EQ(lab.service.problems().size(), 1U);
  EXPECT_EQ(lab.service.problems()[0].what, "peer peer-0");
  EXPECT_NE(
      lab.service.problems()[0].why.find("moved 6 times in a minute, between 203.0.113.9:51820 and 198.51.100.7:4242"),
      std::string::npos)
      << lab.service.problems()[0].why;
  lab.now.boot += 2min;
  EXPECT_TRUE(lab.service.problems().empty());
  lab.service.reconcile(dataplane.statistics());
  EXPECT_TRUE(lab.service.problems().empty());
}

TEST_F(WireguardServiceTest, RekeysOnTheSessionThatTheDataplaneNames) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  complete_from_client(ann, ann_at);
  const abi::InstallSession old = dataplane.sessions.begin()->second;
  dataplane.raise(abi::SessionConfirmed{0, old.index, old.session_id});
  lab.settle();
  lab.pass(120s);
  dataplane.raise(abi::RekeyWanted{0, old.index, old.session_id, abi::RekeyReason::age});
  lab.settle();
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, ann_at) << "where the peer was last";
  complete_from_gateway(ann, sent[0]);
  ASSERT_EQ(dataplane.sessions.size(), 2U);
  dataplane.end_session(old.index, abi::SessionEnd::replaced);
  lab.settle();
  EXPECT_EQ(lab.service.indices().in_use(), 1U);
}

TEST_F(WireguardServiceTest, CallsThePeerWhereTheDataplaneSaysItIs) {
  lab.add_client(0, bob_at);
  lab.apply();
  lab.connect(dataplane);
  dataplane.publish_peer(0, status_of(0, ann_at));
  dataplane.raise(abi::SessionWanted{0});
  lab.settle();
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, ann_at);
}

TEST_F(WireguardServiceTest, CountsWhatItRefusesByReason) {
  auto& ann = lab.add_client(0);
  wireguard::Endpoint mallory(4711);
  mallory.know(lab.gateway.local->public_key);
  lab.apply();
  lab.connect(dataplane);
  const auto stranger = mallory.want(lab.now);
  lab.receive(stranger.send->view(), ann_at);
  EXPECT_EQ(lab.counter("handshake_refused_unknown_peer"), 1U);

  const auto initiation = ann.want(lab.now);
  lab.receive(initiation.send->view(), ann_at);
  lab.pass(50ms);
  lab.receive(initiation.send->view(), bob_at);  // a replay from elsewhere
  EXPECT_EQ(lab.counter("handshake_refused_old_timestamp"), 1U);
  EXPECT_EQ(dataplane.sessions.size(), 1U);

  const std::vector<std::uint8_t> garbage(148, 0xff);
  lab.receive(garbage, ann_at);
  lab.receive({}, ann_at);
  EXPECT_EQ(lab.counter("handshake_refused_wrong_type"), 2U);
}

TEST_F(WireguardServiceTest, IgnoresPacketsWithImpossibleFields) {
  lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  const auto push = [&](auto&& spoil) {
    abi::PacketUp packet{};
    packet.version = abi::version;
    packet.length_bytes = 148;
    packet.remote = ann_at;
    spoil(packet);
    dataplane.push_packet(packet, false);
  };
  push([](abi::PacketUp& packet) { packet.version = 9; });
  push([](abi::PacketUp& packet) { packet.length_bytes = 65535; });
  push([](abi::PacketUp& packet) { packet.tunnel_id = 63; });
  push([](abi::PacketUp& packet) { packet.tunnel_id = 65535; });
  push([](abi::PacketUp& packet) { packet.remote = {}; });
  push([](abi::PacketUp& packet) { packet.remote.port = 0; });
  push([](abi::PacketUp& packet) { packet.remote.address.family = static_cast<IpFamily>(77); });
  push([](abi::PacketUp& packet) { packet.local.address.family = static_cast<IpFamily>(77); });
  lab.settle();
  EXPECT_EQ(lab.counter("handshake_packets_malformed"), 8U);
}

TEST_F(WireguardServiceTest, DropsInitiationsWhenThePoolIsFullAndForgetsNothing) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  lab.pool.full = true;
  const auto initiation = ann.want(lab.now);
  lab.receive(initiation.send->view(), ann_at);
  EXPECT_EQ(lab.counter("handshake_queue_full"), 1U);
  lab.pool.full = false;
  lab.receive(initiation.send->view(), ann_at);  // it was never looked at, so it is no replay
  EXPECT_EQ(dataplane.sessions.size(), 1U);
}

TEST_F(WireguardServiceTest, SendsACookieWithTheNextCall) {
  auto& bob = lab.add_client(0, bob_at);
  lab.apply();
  lab.connect(dataplane);
  dataplane.raise(abi::SessionWanted{0});
  lab.settle();
  auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  const auto initiation = wireguard::parse_initiation(GatewayLab::bytes_of(sent[0]));
  ASSERT_TRUE(initiation);
  const IpEndpoint gateway_at = *IpEndpoint::parse("192.0.2.1:51820");
  const Secret<32> secret;
  const auto reply =
      wireguard::make_cookie_reply(secret, wireguard::cookie_source(gateway_at), initiation->sender_index,
                                   initiation->mac1, bob.local->cookie_key, wireguard::CookieNonce{});
  lab.receive(wireguard::serialise(reply), bob_at);
  EXPECT_EQ(lab.counter("handshake_cookies_received"), 1U);
  lab.pass(6s);
  sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(wireguard::mac2_is_valid(GatewayLab::bytes_of(sent[0]), secret, wireguard::cookie_source(gateway_at)));
}

TEST_F(WireguardServiceTest, GivesASlotBackWhenTheDataplaneRefusesItsSession) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  dataplane.refuse = [](const abi::Command& command) {
    return command.header.kind == abi::CommandKind::install_session ? abi::Refusal::table_full : abi::Refusal::none;
  };
  const auto initiation = ann.want(lab.now);
  lab.receive(initiation.send->view(), ann_at);
  EXPECT_TRUE(lab.take_sent().empty()) << "a response without its session is not sent";
  EXPECT_EQ(lab.counter("sessions_refused"), 1U);
  EXPECT_EQ(lab.service.indices().in_use(), 0U);
}

TEST_F(WireguardServiceTest, AnswersNobodyWithoutARoomForTheSession) {
  FakeDataplane tiny(4, 2);
  auto& ann = lab.add_client(0);
  auto& bob = lab.add_client(1);
  auto& carl = lab.add_client(2);
  lab.apply();
  lab.connect(tiny);
  complete_from_client(ann, ann_at);
  complete_from_client(bob, bob_at);
  const auto initiation = carl.want(lab.now);
  lab.receive(initiation.send->view(), ann_at);
  EXPECT_TRUE(lab.take_sent().empty());
  EXPECT_EQ(lab.counter("handshake_refused_no_free_index"), 1U);
  tiny.end_session(tiny.sessions.begin()->second.index);
  lab.settle();
  lab.pass(6s);
  const auto again = carl.tick(lab.now);
  ASSERT_TRUE(again.send);
  lab.receive(again.send->view(), ann_at);
  EXPECT_EQ(lab.take_sent().size(), 1U);
}

TEST_F(WireguardServiceTest, FindsSessionsWhoseEndItNeverHeardOf) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  complete_from_client(ann, ann_at);
  dataplane.publish_session(dataplane.sessions.begin()->first, {});  // ended, and the event ring was full
  for (int round = 0; round < 20; ++round) lab.service.reconcile(lab.connection->statistics());
  EXPECT_EQ(lab.service.indices().in_use(), 1U) << "the statistics may be late";
  lab.pass(3s);
  for (int round = 0; round < 20; ++round) lab.service.reconcile(lab.connection->statistics());
  EXPECT_EQ(lab.service.indices().in_use(), 0U);
  EXPECT_EQ(lab.counter("session_ends_not_heard"), 1U);
}

TEST_F(WireguardServiceTest, AdoptsSessionsEndpointsAndTimestampsOfTheControlPlaneBefore) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  const auto initiation = ann.want(lab.now);
  lab.receive(initiation.send->view(), ann_at);
  const abi::InstallSession session = dataplane.sessions.begin()->second;
  abi::PeerStatusValue status = status_of(0, ann_at);
  status.history.greatest_timestamp = session.wireguard.timestamp;
  status.history.set_at_ns = wireguard::to_boottime_ns(lab.now.boot);
  dataplane.publish_peer(0, status);

  GatewayLab next(1000);  // its restart
  next.now = lab.now;
  next.add_client(0);
  next.clients[0] = nullptr;
  next.settings = lab.settings;
  next.apply();
  dataplane.reconnect();
  next.connect(dataplane);
  EXPECT_EQ(dataplane.sessions.size(), 1U) << "nothing is torn down";
  EXPECT_EQ(next.service.indices().in_use(), 1U);
  EXPECT_TRUE(next.take_sent().empty()) << "a peer with a session is not called";

  next.receive(initiation.send->view(), bob_at);
  EXPECT_EQ(next.counter("handshake_refused_old_timestamp"), 1U) << "a replay over the restart";

  next.pass(120s);
  dataplane.raise(abi::RekeyWanted{0, session.index, session.session_id, abi::RekeyReason::age});
  next.settle();
  const auto sent = next.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, ann_at) << "the endpoint that the dataplane knows";
  const auto answer = ann.receive(GatewayLab::bytes_of(sent[0]), next.now);
  ASSERT_TRUE(answer && answer->send) << (answer ? "" : name_of(answer.error()));
  next.receive(answer->send->view(), ann_at);
  EXPECT_EQ(dataplane.sessions.size(), 2U);
  std::set<std::uint64_t> session_ids;
  for (const auto& [slot, installed] : dataplane.sessions) session_ids.insert(installed.session_id);
  EXPECT_EQ(session_ids.size(), 2U);
}

TEST_F(WireguardServiceTest, CallsEveryKnownEndpointAfterARestartOfTheDataplaneRecentlyActiveFirst) {
  std::vector<wireguard::Endpoint*> clients;
  for (std::uint32_t id = 0; id < 30; ++id) clients.push_back(&lab.add_client(id));
  lab.apply();
  lab.connect(dataplane);
  for (std::uint32_t id = 0; id < 29; ++id) {  // the last one was never there
    complete_from_client(*clients[id],
                         {.address = IpAddress::v4(198, 51, 100, static_cast<std::uint8_t>(id + 1)), .port = 4000});
    lab.pass(10ms);
  }
  abi::PeerStatusValue roamed = status_of(3, bob_at);
  roamed.last_received_ns = wireguard::to_boottime_ns(lab.now.boot + 1s);
  dataplane.publish_peer(3, roamed);  // seen only in the old segment, which is still there after the death
  lab.disconnect();
  lab.pass(300ms);

  FakeDataplane reborn(64, 128, 2);
  lab.connect(reborn);
  EXPECT_EQ(lab.service.indices().in_use(), 0U);
  lab.pass(500ms);
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 29U);
  EXPECT_EQ(sent[0].remote, bob_at) << "the most recently active, where it was last";
  EXPECT_EQ(sent[1].remote.address, IpAddress::v4(198, 51, 100, 29));
  complete_from_gateway(*clients[3], sent[0]);
  EXPECT_EQ(reborn.sessions.size(), 1U);
  EXPECT_EQ(reborn.peers.size(), 30U);
  EXPECT_NE(reborn.peers[5].history.greatest_timestamp, abi::Tai64n{}) << "the new dataplane is told the timestamps";
}

TEST_F(WireguardServiceTest, CallsAPeerFromTheAddressThatItUsesAfterARestartOfTheDataplane) {
  const IpEndpoint second_address = *IpEndpoint::parse("192.0.2.2:51820");
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  complete_from_client(ann, ann_at);
  abi::PeerStatusValue status = status_of(0, ann_at);
  status.local = second_address;
  dataplane.publish_peer(0, status);
  lab.disconnect();
  lab.take_sent();
  FakeDataplane reborn(64, 128, 2);
  lab.connect(reborn);
  lab.pass(500ms);
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, ann_at);
  EXPECT_EQ(sent[0].local, second_address);
}

TEST_F(WireguardServiceTest, CallsWhoItRemembersAfterARestartOfBothProcesses) {
  const IpEndpoint second_address = *IpEndpoint::parse("192.0.2.2:51820");
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  complete_from_client(ann, bob_at);
  abi::PeerStatusValue status = status_of(0, ann_at);  // it roamed, and the event of that was lost
  status.local = second_address;
  dataplane.publish_peer(0, status);
  lab.service.reconcile(lab.connection->statistics());
  ASSERT_EQ(lab.endpoints.size(), 1U);
  const auto& [key, where] = *lab.endpoints.begin();
  EXPECT_EQ(where, std::pair(ann_at, second_address));

  GatewayLab next(1000);
  next.now = lab.now;
  next.settings = lab.settings;
  next.apply();
  next.service.restore_endpoint(key, where.first, where.second, 10s);
  FakeDataplane reborn(64, 128, 2);
  next.connect(reborn);
  next.pass(500ms);
  const auto sent = next.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, ann_at);
  EXPECT_EQ(sent[0].local, second_address);
}

TEST_F(WireguardServiceTest, CallsNoIdlePeerOfADataplaneThatItAdopts) {
  lab.add_client(0);
  lab.apply();
  dataplane.publish_peer(0, status_of(0, ann_at));  // known to the dataplane, without a session
  lab.connect(dataplane);
  lab.pass(1s);
  EXPECT_TRUE(lab.take_sent().empty());
}

TEST_F(WireguardServiceTest, KeepsItsSessionsWhenOnlyTheLinkBroke) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  complete_from_client(ann, ann_at);
  lab.pass(3s);
  lab.disconnect();
  dataplane.reconnect();
  lab.connect(dataplane, true);
  EXPECT_EQ(lab.service.indices().in_use(), 1U);
  EXPECT_TRUE(lab.take_sent().empty());
}

TEST_F(WireguardServiceTest, ARemovedPeerTakesItsPendingHandshakeAlong) {
  lab.add_client(0, bob_at);
  lab.add_client(1, ann_at);
  lab.apply();
  lab.connect(dataplane);
  dataplane.raise(abi::SessionWanted{0});
  dataplane.raise(abi::SessionWanted{1});
  lab.settle();
  EXPECT_EQ(lab.service.indices().in_use(), 2U);
  lab.settings.peers.erase(lab.settings.peers.begin());
  lab.apply();
  lab.settle();
  EXPECT_EQ(lab.service.indices().in_use(), 1U);
  lab.take_sent();
  lab.pass(6s);
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U) << "the other peer's handshake goes on";
  EXPECT_EQ(sent[0].remote, ann_at);
}

TEST_F(WireguardServiceTest, ForgetsResultsForAPeerThatIsSomebodyElseByNow) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  const auto initiation = ann.want(lab.now);
  abi::PacketUp packet{};
  packet.version = abi::version;
  packet.length_bytes = static_cast<std::uint16_t>(initiation.send->size);
  packet.remote = ann_at;
  std::ranges::copy(initiation.send->view(), packet.data.begin());
  lab.service.on_packet(packet, false);
  ASSERT_TRUE(lab.pool.run_one());  // identified; the response is being computed
  lab.settings.peers.clear();
  lab.add_client(0);  // the id has a new owner
  lab.apply();
  lab.settle();
  EXPECT_TRUE(dataplane.sessions.empty());
  EXPECT_EQ(lab.service.indices().in_use(), 0U);
}

TEST_F(WireguardServiceTest, ANewPrivateKeyEndsTheSessionsOfItsPeersAndCallsThem) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  complete_from_client(ann, ann_at);
  EXPECT_EQ(dataplane.sessions.size(), 1U);
  dataplane.publish_peer(0, status_of(0, ann_at));

  wireguard::TestRandom random(321);
  lab.settings.tunnels[0].identity = wireguard::make_local_identity(wireguard::draw_private_key(random));
  lab.settings.peers[0].keys = *wireguard::make_peer_keys(*lab.settings.tunnels[0].identity, ann.local->public_key, {});
  lab.apply();
  lab.settle();
  EXPECT_TRUE(dataplane.sessions.empty());
  lab.pass(100ms);
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  ann.know(lab.settings.tunnels[0].identity->public_key);
  complete_from_gateway(ann, sent[0]);
  EXPECT_EQ(dataplane.sessions.size(), 1U);
}

TEST_F(WireguardServiceTest, AnInitiationReplayedAfterADayOfSilenceMovesNoEndpoint) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  const auto recorded = ann.want(lab.now);
  lab.receive(recorded.send->view(), ann_at);
  lab.now.boot += 6s;
  lab.now.wall += 6s;
  const auto newer = ann.tick(lab.now);
  lab.receive(newer.send->view(), ann_at);
  const abi::InstallSession honest = std::ranges::max_element(dataplane.sessions, {}, [](const auto& session) {
                                       return session.second.session_id;
                                     })->second;
  EXPECT_EQ(honest.endpoint_seen_at_ns, wireguard::to_boottime_ns(lab.now.boot));
  static_cast<void>(lab.take_sent());

  lab.now.boot += 24h;
  lab.now.wall += 24h;
  lab.receive(recorded.send->view(), bob_at);
  const abi::InstallSession replayed = std::ranges::max_element(dataplane.sessions, {}, [](const auto& session) {
                                         return session.second.session_id;
                                       })->second;
  EXPECT_NE(replayed.session_id, honest.session_id);
  EXPECT_EQ(replayed.endpoint_seen_at_ns, 0U) << "it proves nothing about where the peer is";
  EXPECT_EQ(replayed.wireguard.timestamp, honest.wireguard.timestamp) << "the floor never goes down";
  static_cast<void>(lab.take_sent());
  dataplane.raise(abi::SessionWanted{0});
  lab.settle();
  const auto sent = lab.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, ann_at);
}

TEST_F(WireguardServiceTest, AForgottenTimestampLetsAClockGoBack) {
  auto& ann = lab.add_client(0);
  lab.apply();
  lab.connect(dataplane);
  complete_from_client(ann, ann_at);
  wireguard::Endpoint reset_clock(1000);  // the same key, another memory
  reset_clock.local = ann.local;
  reset_clock.know(lab.gateway.local->public_key);
  wireguard::Instant past = lab.now;
  past.wall -= std::chrono::years(10);
  lab.pass(1s);
  past.boot = lab.now.boot;
  const auto initiation = reset_clock.want(past);
  lab.receive(initiation.send->view(), ann_at);
  EXPECT_EQ(lab.counter("handshake_refused_old_timestamp"), 1U);
  lab.service.forget_timestamp(0);
  lab.receive(initiation.send->view(), ann_at);
  EXPECT_EQ(lab.take_sent().size(), 1U);
}

// ---- a peer's key changes ----

class KeyChangeTest : public WireguardServiceTest {
 protected:
  void begin(const IpEndpoint& endpoint = {}) {
    old_client = &lab.add_client(0, endpoint);
    lab.apply();
    lab.connect(dataplane);
  }
  void change() { new_client = &lab.change_key(0, 5000); }
  void drop_former() {
    lab.settings.peers[0].former_keys = nullptr;
    lab.apply();
    if (lab.dataplane != nullptr) lab.settle();
  }
  std::vector<abi::PacketDown> wanted() {
    dataplane.raise(abi::SessionWanted{0});
    lab.settle();
    return lab.take_sent();
  }
  std::size_t count_of(abi::CommandKind kind) {
    return static_cast<std::size_t>(std::ranges::count(dataplane.log, kind));
  }
  const abi::InstallSession* newest() {
    const abi::InstallSession* found = nullptr;
    for (const auto& [slot, session] : dataplane.sessions)
      if (found == nullptr || session.session_id > found->session_id) found = &session;
    return found;
  }

  wireguard::Endpoint* old_client = nullptr;
  wireguard::Endpoint* new_client = nullptr;
};

TEST_F(KeyChangeTest, AnswersBothKeysAndEndsNothing) {
  begin();
  complete_from_client(*old_client, ann_at);
  dataplane.log.clear();
  change();
  EXPECT_EQ(dataplane.log, std::vector{abi::CommandKind::set_peer});
  EXPECT_EQ(dataplane.sessions.size(), 1U);
  complete_from_client(*new_client, bob_at);
  EXPECT_EQ(newest()->peer_id, 0U);
  EXPECT_NE(newest()->wireguard.timestamp, abi::Tai64n{});
  lab.pass(1s);
  wireguard::Endpoint again(1000);  // the client that kept its key, without its memory of a session
  again.local = old_client->local;
  again.know(lab.gateway.local->public_key);
  complete_from_client(again, ann_at);
  ASSERT_EQ(dataplane.sessions.size(), 3U);
  EXPECT_EQ(newest()->wireguard.timestamp, abi::Tai64n{}) << "the dataplane remembers the history of the new key";
  for (const auto& [slot, session] : dataplane.sessions) EXPECT_EQ(session.peer_id, 0U);
  ASSERT_EQ(lab.remembered.size(), 3U);
  EXPECT_EQ(lab.remembered[0].first.peer, old_client->local->public_key);
  EXPECT_EQ(lab.remembered[1].first.peer, new_client->local->public_key);
  EXPECT_EQ(lab.remembered[2].first.peer, old_client->local->public_key);
  EXPECT_EQ(lab.service.timestamps().size(), 2U);
}

TEST_F(KeyChangeTest, EndsTheSessionsOfTheFormerKeyWithItAndNoOthers) {
  begin();
  complete_from_client(*old_client, ann_at);
  const std::uint64_t old_session = newest()->session_id;
  change();
  complete_from_client(*new_client, ann_at);
  drop_former();
  ASSERT_EQ(dataplane.sessions.size(), 1U);
  EXPECT_NE(dataplane.sessions.begin()->second.session_id, old_session);
  EXPECT_EQ(lab.service.indices().in_use(), 1U);
  lab.pass(1s);
  wireguard::Endpoint again(1000);
  again.local = old_client->local;
  again.know(lab.gateway.local->public_key);
  lab.receive(again.want(lab.now).send->view(), ann_at);
  EXPECT_EQ(lab.counter("handshake_refused_unknown_peer"), 1U);
  EXPECT_TRUE(lab.take_sent().empty());
  EXPECT_EQ(lab.service.timestamps().size(), 1U);
}

TEST_F(KeyChangeTest, EndsThemAlsoWhenTheLinkComesBackOnlyAfterwards) {
  begin();
  complete_from_client(*old_client, ann_at);
  change();
  complete_from_client(*new_client, ann_at);
  const std::uint64_t new_session = newest()->session_id;
  lab.disconnect();
  drop_former();
  dataplane.reconnect();
  lab.connect(dataplane, true);
  ASSERT_EQ(dataplane.sessions.size(), 1U);
  EXPECT_EQ(newest()->session_id, new_session);
}

TEST_F(KeyChangeTest, CallsWithTheKeyOfTheNewestSession) {
  begin(bob_at);
  complete_from_gateway(*old_client, wanted().at(0));
  lab.pass(6s);
  change();
  complete_from_gateway(*old_client, wanted().at(0));
  EXPECT_EQ(dataplane.sessions.size(), 2U) << "the client has not shown its new key yet";
  lab.pass(6s);
  complete_from_client(*new_client, bob_at);
  lab.pass(6s);
  complete_from_gateway(*new_client, wanted().at(0));
  EXPECT_EQ(dataplane.sessions.size(), 4U);
}

TEST_F(KeyChangeTest, GoesOnWithTheHandshakeThatWasPending) {
  begin(bob_at);
  const auto call = wanted();
  ASSERT_EQ(call.size(), 1U);
  change();
  complete_from_gateway(*old_client, call[0]);
  EXPECT_EQ(dataplane.sessions.size(), 1U);
  EXPECT_EQ(lab.counter("handshakes_as_initiator"), 1U);
}

TEST_F(KeyChangeTest, RepeatsItsCallsAndEndsThemWithAnyOfTheTwo) {
  begin(bob_at);
  ASSERT_EQ(wanted().size(), 1U);
  change();
  lab.pass(12s);
  EXPECT_EQ(lab.take_sent().size(), 2U) << "the timer of the former key runs on";
  complete_from_client(*new_client, bob_at);
  dataplane.raise(abi::SessionConfirmed{0, newest()->index, newest()->session_id});
  lab.settle();
  lab.pass(30s);
  EXPECT_TRUE(lab.take_sent().empty());
  EXPECT_FALSE(lab.service.next_deadline());
}

TEST_F(KeyChangeTest, TakesAResultOfADroppedKeyForNobodys) {
  begin(bob_at);
  const auto call = wanted();
  change();
  const auto answer = old_client->receive(GatewayLab::bytes_of(call.at(0)), lab.now);
  drop_former();
  lab.receive(answer->send->view(), bob_at);
  EXPECT_TRUE(dataplane.sessions.empty());
  EXPECT_EQ(lab.counter("handshake_refused_no_pending_handshake"), 1U);
  EXPECT_EQ(lab.service.indices().in_use(), 0U);
  EXPECT_FALSE(lab.service.next_deadline());
}

TEST_F(KeyChangeTest, MayBeTakenBack) {
  begin();
  complete_from_client(*old_client, ann_at);
  change();
  complete_from_client(*new_client, ann_at);
  PeerSettings& peer = lab.settings.peers[0];
  std::swap(peer.keys, peer.former_keys);
  lab.apply();
  lab.settle();
  EXPECT_EQ(dataplane.sessions.size(), 2U);
  EXPECT_EQ(count_of(abi::CommandKind::remove_peer), 0U);
  EXPECT_EQ(dataplane.peers[0].key, old_client->local->public_key);
  EXPECT_NE(dataplane.peers[0].history.greatest_timestamp, abi::Tai64n{}) << "its history was not lost meanwhile";
  drop_former();
  ASSERT_EQ(dataplane.sessions.size(), 1U);
  EXPECT_EQ(lab.remembered[0].second.value.bytes, dataplane.sessions.begin()->second.wireguard.timestamp)
      << "that of the key which was the first and is the present one";
}

TEST_F(KeyChangeTest, TwiceInARowDropsTheFirst) {
  begin();
  complete_from_client(*old_client, ann_at);
  change();
  complete_from_client(*new_client, ann_at);
  const std::uint64_t second_session = newest()->session_id;
  lab.change_key(0, 6000);
  ASSERT_EQ(dataplane.sessions.size(), 1U);
  EXPECT_EQ(newest()->session_id, second_session);
}

TEST_F(KeyChangeTest, IsAnotherPeerWithoutTheFormerKey) {
  begin();
  complete_from_client(*old_client, ann_at);
  wireguard::Endpoint stranger(7000);
  lab.settings.peers[0].keys = *wireguard::make_peer_keys(*lab.gateway.local, stranger.local->public_key, {});
  lab.apply();
  lab.settle();
  EXPECT_EQ(count_of(abi::CommandKind::remove_peer), 1U);
  lab.pass(1s);
  wireguard::Endpoint again(1000);
  again.local = old_client->local;
  again.know(lab.gateway.local->public_key);
  lab.receive(again.want(lab.now).send->view(), ann_at);
  EXPECT_EQ(lab.counter("handshake_refused_unknown_peer"), 1U);
}

TEST_F(KeyChangeTest, IsAdoptedByTheNextControlPlaneWhicheverKeyTheDataplaneKnows) {
  begin(ann_at);
  const auto initiation = old_client->want(lab.now);
  lab.receive(initiation.send->view(), ann_at);
  const abi::InstallSession session = *newest();
  abi::PeerStatusValue status = status_of(0, bob_at);  // by the former key: the change was never applied
  status.history.greatest_timestamp = session.wireguard.timestamp;
  status.history.set_at_ns = wireguard::to_boottime_ns(lab.now.boot);
  dataplane.publish_peer(0, status);
  abi::SessionStatusValue shown{};
  shown.state = abi::SessionState::current;
  shown.index = session.index;
  shown.session_id = session.session_id;
  dataplane.publish_session(session.index & 127, shown);
  change();
  dataplane.publish_peer(0, status);

  GatewayLab next(1000);
  next.now = lab.now;
  next.settings = lab.settings;
  next.apply();
  dataplane.reconnect();
  next.connect(dataplane);
  EXPECT_EQ(dataplane.sessions.size(), 1U);
  next.receive(initiation.send->view(), ann_at);
  EXPECT_EQ(next.counter("handshake_refused_old_timestamp"), 1U) << "a replay with the former key";
  next.pass(1s);
  dataplane.raise(abi::SessionWanted{0});
  next.settle();
  const auto sent = next.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, bob_at) << "where the dataplane knows it, by whichever key";
  EXPECT_TRUE(old_client->receive(GatewayLab::bytes_of(sent[0]), next.now)) << "with the key that it last had";

  next.settings.peers[0].former_keys = nullptr;
  next.apply();
  next.settle();
  EXPECT_TRUE(dataplane.sessions.empty()) << "nobody knows with which key it was made";
}

}  // namespace
}  // namespace sallyport::controlplane::wireguard_service_test
