// Bytes as two policy files, cut at the first zero byte: either the same policy whenever it is parsed, or the same
// errors, each on one line.
#include <cstdint>
#include <string>
#include <string_view>

#include "config/base/check.hpp"
#include "policy/load.hpp"

namespace {

using namespace sallyport::policy;

constexpr TimePoint now = std::chrono::sys_days{std::chrono::year{2026} / 6 / 1};

void check_line(const std::string& line) {
  SP_CHECK(!line.empty());
  for (const char c : line) SP_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void append(std::string& text, const std::string& field) {
  text += field + '\n';
}

std::string text_of(const Rule& rule) {
  std::string text = rule.name;
  for (const Selector& from : rule.from) append(text, from.text + ' ' + from.location.to_string());
  for (const std::string& to : rule.to) append(text, to);
  for (const Hours& hours : rule.hours) append(text, hours.text);
  for (const std::string& posture : rule.posture) append(text, posture);
  append(text, std::to_string(static_cast<int>(rule.action)) + ' ' + std::to_string(rule.priority));
  append(text, std::to_string(rule.rate_bits_per_s));
  return text;
}

std::string text_of(const Policy& policy) {
  std::string text = policy.etag;
  for (const Rule& rule : policy.rules) append(text, text_of(rule));
  for (const Service& service : policy.services) append(text, service.name + std::to_string(service.ports.size()));
  for (const Group& group : policy.groups) append(text, group.name);
  for (const Test& test : policy.tests) append(text, test.source);
  for (const std::string& warning : policy.warnings) append(text, warning);
  return text;
}

// What load.hpp promises of every policy that it returns.
void check_policy(const Policy& policy) {
  for (const std::string& warning : policy.warnings) check_line(warning);
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const Rule& rule = policy.rules[i];
    SP_CHECK(policy.find_rule(rule.name) == &rule);
    SP_CHECK(i == 0 || policy.rules[i - 1].priority <= rule.priority);
    SP_CHECK(rule.to_any == rule.to.empty());
    for (const std::string& to : rule.to) SP_CHECK(policy.find_service(to) != nullptr);
    for (const std::string& posture : rule.posture) SP_CHECK(policy.find_posture(posture) != nullptr);
    for (const Selector& from : rule.from) {
      SP_CHECK(from.kind != SelectorKind::group);
      SP_CHECK(rule.action == Action::allow || from.kind != SelectorKind::claim);
    }
    for (const Hours& hours : rule.hours) {
      const auto next = hours.next_change(now);
      SP_CHECK(!next || (*next > now && hours.contains(*next) != hours.contains(now)));
    }
  }
  for (const Service& service : policy.services) {
    SP_CHECK(!service.ports.empty() && service.ports.size() <= sallyport::abi::max_service_ports);
    for (const Selector& identity : service.identities) SP_CHECK(identity.kind != SelectorKind::group);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cut = text.find('\0');
  Bundle bundle{{{"policy/a.toml", std::string(text.substr(0, cut))}}};
  if (cut != std::string_view::npos) bundle.files.push_back({"policy/b.toml", std::string(text.substr(cut + 1))});
  SP_CHECK(bundle.etag() == bundle.etag());
  const auto policy = parse(bundle, now), again = parse(bundle, now);
  SP_CHECK(policy.has_value() == again.has_value());
  if (policy) {
    check_policy(*policy);
    SP_CHECK(text_of(*policy) == text_of(*again));
    return 0;
  }
  SP_CHECK(!policy.error().empty() && policy.error().size() == again.error().size());
  for (std::size_t i = 0; i < policy.error().size(); ++i) {
    check_line(to_string(policy.error()[i]));
    SP_CHECK(to_string(policy.error()[i]) == to_string(again.error()[i]));
  }
  return 0;
}
