#include "controlplane/kubernetes/cluster_follower.hpp"

#include <gtest/gtest.h>

#include "tests/unit/kubernetes/fake_environment.hpp"
#include "tests/unit/kubernetes/slice_text.hpp"

namespace sallyport::controlplane::cluster_follower_test {
namespace {

using namespace testing;
using namespace std::chrono_literals;

std::string slice(const std::string& service, const std::string& address, const std::string& conditions = "{}") {
  const auto slash = service.find('/');
  return SliceText{.name = service.substr(slash + 1) + "-1",
                   .service = service.substr(slash + 1),
                   .name_space = service.substr(0, slash),
                   .endpoints = {endpoint_text(address, conditions)}}
      .text();
}

struct Follower : ::testing::Test {
  FakeEnvironment world;
  std::vector<std::string> told;
  std::optional<ClusterFollower> made;
  FakeEnvironment::Time ticked_at = world.time;

  static config::Cluster settings(std::chrono::seconds stale_after, config::OnStale on_stale) {
    config::Cluster cluster;
    cluster.name = "prod";
    cluster.stale_after = stale_after;
    cluster.on_stale = on_stale;
    return cluster;
  }
  void follow(std::chrono::seconds stale_after = 60s, config::OnStale on_stale = config::OnStale::keep) {
    made.emplace(
        settings(stale_after, on_stale),
        [this](const std::string& service, const LiveEndpoints& endpoints) {
          std::string text = service;
          for (const IpPrefix& host : endpoints.ready) text += " " + host.address.to_string();
          for (const IpPrefix& host : endpoints.draining) text += " -" + host.address.to_string();
          told.push_back(text);
        },
        world, 1);
  }
  ClusterFollower& follower() { return *made; }
  std::vector<std::string> take_told() { return std::exchange(told, {}); }
  // As the loop would: a tick a second, and every wake-up in time.
  void pass(std::chrono::nanoseconds time) {
    const auto end = world.time + time;
    while (world.time < end) {
      world.time = std::min({ticked_at + 1s, end, std::max(world.wake.value_or(end), world.time + 1ms)});
      if (world.wake && *world.wake <= world.time) {
        world.wake.reset();
        follower().wake();
      }
      if (world.time < ticked_at + 1s) continue;
      ticked_at = world.time;
      follower().tick(wall());
    }
  }
  policy::TimePoint wall() const {
    return policy::TimePoint(1'700'000'000s) + std::chrono::floor<std::chrono::seconds>(world.time.time_since_epoch());
  }
  void list(const std::vector<std::string>& items, const std::string& part = "limit=") {
    auto* request = world.find(part);
    ASSERT_NE(request, nullptr);
    ASSERT_FALSE(request->is_watch());
    request->answer(200, page_text(items));
  }
  FakeEnvironment::Request& open_watch(const std::string& part = "watch=true") {
    pass(1s);
    auto* request = world.find(part);
    EXPECT_NE(request, nullptr);
    EXPECT_TRUE(request->is_watch());
    request->open();
    return *request;
  }
  // A server that answers lists with these and ends watches when they asked it to.
  void serve(std::chrono::seconds time, const std::vector<std::string>& items, std::chrono::seconds watch_for) {
    auto opened_at = world.time;
    FakeEnvironment::Request* open = nullptr;
    for (const auto end = world.time + time; world.time < end; pass(100ms)) {
      ASSERT_FALSE(follower().status().stale) << time.count();
      auto* request = world.find();
      if (request == nullptr) continue;
      if (!request->is_watch()) {
        request->answer(200, page_text(items));
      } else if (request != open) {
        request->open();
        open = request;
        opened_at = world.time;
      } else if (world.time - opened_at >= watch_for) {
        request->end();
      }
    }
  }
};

TEST_F(Follower, RestsUntilSomethingIsWantedAndAgainWhenNothingIs) {
  follow();
  pass(5s);
  EXPECT_TRUE(world.requests.empty());
  follower().set_wanted({"shop/backend"});
  EXPECT_EQ(world.alive(), 1U);
  follower().set_wanted({});
  pass(600s);
  EXPECT_EQ(world.alive(), 0U);
  EXPECT_EQ(world.requests.size(), 1U);
  EXPECT_EQ(follower().status().state, "waiting");
  EXPECT_FALSE(follower().status().stale);
}

TEST_F(Follower, TellsEachServiceOnceThenOnlyWhatChanges) {
  follow();
  follower().set_wanted({"shop/backend", "shop/empty"});
  EXPECT_FALSE(follower().endpoints("shop/backend"));
  list({slice("shop/backend", "10.0.0.1"), slice("shop/other", "10.0.0.9")});
  EXPECT_EQ(take_told(), (std::vector<std::string>{"shop/backend 10.0.0.1", "shop/empty"}));
  auto& watch = open_watch();
  watch.piece(event_text("MODIFIED", slice("shop/backend", "10.0.0.1")) +
              event_text("ADDED", slice("shop/other", "10.0.0.8")));
  watch.piece(bookmark_text("11"));
  EXPECT_TRUE(take_told().empty());
  watch.piece(event_text("MODIFIED", slice("shop/backend", "10.0.0.1", dying)));
  EXPECT_EQ(take_told(), std::vector<std::string>{"shop/backend -10.0.0.1"});
  EXPECT_EQ(follower().endpoints("shop/backend")->draining.size(), 1U);
  watch.piece(event_text("ERROR", status_text(410, "Expired", "old")));
  list({slice("shop/backend", "10.0.0.1", dying)});
  EXPECT_TRUE(take_told().empty());
  const ClusterStatus status = follower().status();
  EXPECT_EQ(status.name, "prod");
  EXPECT_EQ(status.relists, 1U);
  EXPECT_EQ(status.slices, 1U);
  EXPECT_EQ(status.events, 3U);
}

TEST_F(Follower, ListsAgainAtOnceForAServiceWhoseSlicesItPassedOver) {
  follow();
  follower().set_wanted({"shop/backend"});
  list({slice("shop/backend", "10.0.0.1"), slice("shop/other", "10.0.0.9")});
  (void)open_watch();
  (void)take_told();
  follower().set_wanted({"shop/backend", "shop/other"});
  EXPECT_FALSE(follower().endpoints("shop/other"));
  EXPECT_TRUE(follower().endpoints("shop/backend"));
  list({slice("shop/backend", "10.0.0.1"), slice("shop/other", "10.0.0.9")});
  EXPECT_EQ(take_told(), std::vector<std::string>{"shop/other 10.0.0.9"});
  const auto before = world.requests.size();
  follower().set_wanted({"shop/other"});
  pass(1s);
  EXPECT_EQ(world.requests.size(), before);  // the watch goes on, no list
  EXPECT_TRUE(world.find()->is_watch());
  EXPECT_FALSE(follower().endpoints("shop/backend"));
  EXPECT_EQ(follower().status().slices, 1U);
}

TEST_F(Follower, FallsBackToNamespacesWhenAllOfThemAreForbidden) {
  follow();
  follower().set_wanted({"shop/backend", "bank/vault", "shop/cart"});
  world.find("/v1/endpointslices")->answer(403, status_text(403, "Forbidden", "no"));
  ASSERT_NE(world.find("/namespaces/shop/"), nullptr);
  list({slice("bank/vault", "10.1.0.1")}, "/namespaces/bank/");
  EXPECT_EQ(take_told(), std::vector<std::string>{"bank/vault 10.1.0.1"});
  list({slice("shop/backend", "10.0.0.1")}, "/namespaces/shop/");
  EXPECT_EQ(take_told(), (std::vector<std::string>{"shop/backend 10.0.0.1", "shop/cart"}));
  open_watch("/namespaces/bank/").piece(event_text("MODIFIED", slice("bank/vault", "10.1.0.2")));
  EXPECT_EQ(take_told(), std::vector<std::string>{"bank/vault 10.1.0.2"});
  EXPECT_NE(follower().status().state, "watching");
  open_watch("/namespaces/shop/");
  EXPECT_EQ(follower().status().state, "watching");
  EXPECT_EQ(follower().status().problem, "");
  EXPECT_EQ(world.alive(), 2U);

  follower().set_wanted({"shop/backend", "new/one"});
  pass(10ms);
  EXPECT_EQ(world.find("/namespaces/bank/"), nullptr);
  ASSERT_NE(world.find("/namespaces/new/"), nullptr);
  EXPECT_TRUE(world.find("/namespaces/shop/")->is_watch());
  EXPECT_EQ(follower().status().slices, 1U);
}

TEST_F(Follower, KeepsWhatItKnewWhenItsPermissionBecomesNarrower) {
  follow();
  follower().set_wanted({"shop/backend"});
  list({slice("shop/backend", "10.0.0.1")});
  open_watch().end("connection reset");
  pass(300ms);
  world.find("/v1/endpointslices")->answer(403, "");
  EXPECT_EQ(follower().endpoints("shop/backend")->ready.size(), 1U);
  (void)take_told();
  list({}, "/namespaces/shop/");
  EXPECT_EQ(take_told(), std::vector<std::string>{"shop/backend"});
}

TEST_F(Follower, TriesAllNamespacesAgainWhenEachIsForbiddenButSlowly) {
  follow();
  follower().set_wanted({"shop/backend", "bank/vault"});
  std::size_t cluster_wide = 0;
  for (const auto end = world.time + 120s; world.time < end; pass(10ms)) {
    while (auto* request = world.find()) {
      if (request->target.find("/namespaces/") == std::string::npos) ++cluster_wide;
      request->answer(403, status_text(403, "Forbidden", "may not"));
      if (world.find() == request) pass(1ms);
    }
  }
  EXPECT_GT(cluster_wide, 3U);
  EXPECT_LT(world.requests.size(), 60U);
  EXPECT_NE(follower().status().problem.find("403: the token may not list and watch endpointslices: may not"),
            std::string::npos);
  EXPECT_TRUE(take_told().empty());
  pass(60s);
  world.find("/v1/endpointslices") != nullptr ? list({slice("shop/backend", "10.0.0.1")}, "/v1/endpointslices")
                                              : list({slice("shop/backend", "10.0.0.1")}, "/namespaces/shop/");
  EXPECT_TRUE(follower().endpoints("shop/backend"));
}

TEST_F(Follower, IsNeverStaleOnAQuietClusterHoweverShortStaleAfterIs) {
  for (const auto stale_after : {3s, 5s, 60s, 300s}) {
    made.reset();
    world = {};
    ticked_at = world.time;
    follow(stale_after, config::OnStale::drop);
    follower().set_wanted({"shop/backend"});
    serve(6 * stale_after, {slice("shop/backend", "10.0.0.1")}, WatchTiming::of(stale_after).watch_for);
    EXPECT_FALSE(follower().status().stale);
    EXPECT_EQ(take_told(), std::vector<std::string>{"shop/backend 10.0.0.1"});
    EXPECT_EQ(follower().status().relists, 0U);
    EXPECT_EQ(follower().status().reconnections, 0U);
  }
}

TEST_F(Follower, IsStaleWhenAnOpenWatchIsDeadAndKeepsWhatItKnew) {
  follow(5s);
  follower().set_wanted({"shop/backend"});
  list({slice("shop/backend", "10.0.0.1")});
  (void)open_watch();
  pass(3s);
  EXPECT_FALSE(follower().status().stale);
  EXPECT_EQ(*follower().status().in_contact_at, wall() - 4s);
  pass(3s);
  EXPECT_TRUE(follower().status().stale);
  EXPECT_FALSE(follower().status().dropped);
  EXPECT_EQ(follower().status().problem, "the API server is silent");
  EXPECT_EQ(follower().endpoints("shop/backend")->ready.size(), 1U);
  EXPECT_EQ(take_told(), std::vector<std::string>{"shop/backend 10.0.0.1"});
  ASSERT_FALSE(world.find()->is_watch());  // a new connection already
  list({slice("shop/backend", "10.0.0.1")});
  pass(1s);
  EXPECT_FALSE(follower().status().stale);
  EXPECT_TRUE(take_told().empty());
}

TEST_F(Follower, DropsEndpointsThatAreStaleAndTellsThemAgainAfterTheNextList) {
  follow(5s, config::OnStale::drop);
  follower().set_wanted({"shop/backend"});
  list({slice("shop/backend", "10.0.0.1")});
  open_watch().end("connection reset");
  for (const auto end = world.time + 10s; world.time < end; pass(100ms))
    if (auto* request = world.find()) request->fail("connection refused");
  EXPECT_EQ(take_told(), (std::vector<std::string>{"shop/backend 10.0.0.1", "shop/backend"}));
  EXPECT_TRUE(follower().status().stale);
  EXPECT_TRUE(follower().status().dropped);
  EXPECT_EQ(follower().status().slices, 0U);
  EXPECT_FALSE(follower().endpoints("shop/backend"));
  pass(30s);
  list({slice("shop/backend", "10.0.0.1")});
  EXPECT_EQ(take_told(), std::vector<std::string>{"shop/backend 10.0.0.1"});
  EXPECT_FALSE(follower().status().dropped);
  EXPECT_FALSE(follower().status().stale);
}

TEST_F(Follower, DropsWhatAFormerRunLeftWhenTheServerNeverAnswers) {
  follow(5s, config::OnStale::drop);
  follower().set_wanted({"shop/backend"});
  pass(4s);
  EXPECT_TRUE(take_told().empty());
  pass(3s);
  EXPECT_EQ(take_told(), std::vector<std::string>{"shop/backend"});
  follower().set_wanted({"shop/backend", "shop/late"});
  pass(2s);
  EXPECT_EQ(take_told(), std::vector<std::string>{"shop/late"});
  EXPECT_FALSE(follower().status().in_contact_at);
}

TEST_F(Follower, BelievesNoEventOfAWatchThatOutlivedItsDrop) {
  follow(5s, config::OnStale::drop);
  follower().set_wanted({"shop/backend"});
  list({slice("shop/backend", "10.0.0.1")});
  auto& watch = open_watch();
  for (int i = 0; i < 7; ++i) pass(1s), watch.alive ? watch.piece("\n") : void();  // alive, but says nothing
  EXPECT_TRUE(follower().status().dropped);
  EXPECT_FALSE(watch.alive);
  watch.piece(event_text("ADDED", slice("shop/backend", "10.0.0.2")));
  EXPECT_EQ(take_told(), (std::vector<std::string>{"shop/backend 10.0.0.1", "shop/backend"}));
}

TEST_F(Follower, AgesEachNamespaceOnItsOwn) {
  follow(5s, config::OnStale::drop);
  follower().set_wanted({"shop/backend", "bank/vault"});
  world.find()->answer(403, "");
  list({slice("bank/vault", "10.1.0.1")}, "/namespaces/bank/");
  world.find("/namespaces/shop/")->answer(403, "");
  auto& bank = open_watch("/namespaces/bank/");
  for (int i = 0; i < 10; ++i) {
    pass(1s);
    bank.piece(bookmark_text("12"));
  }
  EXPECT_EQ(take_told(), (std::vector<std::string>{"bank/vault 10.1.0.1", "shop/backend"}));
  EXPECT_TRUE(follower().status().stale);
  EXPECT_EQ(follower().status().problem, "namespace shop: 403: the token may not list and watch endpointslices");
}

TEST_F(Follower, SaysWhyARequestCannotBeMadeAndTriesAgain) {
  follow();
  world.cannot_begin = "token_file /run/token: no such file";
  follower().set_wanted({"shop/backend"});
  pass(3s);
  EXPECT_EQ(follower().status().problem, "token_file /run/token: no such file");
  EXPECT_EQ(follower().status().state, "waiting");
  EXPECT_GT(follower().status().reconnections, 2U);
  world.cannot_begin.clear();
  pass(10s);
  list({slice("shop/backend", "10.0.0.1")});
  EXPECT_EQ(take_told().size(), 1U);
}

TEST_F(Follower, AsksForNothingByANameThatIsNone) {
  follow();
  follower().set_wanted({"../secrets", "shop", "a/b/c"});
  EXPECT_TRUE(world.requests.empty());
  follower().set_wanted({"../secrets", "shop/backend"});
  list({});
  open_watch();
  EXPECT_EQ(follower().status().problem, "1 services are not followed: expected names as NAMESPACE/NAME");
}

TEST_F(Follower, TakesAChangeOfWhatIsWantedFromWithinACallback) {
  made.emplace(
      settings(60s, config::OnStale::keep),
      [this](const std::string& service, const LiveEndpoints&) {
        told.push_back(service);
        follower().set_wanted(service == "shop/b" ? std::set<std::string>{} : std::set<std::string>{"shop/b"});
      },
      world, 1);
  follower().set_wanted({"shop/a", "shop/z"});
  list({});
  EXPECT_EQ(told, (std::vector<std::string>{"shop/a", "shop/z"}));
  list({});
  EXPECT_EQ(told.back(), "shop/b");
  pass(1s);
  EXPECT_EQ(world.alive(), 0U);
}

TEST_F(Follower, FollowsAtMostSoManyNamespacesAndDropsTheRest) {
  follow();
  std::set<std::string> services;
  for (std::size_t i = 0; i < ClusterFollower::namespaces_max + 2; ++i)
    services.insert("n" + std::to_string(1000 + i) + "/x");
  follower().set_wanted(services);
  world.find()->answer(403, "");
  EXPECT_EQ(world.alive() - 1, ClusterFollower::namespaces_max);  // and the one that was answered
  EXPECT_EQ(take_told(), (std::vector<std::string>{"n1256/x", "n1257/x"}));
}

}  // namespace
}  // namespace sallyport::controlplane::cluster_follower_test
