// Every byte of a URL that an operator, or a file of theirs, may name. What is accepted must be safe in a request's
// header, and must be the same when it is written out and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "controlplane/https/https_client.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport::controlplane;
  const auto url = parse_https_url({reinterpret_cast<const char*>(data), size});
  if (!url && !url.error().starts_with("expected ")) std::abort();
  if (!url) return 0;
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (url->host.empty() || url->port == 0 || !url->target.starts_with('/')) std::abort();
  if (!std::all_of(url->host.begin(), url->host.end(), is_visible)) std::abort();
  if (!std::all_of(url->target.begin(), url->target.end(), is_visible)) std::abort();
  const bool v6 = url->host.find(':') != std::string::npos;
  const std::string host = v6 ? '[' + url->host + ']' : url->host;
  const std::string text = "https://" + host + ':' + std::to_string(url->port) + url->target;
  const auto again = parse_https_url(text);
  if (text.size() <= 2048 &&
      (!again || again->host != url->host || again->port != url->port || again->target != url->target))
    std::abort();
  return 0;
}
