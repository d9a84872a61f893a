// The words of a policy for each enumeration, in one place: the reader, its messages and to_string() take them from
// here.
#pragma once

#include "config/words.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

// `deny =`, how a denied packet is answered.
enum class Refusal : std::uint8_t { drop, reject };

[[nodiscard]] std::string_view to_string(Action action);
[[nodiscard]] std::string_view to_string(Log log);
[[nodiscard]] std::string_view to_string(IssuerType type);
[[nodiscard]] std::string_view to_string(Comparison comparison);

}  // namespace sallyport::policy

namespace sallyport::config {

template <>
std::span<const Word<policy::Action>> words_of();
template <>
std::span<const Word<policy::Log>> words_of();
template <>
std::span<const Word<policy::Refusal>> words_of();
template <>
std::span<const Word<policy::IssuerType>> words_of();
// Two characters before one: a reader that takes the first that fits finds the right one.
template <>
std::span<const Word<policy::Comparison>> words_of();

}  // namespace sallyport::config
