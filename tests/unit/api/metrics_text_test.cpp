#include "controlplane/api/metrics_text.hpp"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "controlplane/api/exposition.hpp"
#include "tests/unit/api/ask.hpp"
#include "tests/unit/api/series.hpp"

namespace sallyport::controlplane::metrics_text_test {
namespace {

TEST(MetricsText, HasEveryCounterOfEveryPort) {
  FakeBackend backend;
  backend.count(1, 0, index_of(abi::Counter::received), 12);
  backend.count(2, 1, index_of(abi::DropReason::no_route), 3);
  backend.named_counters = {{"handshakes refused", "why \\ not\n", 4}};
  backend.newest_reload = LastReload{.succeeded = false, .at_ns = FakeBackend::now_ns};
  const auto series = series_of(metrics_text(backend, test_time));
  EXPECT_EQ(series.at("sallyport_received_packets_total{port=\"wan\"}"), "12");
  EXPECT_EQ(series.at("sallyport_dropped_packets_total{port=\"lan\",reason=\"no_route\"}"), "3");
  EXPECT_EQ(series.at("sallyport_controlplane_handshakes_refused_total"), "4");
  EXPECT_EQ(series.at("sallyport_last_reload_successful"), "0");
  EXPECT_EQ(series.at("sallyport_last_reload_timestamp_seconds"), "1700000000.000000");
  EXPECT_EQ(series.at("sallyport_buffers_in_use"), "1024");
  for (const abi::CounterInfo& info : abi::counter_infos) {
    const std::string name(info.name);
    const std::string sample =
        info.kind == abi::CounterKind::drop ? "sallyport_dropped_packets_total{port=\"(none)\",reason=\"" + name + "\"}"
        : info.kind == abi::CounterKind::flow ? "sallyport_" + name + "_packets_total{port=\"(none)\"}"
                                              : "sallyport_" + name + "_total{port=\"(none)\"}";
    EXPECT_TRUE(series.contains(sample)) << sample;
  }
}

TEST(MetricsText, IsWellFormedWithHelpAndTypeBeforeEachFamily) {
  FakeBackend backend;
  backend.config.gateway.name = "a\"b\\c\nd";
  for (const bool connected : {true, false}) {
    backend.connected = connected;
    std::istringstream lines(metrics_text(backend, test_time));
    const std::regex sample(R"re(([a-zA-Z_][a-zA-Z0-9_]*)(\{([a-z_]+="([^"\\\n]|\\.)*",?)+\})? [-+0-9.e]+)re");
    std::string family;
    std::set<std::string> families;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# HELP ")) {
        family = line.substr(7, line.find(' ', 7) - 7);
        EXPECT_TRUE(families.insert(family).second) << "twice: " << family;
      } else if (line.starts_with("# TYPE ")) {
        EXPECT_TRUE(line == "# TYPE " + family + " counter" || line == "# TYPE " + family + " gauge") << line;
      } else {
        std::smatch match;
        ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
        EXPECT_EQ(match[1], family);
      }
    }
    EXPECT_GT(families.size(), connected ? 50U : 9U);
  }
}

TEST(MetricsText, CountsByRuleAsFarAsThereIsABound) {
  FakeBackend backend;
  const auto series = series_of(metrics_text(backend, test_time));
  EXPECT_EQ(series.at("sallyport_rule_allowed_packets_total{rule=\"ann-db\"}"), "12");
  EXPECT_EQ(series.at("sallyport_rule_allowed_bytes_total{rule=\"ann-db\"}"), "1500000");
  EXPECT_EQ(series.at("sallyport_rule_limited_packets_total{rule=\"ann-db\"}"), "1");
  EXPECT_EQ(series.at("sallyport_rule_denied_packets_total{rule=\"(none)\"}"), "7");
  EXPECT_EQ(series.at("sallyport_policy_generation"), "1");
  EXPECT_EQ(series.at("sallyport_policy_rules"), "3");
  EXPECT_EQ(series.at("sallyport_live_flows"), "3");
  EXPECT_EQ(series.at("sallyport_max_flows"), "1024");
  const policy::Rule pattern = backend.policy_in_force->rules[0];
  for (unsigned i = 0; i < 20'000; ++i) {
    backend.policy_in_force->rules.push_back(pattern);
    backend.policy_in_force->rules.back().name = "rule" + std::to_string(i);
  }
  const std::string text = metrics_text(backend, test_time);
  EXPECT_NE(text.find("{rule=\"rule9996\"}"), std::string::npos);
  EXPECT_EQ(text.find("{rule=\"rule9997\"}"), std::string::npos);
  EXPECT_NE(text.find("sallyport_policy_rules 20003\n"), std::string::npos);
}

TEST(MetricsText, NeverNamesASeriesTwice) {
  FakeBackend backend;
  auto port = *backend.statistics()->port(0);
  backend.write_port(1, port);  // two ports called wan: the first one counts
  backend.named_counters = {{"a-b", "", 1}, {"a_b", "", 2}};
  EXPECT_FALSE(series_of(metrics_text(backend, test_time)).empty());
}

TEST(MetricsText, Escapes) {
  EXPECT_EQ(escaped_label("a\"b\\c\nd\x01"), "a\\\"b\\\\c\\nd?");
  EXPECT_EQ(escaped_help("a\"b\\c\nd"), "a\"b\\\\c\\nd");
  EXPECT_EQ(metric_name("a b-c"), "a_b_c");
}

}  // namespace
}  // namespace sallyport::controlplane::metrics_text_test
