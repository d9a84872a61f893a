#include "controlplane/enrolment/messages.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "config/read/scalars.hpp"
#include "config/toml/value.hpp"
#include "controlplane/identity/strict_json.hpp"

namespace sallyport::controlplane {
namespace {

constexpr double posture_number_end = 9223372036854775808.0;  // 2^63
constexpr std::string_view key_words = "44 characters of base64 of a 32-byte key";
constexpr std::string_view name_words = "a name (letters, digits, '.', '_', '-', 63 characters at most)";

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool has_control_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_base64url(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
}

// b64token of RFC 6750, 2.1.
bool is_bearer_token(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  constexpr std::string_view others = "-._~+/";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter_or_digit(c) || others.find(c) != std::string_view::npos;
  });
}

// The members of an object. The first one that is wrong is the problem; what is read after it does not count.
class Members {
 public:
  Members(const Json& object, std::string_view where, std::span<const std::string_view> known)
      : object_(object), where_(where) {
    if (!object.is_object()) {
      complain("expected an object, got " + std::string(kind_of(object)));
      return;
    }
    for (const auto& [name, value] : object.items())
      if (std::find(known.begin(), known.end(), name) == known.end())
        complain("the member " + config::in_quotes(name) + " is not known");
  }

  [[nodiscard]] std::optional<std::string> problem() && { return std::move(problem_); }

  // Null: there is none, which is a problem if it is needed.
  const Json* find(std::string_view name, bool needed) {
    if (problem_) return nullptr;
    const auto found = object_.find(name);
    if (found != object_.end()) return &*found;
    if (needed) complain("the member \"" + std::string(name) + "\" is missing");
    return nullptr;
  }
  void expected(std::string_view name, std::string_view what) {
    const Json& value = object_[name];
    const bool is_scalar = value.is_string() || value.is_number();  // of the wrong length, form or size
    complain(std::string(name) + ": expected " + std::string(what) +
             (is_scalar ? std::string() : ", got " + std::string(kind_of(value))));
  }

  // A text that `accepts` likes.
  template <typename Accepts>
  std::string text(std::string_view name, bool needed, std::string_view what, Accepts accepts) {
    const Json* value = find(name, needed);
    if (value == nullptr) return {};
    const auto* text = value->get_ptr<const std::string*>();
    if (text != nullptr && accepts(*text)) return *text;
    expected(name, what);
    return {};
  }
  std::optional<PublicKey> key(std::string_view name, bool needed) {
    std::optional<PublicKey> key;
    (void)text(name, needed, key_words,
               [&](const std::string& written) { return (key = decode_key(written)).has_value(); });
    return key;
  }
  std::optional<std::uint64_t> integer(std::string_view name, bool needed, std::uint64_t least, std::uint64_t most) {
    const Json* value = find(name, needed);
    if (value == nullptr) return std::nullopt;
    // Without a minus sign the parser makes it unsigned.
    const auto* number = value->get_ptr<const std::uint64_t*>();
    if (number != nullptr && *number >= least && *number <= most) return *number;
    expected(name, "an integer from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  void complain(std::string why) {
    if (!problem_) problem_ = where_.empty() ? std::move(why) : std::string(where_) + ": " + why;
  }

 private:
  const Json& object_;
  std::string_view where_;
  std::optional<std::string> problem_;
};

std::string token_of(Members& members) {
  // Whatever text it is, it is a proof, and refused as one.
  return members.text("token", false, "a token", [](const std::string&) { return true; });
}

std::optional<policy::PostureValue> posture_value(const Json& value) {
  if (const auto* flag = value.get_ptr<const bool*>()) return *flag;
  if (const auto* number = value.get_ptr<const std::uint64_t*>()) {
    if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return static_cast<std::int64_t>(*number);
  }
  if (const auto* number = value.get_ptr<const std::int64_t*>()) return *number;
  // Also what an integer without room in 64 bits has become.
  if (const auto* number = value.get_ptr<const double*>()) {
    if (std::abs(*number) >= posture_number_end) return std::nullopt;
    return *number;
  }
  const auto* text = value.get_ptr<const std::string*>();
  if (text == nullptr || text->size() > posture_text_bytes_max || has_control_bytes(*text)) return std::nullopt;
  return *text;
}

void read_posture(Members& members, std::map<std::string, policy::PostureValue>& posture) {
  const Json* object = members.find("posture", true);
  if (object == nullptr) return;
  if (!object->is_object()) return members.expected("posture", "an object");
  if (object->size() > posture_values_max)
    return members.complain("posture: expected " + std::to_string(posture_values_max) + " values at most");
  for (const auto& [name, value] : object->items()) {
    if (!config::is_name(name))
      return members.complain("posture: expected " + std::string(name_words) + ", got " + config::in_quotes(name));
    auto read = posture_value(value);
    if (!read)
      return members.complain("posture." + name + ": expected true, false, a number below 2^63 or a text of " +
                              std::to_string(posture_text_bytes_max) + " bytes without control characters");
    posture.emplace(name, std::move(*read));
  }
}

tl::expected<EnrolledSession::ClientView, std::string> read_view(const Json& object) {
  constexpr std::uint64_t any = std::numeric_limits<std::int64_t>::max();
  Members members(object, "view", view_members);
  EnrolledSession::ClientView view;
  view.received_bytes = members.integer("received_bytes", true, 0, any).value_or(0);
  view.sent_bytes = members.integer("sent_bytes", true, 0, any).value_or(0);
  view.last_handshake_age_s = members.integer("last_handshake_age_s", false, 0, any);
  if (const auto mtu = members.integer("mtu", false, 1, 65535)) view.mtu = static_cast<std::uint32_t>(*mtu);
  view.endpoint = members.text("endpoint", false, "HOST:PORT", [](const std::string& text) {
    return !text.empty() && text.size() <= view_endpoint_characters_max && is_printable(text);
  });
  if (auto problem = std::move(members).problem()) return tl::unexpected(std::move(*problem));
  return view;
}

// Parses the body and lets `read` take its members.
template <typename Body, typename Read>
tl::expected<Body, std::string> parse_body(std::string_view text, std::span<const std::string_view> known, Read read) {
  const auto json = parse_json_object(text);
  if (!json) return tl::unexpected("the body: " + json.error());
  Members members(*json, "the body", known);
  Body body;
  read(members, body);
  if (auto problem = std::move(members).problem()) return tl::unexpected(std::move(*problem));
  return body;
}

}  // namespace

