#include "controlplane/identity/json_web_token.hpp"

#include <algorithm>
#include <array>

#include "config/toml/value.hpp"
#include "controlplane/identity/base64url.hpp"

namespace sallyport::controlplane {
namespace {

tl::unexpected<RefusedProof> malformed(std::string detail) {
  return refuse(ProofRefusal::malformed_token, std::move(detail));
}

using Parts = std::array<std::string_view, 3>;

std::optional<Parts> split(std::string_view text) {
  const auto first = text.find('.');
  const auto last = text.rfind('.');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const std::string_view middle = text.substr(first + 1, last - first - 1);
  if (middle.find('.') != std::string_view::npos) return std::nullopt;
  return Parts{text.substr(0, first), middle, text.substr(last + 1)};
}

tl::expected<Json, RefusedProof> decode_object(std::string_view part, std::string_view name) {
  const auto bytes = decode_base64url(part);
  if (!bytes) return malformed("the " + std::string(name) + " is no base64url without padding");
  auto object = parse_json_object(*bytes);
  if (!object) return malformed("the " + std::string(name) + ": " + object.error());
  return std::move(*object);
}

// RFC 8725, section 3.11: an access token (at+jwt) or a logout token is not the proof that we ask for.
bool is_type_of_ours(const Json& header) {
  if (member(header, "typ") == nullptr) return true;
  const std::string* type = text_member(header, "typ");
  if (type == nullptr) return false;
  std::string upper = *type;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return upper == "JWT" || upper == "JOSE";
}

tl::expected<void, RefusedProof> read_header(const Json& header, JsonWebToken& token) {
  // RFC 7515, section 4.1.11: whoever does not understand an extension that is marked so must refuse. We know none.
  if (member(header, "crit") != nullptr) return malformed("the header has \"crit\"");
  if (!is_type_of_ours(header)) return malformed("typ is not JWT or JOSE");
  const std::string* name = text_member(header, "alg");
  if (name == nullptr) return malformed("the header has no alg");
  token.algorithm = find_algorithm(*name);
  if (token.algorithm == nullptr)
    return refuse(ProofRefusal::algorithm_refused,
                  "alg is " + config::in_quotes(*name) + ", expected RS, PS or ES 256-512 or EdDSA");
  if (const Json* kid = member(header, "kid")) {
    const auto* text = kid->get_ptr<const std::string*>();
    if (text == nullptr) return malformed("kid is " + std::string(kind_of(*kid)) + ", expected a string");
    token.kid = *text;
  }
  return {};
}

}  // namespace

tl::expected<JsonWebToken, RefusedProof> JsonWebToken::parse(std::string_view text) {
  if (text.size() > token_bytes_max)
    return refuse(ProofRefusal::token_too_large, std::to_string(text.size()) + " bytes");
  const auto parts = split(text);
  if (!parts) return malformed("expected three parts with dots between them");
  const auto header = decode_object((*parts)[0], "header");
  if (!header) return tl::unexpected(header.error());
  JsonWebToken token;
  token.text = text;
  if (auto read = read_header(*header, token); !read) return tl::unexpected(std::move(read.error()));
  auto claims = decode_object((*parts)[1], "payload");
  if (!claims) return tl::unexpected(std::move(claims.error()));
  token.claims = std::move(*claims);
  auto signature = decode_base64url((*parts)[2]);
  if (!signature) return malformed("the signature is no base64url without padding");
  token.signature = std::move(*signature);
  return token;
}

}  // namespace sallyport::controlplane
