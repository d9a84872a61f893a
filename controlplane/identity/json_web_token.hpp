// A JSON Web Token in compact form (RFC 7515, section 7.1; RFC 7519), taken apart. What it says is not to be believed
// before a SignatureKey has verified it; nothing in the header but `alg`, `kid` and `typ` is used at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "controlplane/identity/proof.hpp"
#include "controlplane/identity/signature_key.hpp"
#include "controlplane/identity/strict_json.hpp"

namespace sallyport::controlplane {

struct JsonWebToken {
  std::string_view text;                          // the whole token: it must outlive this
  const SignatureAlgorithm* algorithm = nullptr;  // never null
  std::optional<std::string> kid;
  Json claims;            // an object
  std::string signature;  // decoded; may be empty

  // malformed_token, token_too_large or algorithm_refused.
  static tl::expected<JsonWebToken, RefusedProof> parse(std::string_view text);
};

}  // namespace sallyport::controlplane
