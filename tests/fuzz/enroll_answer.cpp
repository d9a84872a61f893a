// What a gateway answers `sallyctl enroll` with, as arbitrary bytes: whatever is taken from it makes a wg-quick file of
// our own lines only, and lines for `ip -batch` of our own words only.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/unit/sallyctl/grant_document.hpp"
#include "tools/ctl/enroll/address_batch.hpp"
#include "tools/ctl/enroll/device_answers.hpp"
#include "tools/ctl/enroll/grant.hpp"
#include "tools/ctl/enroll/posture.hpp"
#include "tools/ctl/enroll/tunnel_target.hpp"
#include "tools/ctl/enroll/wg_dump.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::ctl;

bool is_own_line(std::string_view line) {
  for (const std::string_view start : {"# ", "PrivateKey = ", "Address = ", "DNS = ", "MTU = ", "PublicKey = ",
                                       "PresharedKey = ", "Endpoint = ", "AllowedIPs = ", "PersistentKeepalive = "})
    if (line.starts_with(start)) return true;
  return line.empty() || line == "[Interface]" || line == "[Peer]";
}

template <typename Check>
void for_each_line(std::string_view text, Check check) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!check(line)) std::abort();
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const WallTime now = *parse_time("2026-11-26T09:00:00Z");
  (void)parse_posture(text);
  (void)parse_wg_dump(text);
  (void)parse_provider(text, "https://idp.example.com");
  for (const unsigned status : {200U, 400U, 503U}) (void)parse_token_answer(status, text);
  if (const auto code = parse_device_code(text))
    if (code->expires_in > longest_device_code || code->interval > longest_poll_interval) std::abort();
  for (const GrantOf of : {GrantOf::enroll, GrantOf::renew}) {
    const auto grant = parse_grant(text, of, test_key(), now);
    if (!grant) continue;
    if (grant->expires_at <= now || grant->tunnel.addresses.empty()) std::abort();
    for_each_line(wg_quick_text(*grant, PrivateKey()).expose(), is_own_line);
    for (const bool ipv6 : {false, true}) {
      const BatchTarget target{.interface = "wg0", .table = "main", .ipv6 = ipv6};
      const Json none = Json::array();
      const std::string lines =
          address_lines(target, grant->tunnel.addresses, none) + route_lines(target, grant->tunnel.routes, none);
      for_each_line(lines, [](std::string_view line) {
        return line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789 .:/") == std::string_view::npos;
      });
    }
  }
  return 0;
}
