#include "policy/words.hpp"

namespace sallyport::config {
namespace {

using policy::Action, policy::Comparison, policy::IssuerType, policy::Log, policy::Refusal;

constexpr Word<Action> actions[] = {{"allow", Action::allow}, {"deny", Action::deny}, {"audit", Action::audit}};
constexpr Word<Log> logs[] = {{"none", Log::none}, {"denied", Log::denied}, {"all", Log::all}};
constexpr Word<Refusal> refusals[] = {{"drop", Refusal::drop}, {"reject", Refusal::reject}};
constexpr Word<IssuerType> issuer_types[] = {{"oidc", IssuerType::oidc},
                                             {"kubernetes", IssuerType::kubernetes},
                                             {"spiffe-jwt", IssuerType::spiffe_jwt},
                                             {"spiffe-x509", IssuerType::spiffe_x509}};
constexpr Word<Comparison> comparisons[] = {{"==", Comparison::equal},      {"!=", Comparison::not_equal},
                                            {"<=", Comparison::less_equal}, {">=", Comparison::greater_equal},
                                            {"<", Comparison::less},        {">", Comparison::greater}};

}  // namespace

template <>
std::span<const Word<Action>> words_of() {
  return actions;
}
template <>
std::span<const Word<Log>> words_of() {
  return logs;
}
template <>
std::span<const Word<Refusal>> words_of() {
  return refusals;
}
template <>
std::span<const Word<IssuerType>> words_of() {
  return issuer_types;
}
template <>
std::span<const Word<Comparison>> words_of() {
  return comparisons;
}

}  // namespace sallyport::config

namespace sallyport::policy {
namespace {

template <typename Enum>
std::string_view word_of(Enum value) {
  for (const auto& word : config::words_of<Enum>())
    if (word.value == value) return word.text;
  return "unknown";
}

}  // namespace

std::string_view to_string(Action action) {
  return word_of(action);
}
std::string_view to_string(Log log) {
  return word_of(log);
}
std::string_view to_string(IssuerType type) {
  return word_of(type);
}
std::string_view to_string(Comparison comparison) {
  return word_of(comparison);
}

}  // namespace sallyport::policy
