#include "policy/describe.hpp"

#include <array>
#include <ctime>
#include <utility>

#include "policy/ports.hpp"
#include "policy/protocols.hpp"

namespace sallyport::policy {

std::string file_and_line(const Location& location) {
  const std::string file = location.file ? *location.file : "policy";
  return location.line == 0 ? file : file + ':' + std::to_string(location.line);
}

std::string rule_words(const Rule& rule) {
  return "rule " + rule.name + " (" + file_and_line(rule.location) + ')';
}

std::string service_words(const Service& service) {
  return "service " + service.name + " (" + file_and_line(service.location) + ')';
}

std::string port_words(std::uint8_t protocol, std::uint16_t port) {
  if (!counts_ports(protocol)) return to_string(abi::PortRange{protocol, 0, 0xffff});
  return to_string(abi::PortRange{protocol, port, port});
}

std::string time_words(TimePoint at) {
  const std::time_t seconds = at.time_since_epoch().count();
  std::tm parts{};
  char text[40];
  if (gmtime_r(&seconds, &parts) == nullptr) return "an unknown time";
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string duration_words(std::chrono::seconds duration) {
  constexpr std::array<std::pair<long, char>, 4> units{{{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
  std::string words;
  auto left = duration.count();
  for (const auto& [seconds, unit] : units) {
    if (left >= seconds) words += std::to_string(left / seconds) + unit;
    left %= seconds;
  }
  return words.empty() ? "0s" : words;
}

std::string decision_words(const Decision& decision) {
  if (decision.draining) return "denied: the destination is draining";
  if (decision.rule == nullptr) return "denied: no rule allows it";
  return std::string(decision.allowed ? "allowed" : "denied") + " by rule '" + decision.rule->name + "' (" +
         file_and_line(decision.rule->location) + ')';
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string result;
  for (const std::string& word : words) result += (result.empty() ? "" : separator) + word;
  return result;
}

}  // namespace sallyport::policy