tl::expected<EnrollBody, std::string> parse_enroll(std::string_view text) {
  return parse_body<EnrollBody>(text, enroll_members, [](Members& members, EnrollBody& body) {
    body.public_key = members.key("public_key", true).value_or(PublicKey{});
    body.token = token_of(members);
    body.instance = members.text("instance", false, name_words, config::is_name);
  });
}

tl::expected<RenewBody, std::string> parse_renew(std::string_view text) {
  return parse_body<RenewBody>(text, renew_members, [](Members& members, RenewBody& body) {
    body.public_key = members.key("public_key", true).value_or(PublicKey{});
    body.new_public_key = members.key("new_public_key", false);
    body.token = token_of(members);
  });
}

tl::expected<PostureBody, std::string> parse_posture(std::string_view text) {
  return parse_body<PostureBody>(text, posture_members, [](Members& members, PostureBody& body) {
    read_posture(members, body.posture);
    const auto most = static_cast<std::uint64_t>(posture_time_to_live_max.count());
    body.time_to_live = std::chrono::seconds(members.integer("ttl_s", true, 1, most).value_or(1));
    const Json* view = members.find("view", false);
    if (view == nullptr) return;
    auto read = read_view(*view);
    if (!read) return members.complain(std::move(read.error()));
    body.view = std::move(*read);
  });
}

tl::expected<std::string, std::string> parse_authorization(std::string_view header) {
  if (header.empty()) return std::string();
  constexpr std::string_view scheme = "bearer ";  // of any case: RFC 9110, 11.1
  const bool is_bearer = header.size() > scheme.size() &&
                         std::equal(scheme.begin(), scheme.end(), header.begin(), [](char expected, char c) {
                           return expected == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
                         });
  if (is_bearer) {
    header.remove_prefix(scheme.size());
    while (header.starts_with(' ')) header.remove_prefix(1);
    if (is_bearer_token(header)) return std::string(header);
  }
  return tl::unexpected(std::string("the header Authorization: expected \"Bearer TOKEN\""));
}

tl::expected<std::string, std::string> parse_session_authorization(std::string_view header) {
  auto token = parse_authorization(header);
  if (!token) return token;
  if (token->size() > session_token_characters_max || !is_base64url(*token))
    return tl::unexpected(std::string("the header Authorization: expected \"Bearer\" and the token of a session"));
  return token;
}

bool is_json_type(std::string_view content_type) {
  return content_type.empty() || content_type == "application/json";
}

}  // namespace sallyport::controlplane
