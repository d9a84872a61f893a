// The checks of claims that tokens of every type share (RFC 7519, section 4.1). All are for a token whose signature has
// been verified.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "controlplane/identity/proof.hpp"
#include "controlplane/identity/strict_json.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

template <typename T>
using Checked = tl::expected<T, RefusedProof>;

[[nodiscard]] tl::unexpected<RefusedProof> refuse(const policy::Issuer& issuer, ProofRefusal reason,
                                                  std::string detail);

// A string that is not empty; anything else is a missing_claim.
[[nodiscard]] Checked<std::string> required_text(const Json& object, std::string_view name,
                                                 const policy::Issuer& issuer);

// aud: a string or a list of strings, among them the audience of the issuer. Returns how many there are.
[[nodiscard]] Checked<std::size_t> check_audience(const Json& claims, const policy::Issuer& issuer);

// NumericDate, in whole seconds, rounded down. Nothing: there is no such claim.
[[nodiscard]] Checked<std::optional<policy::TimePoint>> optional_time(const Json& claims, std::string_view name,
                                                                      const policy::Issuer& issuer);

struct TokenTimes {
  std::optional<policy::TimePoint> issued_at;  // at most now
  policy::TimePoint session_end;  // exp, or iat (without one: now) and max_session if that is first; after now
};
[[nodiscard]] Checked<TokenTimes> check_times(const Json& claims, const policy::Issuer& issuer, policy::TimePoint now);

// The end of a session that begins at `from` and whose credential ends at `until`.
[[nodiscard]] policy::TimePoint session_end(const policy::Issuer& issuer, policy::TimePoint from,
                                            policy::TimePoint until);

}  // namespace sallyport::controlplane
