#include "dataplane/io/eal_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sallyport::dataplane::eal_plan_test {
namespace {

constexpr std::uint64_t mib = 1024 * 1024;

Machine four_cores() {
  return {.allowed_cpus = {0, 1, 2, 3},
          .cpu_count = 4,
          .free_huge_page_bytes = 4096 * mib,
          .total_huge_page_bytes = 4096 * mib,
          .smallest_huge_page_bytes = 2 * mib,
          .memory_bytes = 16384 * mib,
          .available_memory_bytes = 8192 * mib};
}

config::Dataplane small(std::vector<std::uint16_t> workers = {1}) {
  config::Dataplane dataplane;
  dataplane.workers = std::move(workers);
  dataplane.max_sessions = dataplane.max_peers = 1024;
  return dataplane;
}

config::Port port(std::string name, std::string device) {
  config::Port made;
  made.name = std::move(name);
  made.device = std::move(device);
  return made;
}

tl::expected<EalPlan, std::string> plan_for(const config::Dataplane& dataplane, const std::vector<config::Port>& ports,
                                            const Machine& machine = four_cores()) {
  return plan_eal(dataplane, ports, compute_memory(dataplane, ports), machine);
}

bool has(const EalPlan& plan, std::string_view argument) {
  return std::find(plan.arguments.begin(), plan.arguments.end(), argument) != plan.arguments.end();
}

TEST(EalPlan, PinsWorkersAndLeavesTheOtherCoresToHousekeeping) {
  const auto plan = plan_for(small({3, 1}), {port("a", "net_null0")});
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_TRUE(has(*plan, "--lcores=0@(0,2),1@3,2@1"));
  EXPECT_EQ(lcore_of_worker(1), 2U);
}

TEST(EalPlan, LetsHousekeepingShareWhenWorkersTakeEveryCore) {
  const auto plan = plan_for(small({0, 1, 2, 3}), {});
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_TRUE(has(*plan, "--lcores=0@(0-3),1@0,2@1,3@2,4@3"));
}

TEST(EalPlan, RefusesACoreThatDoesNotExistOrIsNotAllowed) {
  const auto missing = plan_for(small({4}), {});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("core 4 does not exist: this machine has cores 0-3"), std::string::npos);

  Machine confined = four_cores();
  confined.allowed_cpus = {0, 2, 3};
  const auto forbidden = plan_for(small({1}), {}, confined);
  ASSERT_FALSE(forbidden);
  EXPECT_NE(forbidden.error().find("confined to cores 0,2-3"), std::string::npos);
}

TEST(EalPlan, NamesEverythingAtOnceThatTheMachineLacks) {
  config::Dataplane dataplane = small({1, 4, 9});
  dataplane.hugepages = config::HugePages::require;
  Machine machine = four_cores();
  machine.free_huge_page_bytes = 0;
  const auto need = compute_memory(dataplane, {});
  const auto missing = shortcomings(dataplane, need, machine);
  ASSERT_EQ(missing.size(), 3U);
  EXPECT_NE(missing[0].find("core 4 does not exist"), std::string::npos);
  EXPECT_NE(missing[1].find("core 9 does not exist"), std::string::npos);
  EXPECT_NE(missing[2].find("hugepages = \"require\": 0 MiB of free huge pages"), std::string::npos);
  EXPECT_EQ(missing[2].find('\n'), std::string::npos) << "one line each";
  dataplane = small({1});
  EXPECT_TRUE(shortcomings(dataplane, need, four_cores()).empty());
}

TEST(EalPlan, UsesHugePagesWhereThereAreEnough) {
  const auto plan = plan_for(small(), {port("a", "net_null0")});
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_TRUE(plan->huge_pages);
  EXPECT_TRUE(has(*plan, "--in-memory"));
  EXPECT_FALSE(has(*plan, "--no-huge"));
  EXPECT_TRUE(plan->remarks.empty());
  const auto memory = std::find(plan->arguments.begin(), plan->arguments.end(), "-m");
  ASSERT_NE(memory, plan->arguments.end());
  EXPECT_EQ(*(memory + 1), std::to_string(plan->memory_mb));
}

TEST(EalPlan, DoesWithoutHugePagesAndSaysSo) {
  Machine machine = four_cores();
  machine.free_huge_page_bytes = 0;
  const auto plan = plan_for(small(), {port("a", "net_null0")}, machine);
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_FALSE(plan->huge_pages);
  EXPECT_TRUE(has(*plan, "--no-huge") && has(*plan, "--no-shconf"));
  EXPECT_FALSE(has(*plan, "--in-memory"));
  ASSERT_EQ(plan->remarks.size(), 1U);
  EXPECT_NE(plan->remarks[0].find("nr_hugepages"), std::string::npos);
}

