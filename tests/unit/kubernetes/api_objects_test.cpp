#include "controlplane/kubernetes/api_objects.hpp"

#include <gtest/gtest.h>

#include "controlplane/kubernetes/kept_fields.hpp"
#include "tests/unit/kubernetes/slice_text.hpp"

namespace sallyport::controlplane::api_objects_test {
namespace {

using namespace testing;

struct ApiObjects : ::testing::Test {
  std::set<std::string> wanted{"shop/backend"};
  ParseCounts counts;
  ObjectReader reader{wanted, counts};

  std::vector<SliceEndpoint> endpoints_of(const SliceText& slice) {
    const auto event = read_watch_event(event_text("ADDED", slice.text()), reader);
    EXPECT_TRUE(event);
    return event ? event->slice.endpoints : std::vector<SliceEndpoint>();
  }
  EndpointState state_of(const std::string& conditions) {
    const auto endpoints = endpoints_of({.endpoints = {endpoint_text("10.0.0.1", conditions)}});
    EXPECT_EQ(endpoints.size(), 1U) << conditions;
    return endpoints.empty() ? EndpointState::draining : endpoints[0].state;
  }
};

TEST_F(ApiObjects, ReadsConditionsAsTheApiDefinesThem) {
  using enum EndpointState;
  EXPECT_EQ(state_of(R"({"ready":true})"), ready);
  EXPECT_EQ(state_of(R"({"ready":null})"), ready);
  EXPECT_EQ(state_of("{}"), ready);
  EXPECT_EQ(state_of("null"), ready);
  EXPECT_EQ(state_of(R"({"ready":true,"serving":false,"terminating":false})"), ready);  // publishNotReadyAddresses
  EXPECT_EQ(state_of(R"({"ready":false})"), draining);
  EXPECT_EQ(state_of(R"({"ready":false,"serving":true})"), draining);
  EXPECT_EQ(state_of(not_ready), draining);
  EXPECT_EQ(state_of(terminating), serving);
  EXPECT_EQ(state_of(R"({"ready":true,"serving":true,"terminating":true})"), serving);
  EXPECT_EQ(state_of(R"({"ready":true,"serving":false,"terminating":true})"), draining);
  EXPECT_EQ(state_of(dying), draining);
  EXPECT_EQ(counts.malformed, 0U);
}

TEST_F(ApiObjects, LeavesOutEndpointsWhoseFieldsHaveWrongTypesAndCountsThem) {
  for (const char* endpoint : {
           R"({"addresses":["10.0.0.1"],"conditions":{"ready":"true"}})",
           R"({"addresses":["10.0.0.1"],"conditions":{"terminating":0}})",
           R"({"addresses":["10.0.0.1"],"conditions":[true]})",
           R"({"addresses":"10.0.0.1"})",
           R"({"addresses":null})",
           R"({"addresses":[17]})",
           R"({"addresses":[["10.0.0.1"]]})",
           R"("10.0.0.1")",
           "null",
           "[]",
       }) {
    counts = {};
    EXPECT_TRUE(endpoints_of({.endpoints = {endpoint}}).empty()) << endpoint;
    EXPECT_EQ(counts.malformed, 1U) << endpoint;
  }
}

TEST_F(ApiObjects, RefusesAddressesThatNoEndpointCanHave) {
  for (const char* address : {"0.0.0.0", "127.0.0.1", "127.9.9.9", "224.0.0.1", "169.254.169.254", "255.255.255.255"}) {
    counts = {};
    EXPECT_TRUE(endpoints_of({.endpoints = {endpoint_text(address)}}).empty()) << address;
    EXPECT_EQ(counts.refused, 1U) << address;
  }
  for (const char* address : {"::", "::1", "ff02::1", "fe80::1", "::ffff:10.0.0.1"}) {
    counts = {};
    EXPECT_TRUE(endpoints_of({.type = "IPv6", .endpoints = {endpoint_text(address)}}).empty()) << address;
    EXPECT_EQ(counts.refused, 1U) << address;
  }
  for (const char* address : {"fd00::1", "10.0.0.1/32", "10.0.0.01", "", " 10.0.0.1", "host.example"}) {
    counts = {};
    EXPECT_TRUE(endpoints_of({.endpoints = {endpoint_text(address)}}).empty()) << address;
    EXPECT_EQ(counts.malformed, 1U) << address;
  }
}

TEST_F(ApiObjects, TakesOnlyAddressesOfTheTypeOfTheSlice) {
  EXPECT_EQ(endpoints_of({.type = "IPv6", .endpoints = {endpoint_text("fd00::1"), endpoint_text("10.0.0.1")}}).size(),
            1U);
  EXPECT_EQ(counts.malformed, 1U);
  EXPECT_TRUE(endpoints_of({.type = "FQDN", .endpoints = {endpoint_text("db.example")}}).empty());
  EXPECT_EQ(counts.refused, 1U);
  EXPECT_TRUE(endpoints_of({.type = "ipv4", .endpoints = {endpoint_text("10.0.0.1")}}).empty());
  EXPECT_EQ(counts.malformed, 2U);
}

TEST_F(ApiObjects, ReadsOnlyTheNameOfASliceThatNobodyWants) {
  const auto event = read_watch_event(
      event_text("MODIFIED",
                 SliceText{.service = "other", .endpoints = {endpoint_text("bad"), endpoint_text("10.0.0.1")}}.text()),
      reader);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->slice.name, (SliceName{"shop", "backend-1"}));
  EXPECT_TRUE(event->slice.service.empty());
  EXPECT_TRUE(event->slice.endpoints.empty());
  EXPECT_EQ(counts.malformed, 0U);
}

TEST_F(ApiObjects, ReadsAPageWithItsTokenWhateverTheOrderOfItsKeys) {
  const std::string item = SliceText{.endpoints = {endpoint_text("10.0.0.1")}}.text();
  auto page =
      read_slice_page(page_text({item, SliceText{.service = "other"}.text(), "17", "{}", "[[]]"}, "10", "tok"), reader);
  ASSERT_TRUE(page) << page.error();
  EXPECT_EQ(page->resource_version, "10");
  EXPECT_EQ(page->next, "tok");
  ASSERT_EQ(page->slices.size(), 1U);
  EXPECT_EQ(page->slices[0].endpoints.size(), 1U);
  EXPECT_EQ(counts.malformed, 3U);

  page = read_slice_page(
      R"({"items":[)" + item + R"(],"metadata":{"resourceVersion":"11"},"kind":"EndpointSliceList"})", reader);
  ASSERT_TRUE(page) << page.error();
  EXPECT_EQ(page->slices.size(), 1U);
  EXPECT_TRUE(page->next.empty());
  EXPECT_TRUE(
      read_slice_page(R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":null})", reader));
}

TEST_F(ApiObjects, RefusesWhatIsNoListForItWouldPassForAnEmptyOne) {
  for (const char* body : {
           "",
           "[]",
           "null",
           "<html>",
           R"({"kind":"EndpointSliceList"})",
           R"({"kind":"EndpointSliceList","items":[],"metadata":{}})",
           R"({"kind":"EndpointSliceList","items":[],"metadata":{"resourceVersion":7}})",
           R"({"kind":"EndpointSliceList","items":{},"metadata":{"resourceVersion":"7"}})",
           R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"7"}})",
           R"({"kind":"PodList","items":[],"metadata":{"resourceVersion":"7"}})",
           R"({"kind":"EndpointSliceList","items":[],"metadata":{"resourceVersion":"7","continue":5}})",
           R"({"kind":"EndpointSliceList","items":[],"metadata":{"resourceVersion":"7"}} x)",
           R"({"kind":"EndpointSliceList","items":[{"metadata":{"name":"a"},"metadata":{"resourceVersion":"7"}})",
       })
    EXPECT_FALSE(read_slice_page(body, reader)) << body;
  EXPECT_FALSE(read_slice_page(page_text({}, "7", std::string(continue_characters + 1, 'x')), reader));
}

