// SPIFFE IDs ("spiffe://prod.example.org/ns/shop/sa/web"), by the letter of the SPIFFE ID standard, section 2. There is
// one spelling of an ID, so equal IDs are equal texts.
#pragma once

#include <optional>
#include <string_view>

namespace sallyport::controlplane {

// Views into the text that was parsed.
struct SpiffeId {
  std::string_view trust_domain;
  std::string_view path;  // with its slash; empty: the ID of the trust domain itself
};

[[nodiscard]] std::optional<SpiffeId> parse_spiffe_id(std::string_view text);

inline constexpr std::string_view spiffe_scheme = "spiffe://";
inline constexpr std::size_t spiffe_id_bytes_max = 2048;
inline constexpr std::size_t trust_domain_bytes_max = 255;

}  // namespace sallyport::controlplane
