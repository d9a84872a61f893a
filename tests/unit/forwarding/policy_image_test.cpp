#include "dataplane/forwarding/policy_image.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace sallyport::dataplane::policy_image_test {
namespace {

IpPrefix prefix(const char* text) {
  return *IpPrefix::parse(text);
}

// --- the address index ---

// Entries in the order that the index asks for, and the slow answer.
struct Addresses {
  void add(const IpPrefix& at) {
    if (!entries.contains(at)) entries[at] = std::make_unique<AddressAccess>();
  }
  [[nodiscard]] AddressIndex index() const {
    std::vector<AddressIndex::Entry> list;
    for (const auto& [at, access] : entries) list.push_back({at, access.get()});
    return AddressIndex(list);
  }
  [[nodiscard]] const AddressAccess* longest(const IpAddress& address) const {
    const AddressAccess* best = nullptr;
    int length = -1;
    for (const auto& [at, access] : entries) {
      if (!at.contains(address) || at.length <= length) continue;
      length = at.length;
      best = access.get();
    }
    return best;
  }
  std::map<IpPrefix, std::unique_ptr<AddressAccess>> entries;
};

const AddressAccess* find(const AddressIndex& index, const IpAddress& address) {
  return index.find(address.bytes.data(), address.is_v4());
}

IpAddress moved(IpAddress address, bool up) {
  for (unsigned i = address.bits() / 8; i-- > 0;) {
    if (up ? ++address.bytes[i] != 0 : address.bytes[i]-- != 0) break;
  }
  return address;
}
IpAddress last_of(const IpPrefix& of) {
  IpAddress address = of.address;
  for (unsigned i = of.length; i < address.bits(); ++i)
    address.bytes[i / 8] = static_cast<std::uint8_t>(address.bytes[i / 8] | 0x80U >> i % 8);
  return address;
}

// First, last, and what is just outside, of every entry.
void check_edges(const Addresses& addresses) {
  const AddressIndex index = addresses.index();
  for (const auto& [at, access] : addresses.entries)
    for (const IpAddress& address : {at.address, moved(at.address, false), moved(at.address, true), last_of(at),
                                     moved(last_of(at), true), moved(last_of(at), false)})
      ASSERT_EQ(find(index, address), addresses.longest(address)) << address.to_string() << " at " << at.to_string();
}

TEST(AddressIndex, FindsNothingWhereThereIsNothing) {
  const AddressIndex index({});
  for (const char* text : {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "fd00::1"})
    EXPECT_EQ(find(index, *IpAddress::parse(text)), nullptr) << text;
}

TEST(AddressIndex, TakesTheLongestOfNestedAndAdjacentPrefixes) {
  Addresses addresses;
  for (const char* text : {"10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/32", "10.0.255.255/32", "10.1.0.0/16",
                           "10.1.128.0/17", "10.2.0.0/15", "10.255.255.255/32", "11.0.0.0/8", "fd00::/8", "fd00::/64",
                           "fd00::/128", "fd00::ffff:ffff:ffff:ffff/128", "fd00:0:0:1::/64", "fe00::/8"})
    addresses.add(prefix(text));
  check_edges(addresses);
}

TEST(AddressIndex, KeepsTheFamiliesApart) {
  Addresses addresses;
  addresses.add(prefix("0.0.0.0/0"));
  AddressIndex index = addresses.index();
  EXPECT_NE(find(index, *IpAddress::parse("10.0.0.1")), nullptr);
  EXPECT_EQ(find(index, *IpAddress::parse("a00:1::")), nullptr) << "the same bytes";
  addresses.add(prefix("a00::/16"));
  index = addresses.index();
  EXPECT_EQ(find(index, *IpAddress::parse("a00:1::")), addresses.entries.at(prefix("a00::/16")).get());
  check_edges(addresses);
}

TEST(AddressIndex, CoversEverythingFromTheFirstAddressToTheLast) {
  Addresses addresses;
  for (const char* text : {"0.0.0.0/0", "::/0", "0.0.0.0/32", "255.255.255.255/32", "128.0.0.0/1", "::/128",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "8000::/1"})
    addresses.add(prefix(text));
  check_edges(addresses);
}

TEST(AddressIndex, AgreesWithASlowLongestPrefixMatch) {
  std::mt19937 random(3);
  for (unsigned round = 0; round < 60; ++round) {
    Addresses addresses;
    // Few bits differ, so that prefixes nest and touch.
    const auto any_address = [&](bool v4) {
      IpAddress address = v4 ? IpAddress::v4(10, 0, 0, 0) : *IpAddress::parse("fd00::");
      const std::size_t size = address.bits() / 8;
      for (std::size_t i = 0; i < size; ++i)
        if (random() % 3 == 0) address.bytes[i] = static_cast<std::uint8_t>(random() % 4 == 0 ? 0xff : random() % 3);
      return address;
    };
    const auto count = static_cast<unsigned>(1 + random() % 200);
    for (unsigned i = 0; i < count; ++i) {
      const IpAddress address = any_address(random() % 2 == 0);
      const auto length = static_cast<std::uint8_t>(random() % (address.bits() + 1));
      addresses.add(IpPrefix{address, length}.network());
    }
    check_edges(addresses);
    const AddressIndex index = addresses.index();
    for (unsigned i = 0; i < 500; ++i) {
      const IpAddress address = any_address(random() % 2 == 0);
      ASSERT_EQ(find(index, address), addresses.longest(address)) << address.to_string();
    }
  }
}

// --- decisions ---

constexpr std::uint8_t tcp = 6, udp = 17, icmp = 1;

class Decisions : public testing::Test {
 protected:
  void rule(std::uint32_t number, std::uint32_t rank, abi::RuleAction action = abi::RuleAction::allow) {
    if (image.rules.size() <= number) image.rules.resize(number + 1);
    image.rules[number] = {.rank = rank, .action = action};
  }
  void service(std::uint32_t number, std::vector<abi::PortRange> ranges) {
    if (image.services.size() <= number) image.services.resize(number + 1);
    image.services[number].count = static_cast<std::uint32_t>(ranges.size());
    std::copy(ranges.begin(), ranges.end(), image.services[number].ranges.begin());
  }
  void row(std::uint32_t source_class, SourceRow entries) {
    image.rows[source_class].store(new SourceRow(std::move(entries)));
  }
  void destination(std::uint32_t number, DestinationServices services) {
    image.destinations[number].store(new DestinationServices(std::move(services)));
  }
  [[nodiscard]] PolicyDecision decide(std::uint32_t source, std::uint32_t address, std::uint32_t peer = 0,
                                      std::uint8_t protocol = tcp, std::uint16_t port = 80) const {
    return image.decide(source, address, peer, protocol, port);
  }

