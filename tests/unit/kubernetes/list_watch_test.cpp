#include "controlplane/kubernetes/list_watch.hpp"

#include <gtest/gtest.h>

#include "tests/unit/kubernetes/slice_text.hpp"

namespace sallyport::controlplane::list_watch_test {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using Time = ListWatch::Time;

const std::string list_target =
    "/apis/discovery.k8s.io/v1/endpointslices?labelSelector=kubernetes.io%2Fservice-name&limit=500";
const std::string watch_target =
    "/apis/discovery.k8s.io/v1/endpointslices?labelSelector=kubernetes.io%2Fservice-name&watch=true"
    "&allowWatchBookmarks=true&timeoutSeconds=150&resourceVersion=";

std::string one(const std::string& address, const std::string& name = "backend-1") {
  return SliceText{.name = name, .endpoints = {endpoint_text(address)}}.text();
}

struct ListWatchTest : ::testing::Test {
  ClusterSlices cluster{.wanted = {"shop/backend"}};
  std::optional<ListWatch> made{std::in_place, "", cluster, WatchTiming::of(300s),
                                ListWatch::Start{Backoff(1), Time(0s)}};
  ListWatch& watch = *made;
  Time now{1s};

  std::string next() {
    const auto request = watch.next_request(now);
    return request ? request->target : std::string();
  }
  // The next request when it is due, and how long that took.
  std::chrono::nanoseconds wait_for_next() {
    const auto waited = std::max(*watch.due() - now, std::chrono::nanoseconds(0));
    now += waited;
    EXPECT_EQ(next(), list_target);
    return waited;
  }
  void begin_watching(const std::string& body = page_text({one("10.0.0.1")})) {
    EXPECT_EQ(next(), list_target);
    watch.on_answer(200, body, now);
    EXPECT_EQ(next(), watch_target + "10");
    watch.on_open(now);
  }
  std::string ready() const {
    std::string text;
    for (const IpPrefix& host : cluster.slices.endpoints("shop/backend").ready) text += host.address.to_string() + ' ';
    return text;
  }
};

TEST_F(ListWatchTest, ListsThenWatchesFromTheListsVersion) {
  begin_watching();
  EXPECT_EQ(watch.state(), ListWatch::State::watching);
  EXPECT_EQ(ready(), "10.0.0.1 ");
  EXPECT_EQ(watch.contact_at(), now);
  EXPECT_EQ(next(), "");
  watch.on_piece(event_text("ADDED", one("10.0.0.2", "backend-2")) + event_text("MODIFIED", one("10.0.0.3")), now);
  EXPECT_EQ(ready(), "10.0.0.2 10.0.0.3 ");
  watch.on_piece(event_text("DELETED", one("10.0.0.2", "backend-2")), now);
  EXPECT_EQ(ready(), "10.0.0.3 ");
  EXPECT_EQ(cluster.events, 3U);
  EXPECT_EQ(cluster.parsed.malformed, 0U);
}

TEST_F(ListWatchTest, ReadsPagesAndShowsNothingOfThemBeforeTheLast) {
  cluster.slices.put({{"shop", "gone"}, "shop/backend", {{*IpAddress::parse("10.9.9.9"), EndpointState::ready}}});
  EXPECT_EQ(next(), list_target);
  watch.on_answer(200, page_text({one("10.0.0.1", "a")}, "10", "to/k=en"), now);
  EXPECT_EQ(ready(), "10.9.9.9 ");
  EXPECT_FALSE(watch.contact_at());
  EXPECT_EQ(next(), list_target + "&continue=to%2Fk%3Den");
  watch.on_answer(200, page_text({one("10.0.0.2", "b")}, "10"), now);
  EXPECT_EQ(ready(), "10.0.0.1 10.0.0.2 ");
  EXPECT_EQ(next(), watch_target + "10");
}

TEST_F(ListWatchTest, BeginsAListAnewWhoseTokenExpired) {
  EXPECT_EQ(next(), list_target);
  watch.on_answer(200, page_text({one("10.0.0.1", "a")}, "10", "token"), now);
  (void)next();
  watch.on_answer(410, status_text(410, "Expired", "the continue token is too old"), now);
  EXPECT_EQ(wait_for_next(), 0s);
  watch.on_answer(200, page_text({one("10.0.0.2", "b")}, "11"), now);
  EXPECT_EQ(ready(), "10.0.0.2 ");
}

TEST_F(ListWatchTest, GivesUpAListThatNeverEnds) {
  EXPECT_EQ(next(), list_target);
  for (unsigned page = 1; page < ListWatch::pages_max; ++page) {
    watch.on_answer(200, page_text({}, "10", "again"), now);
    ASSERT_EQ(next(), list_target + "&continue=again");
  }
  watch.on_answer(200, page_text({}, "10", "again"), now);
  EXPECT_EQ(next(), "");
  EXPECT_EQ(watch.problem(), "expected a list of at most 200 pages, got a longer one");
  EXPECT_GT(wait_for_next(), 0s);
}

TEST_F(ListWatchTest, WatchesAgainAtOnceAfterAnOrderlyEndFromTheLastVersionItHeard) {
  begin_watching();
  watch.on_piece(bookmark_text("zz/9"), now);
  now += 150s;
  watch.on_end("", now);
  EXPECT_EQ(watch.contact_at(), now);
  EXPECT_EQ(watch.state(), ListWatch::State::watching);
  EXPECT_EQ(next(), watch_target + "zz%2F9");
  watch.on_open(now);
  EXPECT_EQ(cluster.relists, 0U);
  EXPECT_EQ(cluster.reconnections, 0U);
}

TEST_F(ListWatchTest, BeginsOneWatchASecondWithAServerThatEndsEachAtOnce) {
  begin_watching();
  for (int i = 0; i < 5; ++i) {
    watch.on_end("", now);
    EXPECT_EQ(next(), "");
    EXPECT_EQ(*watch.due() - now, 1s);
    now += 1s;
    EXPECT_EQ(next(), watch_target + "10");
    watch.on_open(now);
  }
}

TEST_F(ListWatchTest, ListsAgainAtOnceWhenItsVersionExpiredButNotWithoutEnd) {
  begin_watching();
  watch.on_piece(event_text("ERROR", status_text(410, "Expired", "too old resource version")), now);
  EXPECT_FALSE(watch.under_way());
  EXPECT_EQ(wait_for_next(), 0s);
  EXPECT_EQ(ready(), "10.0.0.1 ");
  watch.on_answer(200, page_text({}, "10"), now);
  EXPECT_EQ(ready(), "");
  EXPECT_EQ(cluster.relists, 1U);
  now += 1s;
  EXPECT_EQ(next(), watch_target + "10");
  watch.on_answer(410, status_text(410, "Gone", "gone"), now);  // as the answer to a watch
  EXPECT_GT(wait_for_next(), 0s);
}

TEST_F(ListWatchTest, WaitsLongerAndLongerWhileTheServerFails) {
  (void)next();
  std::chrono::nanoseconds before = 0s;
  for (int i = 0; i < 7; ++i) {
    watch.on_failure("connection refused", now);
    EXPECT_EQ(watch.problem(), "connection refused");
    const auto waited = wait_for_next();
    EXPECT_GE(waited, before);
    before = waited - 100ms;
  }
  EXPECT_GT(before, 5s);
  EXPECT_EQ(cluster.reconnections, 7U);
}

TEST_F(ListWatchTest, SaysWhatA401AndA403Mean) {
  (void)next();
  watch.on_answer(401, status_text(401, "Unauthorized", "Unauthorized"), now);
  EXPECT_EQ(watch.problem(), "401: the API server does not accept the token: Unauthorized");
  EXPECT_FALSE(watch.forbidden());
  EXPECT_GT(wait_for_next(), 0s);
  watch.on_answer(403, "forbidden", now);
  EXPECT_EQ(watch.problem(), "403: the token may not list and watch endpointslices");
  EXPECT_TRUE(watch.forbidden());
  EXPECT_GT(wait_for_next(), 0s);
  watch.on_answer(302, "", now);
  EXPECT_EQ(watch.problem(), "expected 200 from the API server, got 302");
  EXPECT_FALSE(watch.forbidden());
}

TEST_F(ListWatchTest, KeepsWhatItKnowsWhileTheConnectionIsGoneAndListsWhenItIsBack) {
  begin_watching();
  watch.on_end("connection reset", now);
  EXPECT_EQ(ready(), "10.0.0.1 ");
  EXPECT_EQ(watch.problem(), "connection reset");
  EXPECT_GT(wait_for_next(), 0s);
  watch.on_answer(200, page_text({one("10.0.0.8")}), now);
  EXPECT_EQ(ready(), "10.0.0.8 ");
  EXPECT_EQ(watch.problem(), "");
}

TEST_F(ListWatchTest, CountsHalfAnEventAndListsAgain) {
  const std::string event = event_text("ADDED", one("10.0.0.2", "backend-2"));
  for (const char* why : {"", "connection reset"}) {
    made.emplace("", cluster, WatchTiming::of(300s), ListWatch::Start{Backoff(1), now});
    cluster.parsed = {};
    begin_watching();
    watch.on_piece(event.substr(0, event.size() / 2), now);
    watch.on_end(why, now);
    EXPECT_EQ(cluster.parsed.malformed, 1U);
    EXPECT_EQ(watch.problem(), "the watch ended in the middle of an event");
    EXPECT_EQ(ready(), "10.0.0.1 ");
    EXPECT_GT(wait_for_next(), 0s);
    now += 10s;
  }
}

TEST_F(ListWatchTest, EndsAWatchAtTheFirstLineThatIsNoEvent) {
  begin_watching();
  watch.on_piece(event_text("ADDED", one("10.0.0.2", "b")) + "nonsense\n" + event_text("ADDED", one("10.0.0.3", "c")),
                 now);
  EXPECT_FALSE(watch.under_way());
  EXPECT_EQ(cluster.parsed.malformed, 1U);
  EXPECT_EQ(ready(), "10.0.0.1 10.0.0.2 ");
  watch.on_piece(event_text("ADDED", one("10.0.0.3", "c")), now);  // what comes after the end
  watch.on_end("", now);
  EXPECT_EQ(ready(), "10.0.0.1 10.0.0.2 ");
  EXPECT_GT(wait_for_next(), 0s);
}

TEST_F(ListWatchTest, EndsAWatchWhoseLineHasNoEnd) {
  begin_watching();
  const std::string piece(std::size_t{1} << 20, ' ');
  for (int i = 0; i < 4; ++i) watch.on_piece(piece, now);
  EXPECT_TRUE(watch.under_way());
  watch.on_piece("x", now);
  EXPECT_FALSE(watch.under_way());
  EXPECT_EQ(cluster.parsed.malformed, 1U);
}

TEST_F(ListWatchTest, SuffersNoHarmFromVersionsThatLie) {
  begin_watching();
  (void)cluster.slices.take_touched();
  const std::string same = one("10.0.0.1");
  watch.on_piece(event_text("ADDED", same) + event_text("MODIFIED", same), now);  // as it was
  EXPECT_EQ(ready(), "10.0.0.1 ");
  // The version of before, other content: the last word counts.
  watch.on_piece(event_text("MODIFIED", one("10.0.0.5")), now);
  EXPECT_EQ(ready(), "10.0.0.5 ");
  watch.on_piece(event_text("MODIFIED", SliceText{.version = "0", .endpoints = {endpoint_text("10.0.0.6")}}.text()),
                 now);
  EXPECT_EQ(ready(), "10.0.0.6 ");
  watch.on_piece(event_text("DELETED", SliceText{.name = "never-seen", .version = "-1"}.text()), now);
  EXPECT_EQ(ready(), "10.0.0.6 ");
  watch.on_end("", now);
  now += 1s;
  EXPECT_EQ(next(), watch_target + "-1");
}

TEST_F(ListWatchTest, TakesAnOpenWatchThatIsSilentTooLongForDead) {
  begin_watching();
  now += 159s;
  watch.look_at_silence(now);
  EXPECT_TRUE(watch.under_way());
  watch.on_piece("\n", now);  // not silent
  EXPECT_EQ(*watch.due(), now + 160s);
  now += 160s;
  watch.look_at_silence(now);
  EXPECT_FALSE(watch.under_way());
  EXPECT_EQ(watch.problem(), "the API server is silent");
  EXPECT_GT(wait_for_next(), 0s);
}

TEST_F(ListWatchTest, ListsAgainWhenAskedEvenFromTheMiddleOfAListButNotDuringBackOff) {
  begin_watching();
  watch.list_again(now);
  EXPECT_FALSE(watch.under_way());
  EXPECT_EQ(next(), list_target);
  watch.on_answer(200, page_text({one("10.0.0.1", "a")}, "10", "token"), now);
  (void)next();
  watch.list_again(now);
  EXPECT_EQ(next(), list_target);
  watch.on_failure("connection refused", now);
  watch.list_again(now);
  EXPECT_EQ(next(), "");
  EXPECT_GT(wait_for_next(), 0s);
}

TEST_F(ListWatchTest, HearsNothingOfOtherNamespacesInOne) {
  made.emplace("shop", cluster, WatchTiming::of(5s), ListWatch::Start{Backoff(1), now});
  cluster.wanted.insert("bank/vault");
  EXPECT_EQ(next(),
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?"
            "labelSelector=kubernetes.io%2Fservice-name&limit=500");
  const std::string foreign =
      SliceText{.name = "v", .service = "vault", .name_space = "bank", .endpoints = {endpoint_text("10.6.6.6")}}.text();
  watch.on_answer(200, page_text({foreign, one("10.0.0.1")}), now);
  EXPECT_NE(next().find("timeoutSeconds=2&"), std::string::npos);
  watch.on_open(now);
  watch.on_piece(event_text("ADDED", foreign), now);
  EXPECT_EQ(cluster.slices.endpoints("bank/vault"), LiveEndpoints{});
  EXPECT_EQ(cluster.parsed.malformed, 2U);
  EXPECT_EQ(ready(), "10.0.0.1 ");
  EXPECT_TRUE(watch.covers("shop/x"));
  EXPECT_FALSE(watch.covers("shop-2/x"));
  EXPECT_FALSE(watch.covers("bank/vault"));
}

TEST_F(ListWatchTest, IgnoresAnswersThatNobodyWaitsFor) {
  watch.on_answer(200, page_text({one("10.0.0.1")}), now);
  watch.on_open(now);
  watch.on_piece(event_text("ADDED", one("10.0.0.1")), now);
  watch.on_end("", now);
  watch.on_failure("x", now);
  EXPECT_EQ(ready(), "");
  EXPECT_EQ(watch.state(), ListWatch::State::waiting);
  EXPECT_EQ(next(), list_target);
}

}  // namespace
}  // namespace sallyport::controlplane::list_watch_test