TEST(EalPlan, NeverTouchesHugePagesWhenToldSo) {
  config::Dataplane dataplane = small();
  dataplane.hugepages = config::HugePages::never;
  const auto plan = plan_for(dataplane, {});
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_TRUE(has(*plan, "--no-huge"));
  EXPECT_TRUE(plan->remarks.empty());
}

TEST(EalPlan, ExplainsHowToConfigureRequiredHugePages) {
  config::Dataplane dataplane = small();
  dataplane.hugepages = config::HugePages::require;
  Machine machine = four_cores();
  machine.total_huge_page_bytes = machine.free_huge_page_bytes = 32 * mib;
  const auto plan = plan_for(dataplane, {}, machine);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().find("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"), std::string::npos);
  EXPECT_NE(plan.error().find("packet buffers"), std::string::npos) << "the breakdown belongs to the error";
}

TEST(EalPlan, RefusesMoreThanTheMachineHas) {
  Machine machine = four_cores();
  machine.free_huge_page_bytes = 0;
  machine.memory_bytes = 32 * mib;
  EXPECT_FALSE(plan_for(small(), {}, machine));
  machine.memory_bytes = 16384 * mib;
  machine.available_memory_bytes = 16 * mib;
  const auto plan = plan_for(small(), {}, machine);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->remarks.size(), 2U);
}

TEST(EalPlan, RefusesMemoryBelowTheNeed) {
  config::Dataplane dataplane = small();
  dataplane.memory_mb = 32;
  const auto plan = plan_for(dataplane, {});
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().find("memory_mb = 32"), std::string::npos);
}

TEST(EalPlan, AllowsOnlyTheConfiguredPciDevices) {
  const auto plan =
      plan_for(small(), {port("wan", "3b:00.0"), port("bond", "net_bonding0,mode=4,slave=5e:00.0,slave=5e:00.1")});
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_TRUE(has(*plan, "--allow=0000:3b:00.0"));
  EXPECT_TRUE(has(*plan, "--allow=0000:5e:00.0"));
  EXPECT_TRUE(has(*plan, "--allow=0000:5e:00.1"));
  EXPECT_TRUE(has(*plan, "--vdev=net_bonding0,mode=4,slave=5e:00.0,slave=5e:00.1"));
  EXPECT_FALSE(has(*plan, "--no-pci"));
}

TEST(EalPlan, LeavesPciAloneWhenNoPortNeedsIt) {
  config::Dataplane dataplane = small();
  const auto plan = plan_for(dataplane, {port("a", "net_tap0")});
  ASSERT_TRUE(plan);
  EXPECT_TRUE(has(*plan, "--no-pci"));
  dataplane.eal_args = {"-a", "0000:01:00.0"};
  const auto with_own = plan_for(dataplane, {port("a", "net_tap0")});
  ASSERT_TRUE(with_own);
  EXPECT_FALSE(has(*with_own, "--no-pci"));
}

TEST(EalPlan, NamesADeviceOnceHoweverManyPortsShareIt) {
  const auto plan = plan_for(small(), {port("a", "net_tap0,iface=x"), port("b", "net_tap0,iface=x")});
  ASSERT_TRUE(plan);
  EXPECT_EQ(std::count(plan->arguments.begin(), plan->arguments.end(), "--vdev=net_tap0,iface=x"), 1);
  const auto contradiction = plan_for(small(), {port("a", "net_tap0,iface=x"), port("b", "net_tap0,iface=y")});
  ASSERT_FALSE(contradiction);
  EXPECT_NE(contradiction.error().find("[[port]] b"), std::string::npos);
}

TEST(EalPlan, PutsTheOperatorsArgumentsLast) {
  config::Dataplane dataplane = small();
  dataplane.eal_args = {"--log-level=debug", "--iova-mode=va"};
  const auto plan = plan_for(dataplane, {port("a", "net_null0")});
  ASSERT_TRUE(plan);
  ASSERT_GE(plan->arguments.size(), 2U);
  EXPECT_EQ(plan->arguments[plan->arguments.size() - 2], "--log-level=debug");
  EXPECT_EQ(plan->arguments.back(), "--iova-mode=va");
}

TEST(EalPlan, PrefixesFilesByTheGatewaysSocket) {
  config::Dataplane one = small();
  config::Dataplane other = small();
  other.socket = "/run/other.sock";
  const auto prefix = [](const EalPlan& plan) {
    return *std::find_if(plan.arguments.begin(), plan.arguments.end(),
                         [](const std::string& argument) { return argument.starts_with("--file-prefix="); });
  };
  EXPECT_EQ(prefix(*plan_for(one, {})), prefix(*plan_for(one, {})));
  EXPECT_NE(prefix(*plan_for(one, {})), prefix(*plan_for(other, {})));
}

}  // namespace
}  // namespace sallyport::dataplane::eal_plan_test