  static constexpr abi::PortRange web{.protocol = tcp, .first = 80, .last = 80};
  static constexpr abi::PortRange everything{.protocol = abi::any_protocol, .first = 0, .last = 65535};
  PolicyImage image{abi::BeginPolicy{.image = 1}, 16, 8};
};

TEST_F(Decisions, DenyWhereNothingIsSaid) {
  rule(1, 1);
  service(1, {web});
  EXPECT_FALSE(decide(0, 0).allowed) << "nobody";
  EXPECT_FALSE(decide(5, 0).allowed) << "a class without a row";
  EXPECT_FALSE(decide(0xffffffff, 0).allowed) << "a class beyond all classes";
  row(1, {});
  EXPECT_FALSE(decide(1, 0).allowed) << "an empty row";
  row(2, {{.service = 1, .rule = 1, .audit_rule = 0}});
  for (const std::uint32_t unknown : {0U, 3U, 7U, 8U, 0xffffffffU}) EXPECT_FALSE(decide(2, unknown).allowed) << unknown;
  destination(1, {});
  EXPECT_FALSE(decide(2, 1).allowed) << "a destination of no service";
  EXPECT_EQ(decide(2, 1).rule, 0U);
}

TEST_F(Decisions, AllowAServiceOnItsPorts) {
  rule(1, 1);
  service(1, {web, {.protocol = udp, .first = 1000, .last = 2000}, {.protocol = icmp, .first = 0, .last = 65535}});
  row(1, {{.service = 1, .rule = 1, .audit_rule = 0}});
  destination(3, {1});
  EXPECT_TRUE(decide(1, 3).allowed);
  EXPECT_EQ(decide(1, 3).rule, 1U);
  EXPECT_FALSE(decide(1, 3, 0, tcp, 81).allowed);
  EXPECT_FALSE(decide(1, 3, 0, udp, 80).allowed);
  EXPECT_FALSE(decide(1, 3, 0, udp, 999).allowed);
  EXPECT_TRUE(decide(1, 3, 0, udp, 1000).allowed);
  EXPECT_TRUE(decide(1, 3, 0, udp, 2000).allowed);
  EXPECT_FALSE(decide(1, 3, 0, udp, 2001).allowed);
  EXPECT_TRUE(decide(1, 3, 0, icmp, 0).allowed) << "a protocol without ports";
  EXPECT_FALSE(decide(1, 3, 0, 47, 0).allowed);
}

TEST_F(Decisions, TheLowestRankDecidesWhateverItsNumberAndPlace) {
  rule(1, 30);
  rule(2, 20, abi::RuleAction::deny);
  rule(3, 10);
  for (const std::uint32_t number : {1U, 2U, 3U}) service(number, {everything});
  row(1, {{.service = 1, .rule = 1, .audit_rule = 0},
          {.service = 2, .rule = 2, .audit_rule = 0},
          {.service = 3, .rule = 3, .audit_rule = 0}});
  destination(1, {1});
  destination(2, {1, 2});
  destination(3, {1, 2, 3});
  EXPECT_EQ(decide(1, 1).rule, 1U);
  EXPECT_EQ(decide(1, 2).rule, 2U);
  EXPECT_FALSE(decide(1, 2).allowed);
  EXPECT_EQ(decide(1, 3).rule, 3U);
  EXPECT_TRUE(decide(1, 3).allowed);
  service(3, {web});
  EXPECT_EQ(decide(1, 3, 0, tcp, 81).rule, 2U) << "a service that does not match the port does not count";
}

TEST_F(Decisions, TheClassesOfTheAddressAndOfThePeerCountTogether) {
  rule(1, 1, abi::RuleAction::deny);
  rule(2, 2);
  service(1, {everything});
  service(2, {everything});
  row(1, {{.service = 1, .rule = 1, .audit_rule = 0}, {.service = 2, .rule = 2, .audit_rule = 0}});
  destination(1, {1});
  destination(2, {2});
  EXPECT_TRUE(decide(1, 2, 0).allowed);
  EXPECT_TRUE(decide(1, 0, 2).allowed);
  EXPECT_FALSE(decide(1, 2, 1).allowed);
  EXPECT_FALSE(decide(1, 1, 2).allowed);
  EXPECT_TRUE(decide(1, 2, 2).allowed) << "the same class twice";
}

TEST_F(Decisions, AnyServiceCoversEveryDestinationAndPort) {
  rule(1, 5);
  rule(2, 1, abi::RuleAction::deny);
  service(7, {web});
  row(1, {{.service = 7, .rule = 2, .audit_rule = 0}, {.service = abi::any_service, .rule = 1, .audit_rule = 0}});
  destination(1, {7});
  EXPECT_TRUE(decide(1, 0).allowed) << "a destination without a class";
  EXPECT_TRUE(decide(1, 1, 0, 200, 0).allowed);
  EXPECT_FALSE(decide(1, 1).allowed) << "the rule of the service stands first";
}

TEST_F(Decisions, AnAuditMarkCountsOnlyBeforeTheRuleThatAllows) {
  rule(1, 10);
  rule(2, 5, abi::RuleAction::audit);
  rule(3, 15, abi::RuleAction::audit);
  rule(4, 1, abi::RuleAction::deny);
  for (const std::uint32_t number : {1U, 2U, 3U, 4U}) service(number, {everything});
  row(1, {{.service = 1, .rule = 1, .audit_rule = 2}});
  row(2, {{.service = 1, .rule = 1, .audit_rule = 3}});
  row(3, {{.service = 1, .rule = 0, .audit_rule = 2}});
  row(4, {{.service = 1, .rule = 1, .audit_rule = 2}, {.service = 4, .rule = 4, .audit_rule = 0}});
  destination(1, {1});
  destination(2, {1, 4});
  EXPECT_TRUE(decide(1, 1).allowed);
  EXPECT_EQ(decide(1, 1).audit_rule, 2U);
  EXPECT_EQ(decide(2, 1).audit_rule, 0U) << "it stands behind the rule that allows";
  EXPECT_FALSE(decide(3, 1).allowed) << "an audit rule allows nothing";
  EXPECT_EQ(decide(3, 1).audit_rule, 0U) << "what is denied anyway is not marked";
  EXPECT_FALSE(decide(4, 2).allowed);
  EXPECT_EQ(decide(4, 2).audit_rule, 0U);
}

// Rows and lists are checked one by one when they come in; what they name may not be there.
TEST_F(Decisions, NumbersWithoutARuleOrServiceDecideNothing) {
  rule(5, 1);
  service(2, {everything});
  row(1, {{.service = 2, .rule = 4, .audit_rule = 3}});
  row(2, {{.service = 2, .rule = abi::max_rules - 1, .audit_rule = 0}});
  row(3, {{.service = abi::max_services - 1, .rule = 5, .audit_rule = 0}});
  row(4, {{.service = 1, .rule = 5, .audit_rule = 0}});
  destination(1, {1, 2, abi::max_services - 1});
  for (const std::uint32_t source_class : {1U, 2U, 3U, 4U})
    EXPECT_FALSE(decide(source_class, 1).allowed) << source_class;
  rule(6, 2, abi::RuleAction::audit);
  row(5, {{.service = 2, .rule = 6, .audit_rule = 0}});
  EXPECT_FALSE(decide(5, 1).allowed) << "an audit rule where one that decides belongs";
}

TEST_F(Decisions, AgreeWithASlowReadingOfTheRow) {
  std::mt19937 random(4);
  constexpr std::uint32_t services = 40, rules = 60;
  for (std::uint32_t number = 1; number < rules; ++number)
    rule(number, (number * 37) % 61, static_cast<abi::RuleAction>(random() % 2));
  for (std::uint32_t number = 1; number < services; ++number) {
    std::vector<abi::PortRange> ranges;
    for (unsigned i = 0; i < random() % 4; ++i) {
      const auto first = static_cast<std::uint16_t>(random() % 10);
      ranges.push_back({.protocol = static_cast<std::uint16_t>(random() % 2 == 0 ? tcp : abi::any_protocol),
                        .first = first,
                        .last = static_cast<std::uint16_t>(first + random() % 5)});
    }
    service(number, ranges);
  }
  for (unsigned round = 0; round < 2'000; ++round) {
    SourceRow entries;
    std::array<DestinationServices, 2> lists;
    for (std::uint32_t number = 1; number < services; ++number) {
      if (random() % 3 == 0)
        entries.push_back({.service = number, .rule = static_cast<std::uint32_t>(random() % rules), .audit_rule = 0});
      for (auto& list : lists)
        if (random() % 4 == 0) list.push_back(number);
    }
    if (random() % 4 == 0) entries.push_back({.service = abi::any_service, .rule = 3, .audit_rule = 0});
    const auto port = static_cast<std::uint16_t>(random() % 14);
    std::uint32_t best_rank = abi::no_rank, best = 0;
    for (const abi::RowEntry& entry : entries) {
      const bool covers =
          entry.service == abi::any_service || (image.services[entry.service].match(tcp, port) &&
                                                (std::count(lists[0].begin(), lists[0].end(), entry.service) +
                                                 std::count(lists[1].begin(), lists[1].end(), entry.service)) != 0);
      if (!covers || entry.rule == 0 || image.rules[entry.rule].rank >= best_rank) continue;
      best_rank = image.rules[entry.rule].rank;
      best = entry.rule;
    }
    PolicyImage fresh{abi::BeginPolicy{.image = 2}, 1, 8};
    fresh.rules = image.rules;
    fresh.services = image.services;
    fresh.rows[1].store(new SourceRow(entries));
    fresh.destinations[1].store(new DestinationServices(lists[0]));
    fresh.destinations[2].store(new DestinationServices(lists[1]));
    const PolicyDecision decision = fresh.decide(1, 1, 2, tcp, port);
    ASSERT_EQ(decision.rule, best) << round;
    ASSERT_EQ(decision.allowed, best != 0 && image.rules[best].action == abi::RuleAction::allow);
  }
}

}  // namespace
}  // namespace sallyport::dataplane::policy_image_test
