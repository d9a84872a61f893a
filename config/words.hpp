// The words of the file for each enumeration, in one place: the reader, the error message ("expected "busy" or
// "adaptive"") and to_string() take them from here.
#pragma once

#include <span>
#include <string_view>

#include "config/config.hpp"

namespace sallyport::config {

template <typename Enum>
struct Word {
  std::string_view text;
  Enum value;
};

template <typename Enum>
[[nodiscard]] std::span<const Word<Enum>> words_of();

template <>
std::span<const Word<IdleMode>> words_of();
template <>
std::span<const Word<HugePages>> words_of();
template <>
std::span<const Word<PortRole>> words_of();
template <>
std::span<const Word<HostProtocol>> words_of();
template <>
std::span<const Word<ReversePath>> words_of();
template <>
std::span<const Word<UdpChecksum>> words_of();
template <>
std::span<const Word<OnStale>> words_of();
template <>
std::span<const Word<PostQuantum>> words_of();
template <>
std::span<const Word<IpsecConnect>> words_of();
template <>
std::span<const Word<IpsecAuth>> words_of();
template <>
std::span<const Word<IkeIdType>> words_of();
template <>
std::span<const Word<LogLevel>> words_of();
template <>
std::span<const Word<LogFormat>> words_of();

}  // namespace sallyport::config
