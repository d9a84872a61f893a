#include "controlplane/flows/flow_records.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sallyport::controlplane::flow_records_test {
namespace {

using namespace std::chrono_literals;

abi::FlowRecord flow() {
  abi::FlowRecord record{};
  record.source = *IpAddress::parse("10.8.0.2");
  record.destination = *IpAddress::parse("10.20.0.7");
  record.protocol = 6;
  record.source_port = 40000;
  record.destination_port = 8080;
  record.source_peer = 3;
  record.destination_peer = abi::no_peer;
  record.session_index = 0x1234;
  record.rule = 9;
  record.generation = 12;
  record.allowed = 1;
  record.end = abi::FlowEnd::closed;
  record.started_at_ns = 1'000'000'000;
  record.last_seen_at_ns = 3'250'000'000;
  record.packets = {10, 8};
  record.bytes = {1000, 800};
  return record;
}

FlowReport report() {
  FlowReport made;
  made.flow = flow();
  made.identity = "user:corp/ann@example.com";
  made.peer = "ann-laptop";
  made.rule = "sre-db";
  made.rule_location = "policy.toml:12";
  made.clock_offset = std::chrono::nanoseconds(1'700'000'000'000'000'000);
  return made;
}

class FlowRecordsTest : public ::testing::Test {
 protected:
  FlowRecordsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-flows-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    settings.file = folder / "flows.jsonl";
  }
  ~FlowRecordsTest() override { std::filesystem::remove_all(folder); }

  static std::vector<std::string> lines_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
  }

  std::filesystem::path folder;
  config::FlowRecords settings;
};

TEST_F(FlowRecordsTest, ALineSaysWhoReachedWhatByWhichRule) {
  const auto line = nlohmann::json::parse(flow_record_line(report()));
  EXPECT_EQ(line["start"], "2023-11-14T22:13:21.000Z");
  EXPECT_EQ(line["end"], "2023-11-14T22:13:23.250Z");
  EXPECT_EQ(line["identity"], "user:corp/ann@example.com");
  EXPECT_EQ(line["peer"], "ann-laptop");
  EXPECT_TRUE(line["destination_peer"].is_null());
  EXPECT_EQ(line["session"], "0x1234");
  EXPECT_EQ(line["destination_port"], 8080);
  EXPECT_EQ(line["protocol"], "tcp");
  EXPECT_EQ(line["bytes_back"], 800);
  EXPECT_EQ(line["rule_location"], "policy.toml:12");
  EXPECT_EQ(line["generation"], 12);
  EXPECT_EQ(line["verdict"], "allow");
  EXPECT_TRUE(line["audit"].is_null());
  EXPECT_EQ(line["reason"], "closed");
}

TEST_F(FlowRecordsTest, TimesThatCannotBeDoNoHarm) {
  FlowReport made = report();
  made.flow.started_at_ns = ~std::uint64_t{0};
  EXPECT_TRUE(nlohmann::json::accept(flow_record_line(made)));
}

TEST_F(FlowRecordsTest, WritesWhatItWasGivenAndAppendsToWhatIsThere) {
  { std::ofstream(settings.file) << "half a line of a process that was kil"; }
  {
    FlowRecords records(settings);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(records.record(report()));
  }
  const auto lines = lines_of(settings.file);
  ASSERT_EQ(lines.size(), 4U);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_TRUE(nlohmann::json::accept(lines[i]));
}

TEST_F(FlowRecordsTest, RotatesBetweenLinesAndKeepsSoManyFiles) {
  settings.rotate_mb = 1;
  settings.keep = 2;
  const std::size_t per_file = (std::size_t{1} << 20) / (flow_record_line(report()).size() + 1);
  {
    FlowRecords records(settings);
    for (std::size_t i = 0; i < 4 * per_file + 1; ++i) ASSERT_TRUE(records.record(report()));
    EXPECT_TRUE(eventually([&] { return records.status().written == 4 * per_file + 1; }));
  }
  EXPECT_EQ(lines_of(settings.file).size(), 1U);
  EXPECT_EQ(lines_of(settings.file.string() + ".1").size(), per_file);
  EXPECT_EQ(lines_of(settings.file.string() + ".2").size(), per_file);
  EXPECT_FALSE(std::filesystem::exists(settings.file.string() + ".3"));
  for (const std::string& line : lines_of(settings.file.string() + ".2")) ASSERT_TRUE(nlohmann::json::accept(line));
}

TEST_F(FlowRecordsTest, WaitsForAFolderThatIsNotThereAndSaysSo) {
  settings.file = folder / "later" / "flows.jsonl";
  EXPECT_TRUE(FlowRecords::check(settings));
  FlowRecords records(settings);
  EXPECT_TRUE(records.record(report()));
  ASSERT_TRUE(eventually([&] { return !records.status().failure.empty(); }));
  std::filesystem::create_directory(folder / "later");
  ASSERT_TRUE(eventually([&] { return records.status().written == 1; }));
  EXPECT_TRUE(records.status().failure.empty());
  EXPECT_FALSE(FlowRecords::check(settings));
}

