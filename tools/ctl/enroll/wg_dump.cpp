#include "tools/ctl/enroll/wg_dump.hpp"

#include <algorithm>
#include <charconv>

#include "config/base/ip.hpp"
#include "tools/ctl/key_material.hpp"

namespace sallyport::ctl {
namespace {

constexpr std::size_t interface_values = 4, peer_values = 8;

std::string_view take_until(std::string_view& text, char end) {
  const std::string_view taken = text.substr(0, text.find(end));
  text.remove_prefix(std::min(taken.size() + 1, text.size()));
  return taken;
}

std::vector<std::string_view> split_line(std::string_view line) {
  std::vector<std::string_view> values;
  while (!line.empty() && values.size() <= peer_values) values.push_back(take_until(line, '\t'));
  return values;
}

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<WgPeer> read_peer(std::string_view line) {
  const auto values = split_line(line);
  if (values.size() != peer_values) return std::nullopt;
  WgPeer peer;
  const auto key = decode_key(values[0]);
  if (!key) return std::nullopt;
  peer.key = *key;
  if (values[2] != "(none)") {
    if (!IpEndpoint::parse(values[2])) return std::nullopt;
    peer.endpoint = values[2];
  }
  if (!read_number(values[4], peer.last_handshake_unix_s) || !read_number(values[5], peer.received_bytes) ||
      !read_number(values[6], peer.sent_bytes))
    return std::nullopt;
  return peer;
}

}  // namespace

std::optional<WgInterface> parse_wg_dump(std::string_view dump) {
  WgInterface interface;
  const auto own = split_line(take_until(dump, '\n'));
  if (own.size() != interface_values) return std::nullopt;
  if (own[0] != "(none)") {
    interface.private_key = read_key_text(own[0]);
    if (!interface.private_key) return std::nullopt;
  }
  while (!dump.empty() && interface.peers.size() < most_wg_peers) {
    auto peer = read_peer(take_until(dump, '\n'));
    if (!peer) return std::nullopt;
    interface.peers.push_back(std::move(*peer));
  }
  return interface;
}

}  // namespace sallyport::ctl
