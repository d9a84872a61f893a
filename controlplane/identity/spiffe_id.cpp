#include "controlplane/identity/spiffe_id.hpp"

#include <algorithm>

namespace sallyport::controlplane {
namespace {

bool is_trust_domain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_segment_character(char c) {
  return is_trust_domain_character(c) || (c >= 'A' && c <= 'Z');
}

bool is_segment(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && std::all_of(text.begin(), text.end(), is_segment_character);
}

bool is_path(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::string_view segment = path.substr(0, path.find('/'));
    if (!is_segment(segment)) return false;
    path.remove_prefix(segment.size());
  }
  return true;
}

}  // namespace

std::optional<SpiffeId> parse_spiffe_id(std::string_view text) {
  if (text.size() > spiffe_id_bytes_max || !text.starts_with(spiffe_scheme)) return std::nullopt;
  text.remove_prefix(spiffe_scheme.size());
  const std::string_view domain = text.substr(0, text.find('/'));
  const std::string_view path = text.substr(domain.size());
  if (domain.empty() || domain.size() > trust_domain_bytes_max || !is_path(path)) return std::nullopt;
  if (!std::all_of(domain.begin(), domain.end(), is_trust_domain_character)) return std::nullopt;
  return SpiffeId{domain, path};
}

}  // namespace sallyport::controlplane
