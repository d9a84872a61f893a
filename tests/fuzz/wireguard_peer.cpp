// Two peers whose events come from the input: time, wants, lost, repeated, damaged and invented messages, pools that
// finish late, clocks that jump. Whatever happens, no index is lost or released twice, no initiation follows another
// within REKEY_TIMEOUT, and what both ends call a session has the same keys at both.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "config/base/check.hpp"
#include "controlplane/wireguard/cookie_reply.hpp"
#include "tests/unit/wireguard/lab.hpp"

using namespace sallyport;
using namespace sallyport::wireguard;

namespace {

constexpr std::size_t steps_max = 200;

class Input {
 public:
  explicit Input(Bytes bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_[0];
    rest_ = rest_.subspan(1);
    return value;
  }
  Bytes take(std::size_t size) {
    const Bytes taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  Bytes rest_;
};

struct Side {
  explicit Side(std::uint64_t seed) : endpoint(seed) {}

  Endpoint endpoint;
  std::vector<std::uint8_t> last_message;
  std::optional<BootTime> last_initiation_at;
  std::vector<CreateInitiationJob> unfinished;
  std::map<std::uint32_t, InstallSession> sessions;  // by local index
};

void perform(Side& side, Actions actions, const Instant& now) {
  if (actions.install) {
    const auto index = static_cast<std::uint32_t>(actions.install->local_index);
    SP_CHECK(side.endpoint.indices.live.contains(index));
    SP_CHECK(side.sessions.try_emplace(index, std::move(*actions.install)).second);
  }
  if (!actions.send) return;
  const Bytes bytes = actions.send->view();
  if (actions.send->destination == Destination::peer_endpoint) {
    SP_CHECK(parse_initiation(bytes).has_value());
    SP_CHECK(!side.last_initiation_at || now.boot - *side.last_initiation_at >= rekey_timeout);
    side.last_initiation_at = now.boot;
  } else {
    SP_CHECK(parse_response(bytes).has_value());
  }
  side.last_message.assign(bytes.begin(), bytes.end());
}

void perform(Side& side, tl::expected<Actions, HandshakeError> actions, const Instant& now) {
  if (actions) perform(side, std::move(*actions), now);
}

// Runs the pool's job now, or leaves it for later.
void start(Side& side, Actions actions, bool late, const Instant& now) {
  if (actions.create_initiation) {
    if (late)
      side.unfinished.push_back(std::move(*actions.create_initiation));
    else
      perform(side, side.endpoint.handshake->on_initiation_created(std::move(*actions.create_initiation).run(), now),
              now);
  }
  perform(side, std::move(actions), now);
}

// Right in form, MAC1 and receiver index; the rest is the input's.
std::vector<std::uint8_t> plausible(Side& to, Input& input) {
  std::vector<std::uint8_t> bytes(handshake_response_bytes);
  std::ranges::copy(input.take(40), bytes.begin() + 12);
  bytes[0] = 2;
  const std::uint32_t index = to.endpoint.indices.live.empty() ? 0 : *to.endpoint.indices.live.rbegin();
  for (std::size_t i = 0; i < 4; ++i) bytes[8 + i] = static_cast<std::uint8_t>(index >> (8 * i));
  const Mac mac1 = mac1_of(bytes, to.endpoint.local->mac1_key);
  std::ranges::copy(mac1, bytes.end() - 2 * mac_bytes);
  return bytes;
}

std::vector<std::uint8_t> cookie_reply(const Side& from, const Side& to) {
  if (to.last_message.size() < handshake_response_bytes) return {};
  const Bytes answered(to.last_message);
  Mac mac1{};
  std::copy_n(answered.end() - 2 * mac_bytes, mac_bytes, mac1.begin());
  const std::uint32_t sender = std::uint32_t{answered[4]} | std::uint32_t{answered[5]} << 8 |
                               std::uint32_t{answered[6]} << 16 | std::uint32_t{answered[7]} << 24;
  const CookieSource source = cookie_source({IpAddress::v4(192, 0, 2, 1), 0, 51820});
  const auto bytes =
      serialise(make_cookie_reply(Secret<32>{}, source, sender, mac1, from.endpoint.local->cookie_key, CookieNonce{}));
  return {bytes.begin(), bytes.end()};
}

void step(Side& self, Side& other, std::uint8_t operation, Input& input, Instant& now) {
  PeerHandshake& handshake = *self.endpoint.handshake;
  switch (operation) {
    case 0:
      now.boot += std::chrono::milliseconds(10 * input.byte());
      break;
    case 1:
      now.boot += std::chrono::seconds(input.byte());
      break;
    case 2:
      now.wall += std::chrono::hours(static_cast<std::int8_t>(input.byte()));
      break;
    case 3:
      start(self, handshake.want_session(now), false, now);
      break;
    case 4:
      start(self, handshake.on_timer(now), false, now);
      break;
    case 5:
      start(self, handshake.want_session(now), true, now);
      break;
    case 6:
      start(self, handshake.on_timer(now), true, now);
      break;
    case 7:
      for (auto& job : std::exchange(self.unfinished, {}))
        perform(self, handshake.on_initiation_created(std::move(job).run(), now), now);
      break;
    case 8:
      perform(self, self.endpoint.receive(other.last_message, now), now);
      break;
    case 9: {
      auto damaged = other.last_message;
      if (!damaged.empty()) damaged[input.byte() % damaged.size()] ^= input.byte();
      perform(self, self.endpoint.receive(damaged, now), now);
      break;
    }
    case 10:
      perform(self, self.endpoint.receive(input.take(input.byte()), now), now);
      break;
    case 11:
      perform(self, self.endpoint.receive(plausible(self, input), now), now);
      break;
    case 12:
      perform(self, self.endpoint.receive(cookie_reply(other, self), now), now);
      break;
    case 13:
      handshake.on_session_confirmed(now);
      break;
    case 14:
      if (input.byte() % 2 == 0) {
        handshake.reset();
        self.last_initiation_at.reset();
      } else {
        handshake.forget_timestamp();
      }
      break;
    default:
      self.endpoint.indices.exhausted = !self.endpoint.indices.exhausted;
      break;
  }
  // At most two indices belong to handshakes: of our initiation and of the response being made.
  const std::size_t live = self.endpoint.indices.live.size();
  SP_CHECK(live >= self.sessions.size() && live <= self.sessions.size() + 2);
}

void check_sessions_agree(const Side& one, const Side& two) {
  for (const auto& [index, session] : one.sessions) {
    const auto peer = two.sessions.find(static_cast<std::uint32_t>(session.remote_index));
    if (peer == two.sessions.end() || static_cast<std::uint32_t>(peer->second.remote_index) != index) {
      SP_CHECK(session.role == Role::responder);  // an initiator's session was made by a responder's
      continue;
    }
    SP_CHECK(session.role != peer->second.role);
    SP_CHECK(std::ranges::equal(session.keys.seal.expose(), peer->second.keys.open.expose()));
    SP_CHECK(std::ranges::equal(session.keys.open.expose(), peer->second.keys.seal.expose()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Side ann(1);
  Side bob(2);
  ann.endpoint.know(bob.endpoint.local->public_key);
  bob.endpoint.know(ann.endpoint.local->public_key);
  Instant now = at(std::chrono::seconds(100));
  Input input(Bytes(data, size));
  for (std::size_t i = 0; i < steps_max && !input.empty(); ++i) {
    const std::uint8_t command = input.byte();
    const bool is_ann = (command & 16) == 0;
    step(is_ann ? ann : bob, is_ann ? bob : ann, command & 15, input, now);
  }
  check_sessions_agree(ann, bob);
  check_sessions_agree(bob, ann);
  for (Side* side : {&ann, &bob}) {
    side->endpoint.handshake.reset();
    SP_CHECK(side->endpoint.indices.live.size() == side->sessions.size());
  }
  return 0;
}
