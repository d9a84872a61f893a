#include "tools/ctl/enroll/device_answers.hpp"

#include <algorithm>
#include <array>

#include "tools/ctl/enroll/proof_source.hpp"
#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

constexpr std::size_t longest_user_code = 64;
constexpr std::size_t longest_device_code_bytes = 4096;
constexpr std::size_t longest_error_bytes = 200;

tl::unexpected<std::string> unfit_member(std::string_view member, std::string_view expected) {
  return tl::unexpected("'" + std::string(member) + "' of the answer: expected " + std::string(expected));
}

std::string string_member(const Json& object, std::string_view key) {
  const Json& value = field(object, key);
  return value.is_string() ? value.get_ref<const std::string&>() : std::string();
}

bool is_user_code(std::string_view text) {
  return !text.empty() && text.size() <= longest_user_code &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_secret_text(std::string_view text) {
  return !text.empty() && text.size() <= longest_device_code_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

TokenAnswer::Kind token_answer_kind(std::string_view error) {
  using Kind = TokenAnswer::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 4> known = {{{"authorization_pending", Kind::pending},
                                                                       {"slow_down", Kind::slow_down},
                                                                       {"access_denied", Kind::denied},
                                                                       {"expired_token", Kind::expired}}};
  for (const auto& [name, kind] : known)
    if (name == error) return kind;
  return Kind::senseless;
}

TokenAnswer refused_poll(unsigned status, const Json& body) {
  TokenAnswer answer;
  const std::string error = string_member(body, "error");
  answer.kind = token_answer_kind(error);
  if (answer.kind != TokenAnswer::Kind::senseless) return answer;
  if (status == 429 || status >= 500) answer.kind = TokenAnswer::Kind::busy;
  answer.message = "status " + std::to_string(status);
  if (!error.empty()) answer.message += ", " + printable(error.substr(0, longest_error_bytes));
  const std::string more = string_member(body, "error_description");
  if (!more.empty()) answer.message += ": " + printable(more.substr(0, longest_error_bytes));
  return answer;
}

}  // namespace

tl::expected<ProviderEndpoints, std::string> parse_provider(std::string_view body, std::string_view issuer) {
  const auto document = parse_json(body);
  if (!document || !document->is_object()) return tl::unexpected(std::string("the answer is no JSON object"));
  if (string_member(*document, "issuer") != issuer) return unfit_member("issuer", "'" + std::string(issuer) + "'");
  const auto device = parse_https_place(string_member(*document, "device_authorization_endpoint"));
  if (!device) return unfit_member("device_authorization_endpoint", "an https URL: has it no device flow (RFC 8628)?");
  const auto token = parse_https_place(string_member(*document, "token_endpoint"));
  if (!token) return unfit_member("token_endpoint", "an https URL");
  return ProviderEndpoints{*device, *token};
}

tl::expected<DeviceCode, std::string> parse_device_code(std::string_view body) {
  const auto document = parse_json(body);
  if (!document || !document->is_object()) return tl::unexpected(std::string("the answer is no JSON object"));
  DeviceCode code;
  std::string secret = string_member(*document, "device_code");
  if (!is_secret_text(secret)) return unfit_member("device_code", "a text without spaces");
  code.device_code = WipedText(std::move(secret));
  code.user_code = string_member(*document, "user_code");
  if (!is_user_code(code.user_code)) return unfit_member("user_code", "a short text");
  code.verification_uri = string_member(*document, "verification_uri");
  if (!parse_https_place(code.verification_uri)) return unfit_member("verification_uri", "an https URL");
  code.verification_uri_complete = string_member(*document, "verification_uri_complete");
  if (!code.verification_uri_complete.empty() && !parse_https_place(code.verification_uri_complete))
    return unfit_member("verification_uri_complete", "an https URL");
  const auto expires = optional_number(*document, "expires_in");
  if (!expires || *expires == 0) return unfit_member("expires_in", "seconds");
  code.expires_in = std::min(std::chrono::seconds(std::min<std::uint64_t>(*expires, 1'000'000)), longest_device_code);
  if (field(*document, "interval").is_null()) return code;
  const auto interval = optional_number(*document, "interval");
  if (!interval || std::chrono::seconds(std::min<std::uint64_t>(*interval, 1'000'000)) > longest_poll_interval)
    return unfit_member("interval", "at most " + std::to_string(longest_poll_interval.count()) + " seconds");
  code.interval = std::chrono::seconds(std::max<std::uint64_t>(*interval, 1));
  return code;
}

TokenAnswer parse_token_answer(unsigned status, std::string_view body) {
  const auto document = parse_json(body);
  if (status != 200) return refused_poll(status, document ? *document : Json());
  TokenAnswer answer;
  if (!document || !document->is_object()) {
    answer.message = "the answer is no JSON object";
    return answer;
  }
  std::string token = string_member(*document, "id_token");
  if (!is_token(token)) {
    answer.message = "the answer has no id_token: does --scope have openid?";
    return answer;
  }
  answer.kind = TokenAnswer::Kind::granted;
  answer.id_token = WipedText(std::move(token));
  std::string refresh = string_member(*document, "refresh_token");
  if (is_secret_text(refresh)) answer.refresh_token = WipedText(std::move(refresh));
  return answer;
}

WipedText form_body(FormMembers members) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : members) bytes += name.size() + 3 * value.size() + 2;
  std::string text;
  text.reserve(bytes);  // no copy of a secret stays behind
  for (const auto& [name, value] : members) {
    if (value.empty()) continue;
    text.append(text.empty() ? "" : "&").append(name).append("=");
    for (const char c : value) {
      constexpr std::string_view digits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                         c == '.' || c == '_' || c == '~';
      if (plain)
        text += c;
      else
        text.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
  }
  return WipedText(std::move(text));
}

}  // namespace sallyport::ctl
