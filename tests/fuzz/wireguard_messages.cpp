// The parsers of the three handshake messages. What parses must serialise to the very same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "config/base/check.hpp"
#include "controlplane/wireguard/messages.hpp"

using namespace sallyport::wireguard;

namespace {

template <typename Parsed>
void check_round_trip(const Parsed& parsed, Bytes input) {
  if (!parsed) return;
  const auto bytes = serialise(*parsed);
  SP_CHECK(std::ranges::equal(bytes, input));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(data, size);
  const auto type = peek_type(input);
  const auto initiation = parse_initiation(input);
  const auto response = parse_response(input);
  const auto reply = parse_cookie_reply(input);
  check_round_trip(initiation, input);
  check_round_trip(response, input);
  check_round_trip(reply, input);
  SP_CHECK(initiation.has_value() + response.has_value() + reply.has_value() <= (type ? 1 : 0));
  return 0;
}