TEST_F(FlowRecordsTest, WritesNothingToAFileThatIsNotOurs) {
  const std::filesystem::path other = folder / "other";
  { std::ofstream(other) << "precious\n"; }
  std::filesystem::create_symlink(other, settings.file);
  EXPECT_TRUE(FlowRecords::check(settings));
  std::filesystem::remove(settings.file);
  std::filesystem::create_hard_link(other, settings.file);
  EXPECT_TRUE(FlowRecords::check(settings));
  std::filesystem::remove(other);
  EXPECT_FALSE(FlowRecords::check(settings));
  if (geteuid() != 0) return;
  ASSERT_EQ(chown(settings.file.c_str(), 65534, static_cast<gid_t>(-1)), 0);
  EXPECT_TRUE(FlowRecords::check(settings));
}

TEST_F(FlowRecordsTest, CountsWhatTheQueueHasNoRoomFor) {
  settings.file = folder / "missing" / "flows.jsonl";
  FlowRecords records(settings);
  for (std::size_t i = 0; i < FlowRecords::queue_max + 1000; ++i) (void)records.record(report());
  EXPECT_GE(records.status().lost, 700U);
}

class FlowReportsTest : public ::testing::Test {
 protected:
  FlowReportsTest() {
    rule.name = "sre-db";
    rule.log = policy::Log::none;
  }
  template <typename Payload>
  bool raise(const Payload& payload) {
    return reports.on_event(abi::make_event(1, payload), {});
  }

  policy::Rule rule;
  std::vector<FlowReport> recorded;
  std::vector<abi::FlowShown> shown;
  FlowReports reports{{.peer_name = [](std::uint32_t id) { return "peer-" + std::to_string(id); },
                       .identity_of = [](std::uint32_t id) { return "id-" + std::to_string(id); },
                       .rule = [this](std::uint32_t number) { return number == 9 ? &rule : nullptr; },
                       .record = [this](FlowReport made) { recorded.push_back(std::move(made)); },
                       .shown = [this](const abi::FlowShown& one) { shown.push_back(one); },
                       .listing_ended = [](const abi::FlowListingEnded&) {}}};
};

TEST_F(FlowReportsTest, RecordFlowsThatEndedAndThoseThatWereDenied) {
  EXPECT_TRUE(raise(abi::FlowEnded{flow()}));
  abi::FlowRecord denied = flow();
  denied.allowed = 0;
  denied.rule = 0;
  EXPECT_TRUE(raise(abi::FlowDenied{denied, 3}));
  EXPECT_TRUE(raise(abi::FlowAllowed{flow()}));
  ASSERT_EQ(recorded.size(), 2U);
  EXPECT_EQ(recorded[0].identity, "id-3");
  EXPECT_EQ(recorded[0].rule, "sre-db");
  EXPECT_FALSE(recorded[0].denied);
  EXPECT_TRUE(recorded[1].denied);
  EXPECT_EQ(recorded[1].rule, "");
}

TEST_F(FlowReportsTest, SayThatTheDestinationTakesNoNewFlows) {
  abi::FlowRecord denied = flow();
  denied.allowed = 0;
  denied.rule = 0;
  denied.end = abi::FlowEnd::endpoint_draining;
  EXPECT_TRUE(raise(abi::FlowDenied{denied, 0}));
  ASSERT_EQ(recorded.size(), 1U);
  EXPECT_NE(flow_record_line(recorded[0]).find("\"verdict\":\"deny\""), std::string::npos);
  EXPECT_NE(flow_record_line(recorded[0]).find("\"reason\":\"endpoint_draining\""), std::string::npos);
  denied.end = static_cast<abi::FlowEnd>(static_cast<unsigned>(abi::FlowEnd::endpoint_draining) + 1);
  EXPECT_TRUE(raise(abi::FlowDenied{denied, 0}));
  EXPECT_EQ(recorded.size(), 1U);
}

TEST_F(FlowReportsTest, BelieveNothingThatCannotBe) {
  abi::FlowRecord bad = flow();
  bad.source.family = static_cast<IpFamily>(9);
  EXPECT_TRUE(raise(abi::FlowEnded{bad}));
  bad = flow();
  bad.destination = *IpAddress::parse("fd00::1");
  EXPECT_TRUE(raise(abi::FlowDenied{bad, 0}));
  bad = flow();
  bad.rule = abi::max_rules;
  EXPECT_TRUE(raise(abi::FlowShown{bad, 1, 0}));
  bad = flow();
  bad.end = static_cast<abi::FlowEnd>(77);
  EXPECT_TRUE(raise(abi::FlowEnded{bad}));
  EXPECT_TRUE(recorded.empty());
  EXPECT_TRUE(shown.empty());
  EXPECT_EQ(reports.counters().back().value, 4U);
  EXPECT_FALSE(raise(abi::SessionWanted{1})) << "not an event about flows";
}

}  // namespace
}  // namespace sallyport::controlplane::flow_records_test
