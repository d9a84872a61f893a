#include "controlplane/flows/flow_listing.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "tests/unit/controlplane/parts_lab.hpp"

namespace sallyport::controlplane::flow_listing_test {
namespace {

using testing::PartsLab;

struct ListingTest : ::testing::Test {
  tl::expected<std::uint32_t, std::string> start(std::uint32_t most) {
    abi::ListFlows request{};
    request.peer_id = abi::no_peer;
    request.protocol = abi::any_protocol;
    request.most = most;
    return listing.start(
        request, [this](const abi::FlowRecord&) { ++flows; },
        [this](tl::expected<bool, std::string> how) { ended = std::move(how); });
  }
  static abi::FlowShown shown(std::uint32_t number) {
    abi::FlowShown event{};
    event.listing = number;
    return event;
  }

  PartsLab lab;
  FlowListing listing{lab.loop, lab.publisher, lab};
  int flows = 0;
  std::optional<tl::expected<bool, std::string>> ended;
};

TEST_F(ListingTest, NeedsADataplaneAndIsTheOnlyOne) {
  lab.is_connected = false;
  EXPECT_EQ(start(1).error(), "no dataplane is connected");
  lab.is_connected = true;
  ASSERT_TRUE(start(1));
  EXPECT_EQ(start(1).error(), "another listing is running");
}

TEST_F(ListingTest, TellsAtMostWhatWasAskedForAndWhetherMoreIsMissing) {
  const auto number = start(2);
  ASSERT_TRUE(number);
  listing.on_shown(shown(*number + 1));
  for (int i = 0; i < 5; ++i) listing.on_shown(shown(*number));
  EXPECT_EQ(flows, 2);
  abi::FlowListingEnded end{};
  end.listing = *number + 1;
  listing.on_ended(end);
  EXPECT_FALSE(ended) << "another one's end";
  end.listing = *number;
  end.cut = 1;
  listing.on_ended(end);
  ASSERT_TRUE(ended && *ended);
  EXPECT_TRUE(**ended);
}

TEST_F(ListingTest, BreaksOffWhenTheDataplaneGoesOrSaysNothing) {
  ASSERT_TRUE(start(1));
  listing.break_off("the dataplane went away");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->error(), "the dataplane went away");
  ended.reset();
  ASSERT_TRUE(start(1));
  ASSERT_TRUE(lab.eventually([this] { return ended.has_value(); }));
  EXPECT_EQ(ended->error(), "the dataplane does not answer");
}

TEST_F(ListingTest, IsStoppedWithoutAWord) {
  const auto number = start(1);
  ASSERT_TRUE(number);
  listing.stop(*number);
  listing.on_shown(shown(*number));
  EXPECT_FALSE(ended);
  EXPECT_EQ(flows, 0);
  EXPECT_TRUE(start(1));
}

}  // namespace
}  // namespace sallyport::controlplane::flow_listing_test
