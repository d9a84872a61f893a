#include "tools/ctl/enroll/https_place.hpp"

#include <algorithm>

namespace sallyport::ctl {

tl::expected<HttpsPlace, std::string> parse_https_place(std::string_view text) {
  constexpr std::string_view scheme = "https://";
  const bool plain = text.size() <= longest_url_bytes && std::all_of(text.begin(), text.end(), [](char c) {
                       return c > 0x20 && c < 0x7f && c != '#' && c != '"' && c != '\\' && c != '@';
                     });
  if (!plain || !text.starts_with(scheme))
    return tl::unexpected(std::string("expected https://HOST/PATH of at most 2048 visible characters"));
  const std::size_t end = std::min(text.find_first_of("/?", scheme.size()), text.size());
  auto server = parse_gateway_url(text.substr(0, end));
  if (!server) return tl::unexpected(std::move(server.error()));
  std::string target(text.substr(end));
  if (!target.starts_with('/')) target.insert(0, 1, '/');
  return HttpsPlace{std::move(*server), std::move(target)};
}

}  // namespace sallyport::ctl