TEST_F(ApiObjects, ReadsEventsAndRefusesWhatIsNone) {
  const std::string slice = SliceText{.version = "abc/ü"}.text();
  EXPECT_EQ(read_watch_event(event_text("ADDED", slice), reader)->kind, WatchEventKind::put);
  EXPECT_EQ(read_watch_event(event_text("DELETED", slice), reader)->kind, WatchEventKind::deleted);
  EXPECT_EQ(read_watch_event(event_text("DELETED", slice), reader)->resource_version, "abc/ü");
  EXPECT_EQ(read_watch_event(bookmark_text("12"), reader)->kind, WatchEventKind::bookmark);
  const auto gone = read_watch_event(event_text("ERROR", status_text(410, "Expired", "too old")), reader);
  ASSERT_TRUE(gone);
  EXPECT_TRUE(gone->expired);
  const auto error = read_watch_event(event_text("ERROR", status_text(500, "InternalError", "a\\nb")), reader);
  ASSERT_TRUE(error);
  EXPECT_FALSE(error->expired);
  EXPECT_EQ(error->message, "a\\x0ab");  // what is shown is one line
  for (const std::string& line :
       {std::string("{"), std::string("17"), event_text("SYNC", slice), event_text("ADDED", "{}"),
        event_text("ADDED", "null"), event_text("BOOKMARK", R"({"metadata":{"resourceVersion":""}})"),
        event_text("ADDED", R"({"metadata":{"resourceVersion":"1","name":"x"}})"),
        event_text("ADDED", SliceText{.version = std::string(resource_version_characters + 1, '1')}.text())})
    EXPECT_FALSE(read_watch_event(line, reader)) << line;
}

TEST_F(ApiObjects, EndsAtItsBoundsOfDepthAndOfValues) {
  const auto nested = [](std::size_t depth, const char* key) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += std::string("{\"") + key + "\":";
    return text + "1" + std::string(depth, '}');
  };
  for (const char* key : {"metadata", "managedFields"}) {
    EXPECT_TRUE(read_kept_fields(nested(deepest_object, key))) << key;
    EXPECT_FALSE(read_kept_fields(nested(deepest_object + 1, key))) << key;
    EXPECT_FALSE(read_kept_fields(nested(1'000'000, key))) << key;
  }
  std::string many = "[0";
  for (std::size_t i = 0; i < kept_values_max; ++i) many += ",0";
  EXPECT_FALSE(read_kept_fields(many + "]"));
  EXPECT_TRUE(read_kept_fields(R"({"x":)" + many + "]}"));  // passed over, not kept
  EXPECT_FALSE(read_kept_fields("{\"name\":\"\xff\"}"));
  EXPECT_FALSE(read_kept_fields("{\"x\":1e999}"));
}

TEST_F(ApiObjects, PassesOverFieldsThatItDoesNotReadWhateverIsInThem) {
  const auto object = read_kept_fields(R"({"a":{"name":"x","b":[1,{"kind":"y"}]},"kind":"z","c":[[]],"name":"n"})");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->dump(), R"({"kind":"z","name":"n"})");
}

}  // namespace
}  // namespace sallyport::controlplane::api_objects_test
