#include "policy/selector.hpp"

#include <algorithm>
#include <array>

#include "config/limits.hpp"
#include "config/read/scalars.hpp"

namespace sallyport::policy {
namespace {

using Result = tl::expected<Selector, std::string>;
using config::is_name;

struct Form {
  std::string_view prefix;
  std::string_view expected;
  bool (*parse)(std::string_view rest, Selector& selector);
};

// "ISSUER/" at the start: into the selector, and cut off.
bool take_issuer(std::string_view& rest, Selector& selector) {
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || !is_name(rest.substr(0, slash))) return false;
  selector.issuer = rest.substr(0, slash);
  rest.remove_prefix(slash + 1);
  return !rest.empty();
}

bool parse_net(std::string_view rest, Selector& selector) {
  const auto prefix = IpPrefix::parse(rest);
  if (!prefix || prefix->has_host_bits()) return false;
  selector.kind = SelectorKind::net;
  selector.net = *prefix;
  selector.text = "net:" + prefix->to_string();  // one text for "2001:DB8::/32" and "2001:db8:0::/32"
  return true;
}

bool parse_user(std::string_view rest, Selector& selector) {
  selector.kind = SelectorKind::user;
  return take_issuer(rest, selector);
}

bool parse_claim(std::string_view rest, Selector& selector) {
  selector.kind = SelectorKind::claim;
  if (!take_issuer(rest, selector)) return false;
  const auto equals = rest.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == rest.size()) return false;
  selector.key = rest.substr(0, equals);
  selector.value = rest.substr(equals + 1);
  return true;
}

bool parse_service_account(std::string_view rest, Selector& selector) {
  selector.kind = SelectorKind::service_account;
  if (!take_issuer(rest, selector)) return false;
  const auto slash = rest.find('/');
  return slash != std::string_view::npos && is_name(rest.substr(0, slash)) &&
         rest.substr(slash + 1).find('/') == std::string_view::npos && slash + 1 < rest.size();
}

bool is_trust_domain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '*';
}

bool is_path_character(char c) {
  return is_trust_domain_character(c) || (c >= 'A' && c <= 'Z') || c == '/';
}

// The SPIFFE ID standard, section 2, with '*' besides. "**" would promise more than a '*' does.
bool parse_spiffe(std::string_view rest, Selector& selector) {
  selector.kind = SelectorKind::spiffe;
  const auto slash = rest.find('/');
  if (slash == 0 || slash == std::string_view::npos || rest.find("**") != std::string_view::npos) return false;
  const std::string_view domain = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  if (!std::all_of(domain.begin(), domain.end(), is_trust_domain_character)) return false;
  if (!std::all_of(path.begin(), path.end(), is_path_character)) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    path.remove_prefix(segment.size());
  }
  return true;
}

bool parse_ike(std::string_view rest, Selector& selector) {
  selector.kind = SelectorKind::ike;
  const auto equals = rest.find('=');
  const std::string_view type = rest.substr(0, equals);
  return (type == "fqdn" || type == "email" || type == "dn") && equals != std::string_view::npos &&
         equals + 1 < rest.size();
}

template <SelectorKind kind>
bool parse_named(std::string_view rest, Selector& selector) {
  selector.kind = kind;
  selector.value = rest;
  return is_name(rest);
}

constexpr Form forms[] = {
    {"group:", "\"group:NAME\"", parse_named<SelectorKind::group>},
    {"user:", "\"user:ISSUER/NAME\"", parse_user},
    {"claim:", "\"claim:ISSUER/KEY=VALUE\"", parse_claim},
    {"sa:", "\"sa:CLUSTER/NAMESPACE/NAME\"", parse_service_account},
    {"spiffe://", "\"spiffe://DOMAIN/PATH\", in which '*' stands for characters other than '.' and '/'", parse_spiffe},
    {"ike:", "\"ike:fqdn=...\", \"ike:email=...\" or \"ike:dn=...\"", parse_ike},
    {"tag:", "\"tag:NAME\"", parse_named<SelectorKind::tag>},
    {"peer:", "\"peer:NAME\"", parse_named<SelectorKind::peer>},
    {"net:", "\"net:PREFIX\" without host bits, such as \"net:10.0.0.0/8\"", parse_net},
};

std::string got(std::string_view text) {
  return ", got the string " + config::in_quotes(text);
}

tl::unexpected<std::string> unknown_form(std::string_view text) {
  std::array<std::string_view, std::size(forms)> words;
  std::string list = "\"*\"";
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = forms[i].prefix;
    list += (i + 1 == words.size() ? " or " : ", ") + std::string(words[i]) + "...";
  }
  const auto colon = text.find(':');
  const std::string suggestion =
      colon == std::string_view::npos ? "" : config::did_you_mean(text.substr(0, colon + 1), words);
  return tl::unexpected<std::string>("expected a selector: " + list + got(text) + suggestion);
}

bool is_text(std::string_view text) {
  return !text.empty() && text.size() <= config::limits::text_characters &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

Result parse_selector(std::string_view text) {
  if (!is_text(text))
    return tl::make_unexpected("expected a selector of 1 to 1024 characters without control characters" + got(text));
  Selector selector;
  selector.text = text;
  if (text == "*") return selector;
  for (const Form& form : forms) {
    if (!text.starts_with(form.prefix)) continue;
    const std::string_view rest = text.substr(form.prefix.size());
    if (form.parse != parse_spiffe && rest.find('*') != std::string_view::npos)
      return tl::make_unexpected("expected " + std::string(form.expected) +
                                 " without '*', which has a meaning only in spiffe://" + got(text));
    if (!form.parse(rest, selector)) return tl::make_unexpected("expected " + std::string(form.expected) + got(text));
    return selector;
  }
  return unknown_form(text);
}

bool is_identity(const Selector& selector) {
  switch (selector.kind) {
    case SelectorKind::user:
    case SelectorKind::service_account:
    case SelectorKind::ike:
      return true;
    case SelectorKind::spiffe:
      return selector.text.find('*') == std::string::npos;
    default:
      return false;
  }
}

}  // namespace sallyport::policy
