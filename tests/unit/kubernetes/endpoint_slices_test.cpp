#include "controlplane/kubernetes/endpoint_slices.hpp"

#include <gtest/gtest.h>

namespace sallyport::controlplane::endpoint_slices_test {
namespace {

using enum EndpointState;

SliceEndpoint at(const char* address, EndpointState state = ready) {
  return {*IpAddress::parse(address), state};
}

EndpointSlice slice(const char* name, std::vector<SliceEndpoint> endpoints, const char* service = "shop/backend") {
  const std::string text = service;
  return {{text.substr(0, text.find('/')), name}, text, std::move(endpoints)};
}

std::vector<IpPrefix> hosts(std::initializer_list<const char*> addresses) {
  std::vector<IpPrefix> prefixes;
  for (const char* address : addresses) prefixes.push_back(IpPrefix::host(*IpAddress::parse(address)));
  return prefixes;
}

TEST(EndpointSlices, JoinsAllSlicesOfAServiceSortedAndOnce) {
  EndpointSlices slices;
  EXPECT_TRUE(slices.put(slice("b", {at("10.0.0.9"), at("10.0.0.2")})));
  EXPECT_TRUE(slices.put(slice("a", {at("10.0.0.2"), at("10.0.0.1", draining)})));
  EXPECT_TRUE(slices.put(slice("c", {at("10.0.0.7")}, "shop/other")));
  EXPECT_EQ(slices.endpoints("shop/backend"), (LiveEndpoints{hosts({"10.0.0.2", "10.0.0.9"}), hosts({"10.0.0.1"})}));
  EXPECT_EQ(slices.endpoints("shop/back"), LiveEndpoints{});
}

TEST(EndpointSlices, SaysReadyOfWhatOneSliceCallsReadyAndAnotherDraining) {
  EndpointSlices slices;
  slices.put(slice("a", {at("10.0.0.1", draining)}));
  slices.put(slice("b", {at("10.0.0.1", ready)}));
  slices.put(slice("c", {at("10.0.0.1", serving)}));
  EXPECT_EQ(slices.endpoints("shop/backend"), (LiveEndpoints{hosts({"10.0.0.1"}), {}}));
  slices.remove({"shop", "b"});
  slices.put(slice("d", {at("10.0.0.2")}));
  EXPECT_EQ(slices.endpoints("shop/backend"), (LiveEndpoints{hosts({"10.0.0.2"}), hosts({"10.0.0.1"})}));
}

TEST(EndpointSlices, LetsTerminatingOnesThatServeStandInForReadyOnesOfTheirFamilyOnly) {
  EndpointSlices slices;
  slices.put(slice("v4", {at("10.0.0.1", serving), at("10.0.0.2", draining)}));
  slices.put(slice("v6", {at("fd00::1", ready), at("fd00::2", serving)}));
  EXPECT_EQ(slices.endpoints("shop/backend"),
            (LiveEndpoints{hosts({"10.0.0.1", "fd00::1"}), hosts({"10.0.0.2", "fd00::2"})}));
  slices.put(slice("new", {at("10.0.0.3")}));
  EXPECT_EQ(slices.endpoints("shop/backend"),
            (LiveEndpoints{hosts({"10.0.0.3", "fd00::1"}), hosts({"10.0.0.1", "10.0.0.2", "fd00::2"})}));
}

TEST(EndpointSlices, ReplacesOneNamespaceAndLeavesItsNeighboursAlone) {
  EndpointSlices slices;
  slices.put(slice("a", {at("10.0.0.1")}, "shop/x"));
  slices.put(slice("a", {at("10.0.0.2")}, "shop-2/x"));
  slices.put(slice("a", {at("10.0.0.3")}, "sho/x"));
  (void)slices.take_touched();
  EndpointSlices listed;
  listed.put(slice("b", {at("10.0.0.4")}, "shop/y"));
  EXPECT_EQ(slices.replace("shop", std::move(listed)), 0U);
  EXPECT_EQ(slices.take_touched(), (std::set<std::string>{"shop/x", "shop/y"}));
  EXPECT_EQ(slices.endpoints("shop/x"), LiveEndpoints{});
  EXPECT_EQ(slices.endpoints("shop-2/x").ready, hosts({"10.0.0.2"}));
  EXPECT_EQ(slices.endpoints("sho/x").ready, hosts({"10.0.0.3"}));
  EXPECT_EQ(slices.replace("", {}), 0U);
  EXPECT_EQ(slices.size(), 0U);
}

TEST(EndpointSlices, ForgetsASliceThatMovedToAServiceNobodyWants) {
  EndpointSlices slices;
  slices.put(slice("a", {at("10.0.0.1")}));
  EndpointSlice moved = slice("a", {});
  moved.service.clear();
  EXPECT_TRUE(slices.put(moved));
  EXPECT_EQ(slices.size(), 0U);
  slices.put(slice("a", {at("10.0.0.1")}));
  slices.put(slice("b", {at("10.0.0.1")}, "shop/other"));
  slices.keep_services({"shop/other"});
  EXPECT_EQ(slices.endpoints("shop/backend"), LiveEndpoints{});
  EXPECT_EQ(slices.size(), 1U);
}

TEST(EndpointSlices, HasNoRoomBeyondItsBoundsAndForgetsTheSliceThatOutgrewThem) {
  EndpointSlices slices;
  for (std::size_t i = 0; i < EndpointSlices::slices_max; ++i)
    ASSERT_TRUE(slices.put(slice(std::to_string(i).c_str(), {at("10.0.0.1")})));
  EXPECT_FALSE(slices.put(slice("one-more", {at("10.0.0.2")})));
  EXPECT_TRUE(slices.put(slice("7", {at("10.0.0.3")})));
  std::vector<SliceEndpoint> many(EndpointSlices::addresses_max, at("10.0.0.4"));
  EXPECT_FALSE(slices.put(slice("7", many)));
  EXPECT_EQ(slices.endpoints("shop/backend").ready, hosts({"10.0.0.1"}));
  EndpointSlices listed;
  many.resize(many.size() / 2);
  EXPECT_TRUE(listed.put(slice("a", many)));
  EndpointSlices two;
  EXPECT_TRUE(two.put(slice("c", many, "other/c")));
  EXPECT_TRUE(two.put(slice("d", many, "other/d")));
  EXPECT_EQ(two.replace("shop", std::move(listed)), 1U);
  EXPECT_EQ(two.size(), 2U);
}

}  // namespace
}  // namespace sallyport::controlplane::endpoint_slices_test
