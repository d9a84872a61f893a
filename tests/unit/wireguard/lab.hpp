// A WireGuard peer without a network or a clock: everything that a PeerHandshake needs, deterministic, with its jobs
// run on the spot. Tests and the fuzz target connect two of them, or one of them with arbitrary bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "config/base/check.hpp"
#include "controlplane/wireguard/peer_handshake.hpp"

namespace sallyport::wireguard {

// xorshift64*: good enough to make keys that differ.
class TestRandom {
 public:
  explicit TestRandom(std::uint64_t seed) : state_(seed * 2 + 1) {}
  void operator()(std::span<std::uint8_t> out) {
    for (auto& byte : out) {
      state_ ^= state_ >> 12;
      state_ ^= state_ << 25;
      state_ ^= state_ >> 27;
      byte = static_cast<std::uint8_t>((state_ * 0x2545F4914F6CDD1DULL) >> 56);
    }
  }

 private:
  std::uint64_t state_;
};

class TestIndices final : public IndexAllocator {
 public:
  std::optional<LocalIndex> allocate(PeerId) override {
    if (exhausted) return std::nullopt;
    live.insert(++last_);
    return LocalIndex{last_};
  }
  void release(LocalIndex index) noexcept override {
    SP_CHECK(live.erase(static_cast<std::uint32_t>(index)) == 1);  // never twice, never another's
  }

  std::set<std::uint32_t> live;
  bool exhausted = false;

 private:
  std::uint32_t last_ = 0x1000;
};

inline Instant at(std::chrono::nanoseconds boot, std::chrono::nanoseconds wall_ahead = std::chrono::years(50)) {
  return {BootTime(boot), WallTime(boot + wall_ahead)};
}

// One end: an interface with one peer.
struct Endpoint {
  Endpoint(std::uint64_t seed) : environment{TestRandom(seed), indices, timestamps} {
    local = make_local_identity(draw_private_key(environment.random));
  }
  void know(const PublicKey& peer, PresharedKey preshared_key = {}) {
    auto keys = make_peer_keys(*local, peer, std::move(preshared_key));
    SP_CHECK(keys.has_value());
    handshake = std::make_unique<PeerHandshake>(PeerId{7}, environment, local, *keys);
  }

  // Runs the job of an action at once and returns all that comes of it.
  Actions run(Actions actions, const Instant& now) {
    if (!actions.create_initiation) return actions;
    auto created = handshake->on_initiation_created(std::move(*actions.create_initiation).run(), now);
    SP_CHECK(created.has_value());
    created->reresolve_endpoint = actions.reresolve_endpoint;
    return std::move(*created);
  }
  Actions want(const Instant& now) { return run(handshake->want_session(now), now); }
  Actions tick(const Instant& now) { return run(handshake->on_timer(now), now); }

  tl::expected<Actions, HandshakeError> receive_initiation(Bytes bytes, const Instant& now) {
    const auto message = parse_initiation(bytes);
    if (!message) return tl::unexpected(message.error());
    auto identified = IdentifyInitiatorJob{local, *message}.run();
    if (!identified) return tl::unexpected(identified.error());
    if (identified->initiator() != handshake->keys().public_key) return tl::unexpected(HandshakeError::unknown_peer);
    auto job = handshake->accept_initiation(std::move(*identified), now);
    if (!job) return tl::unexpected(job.error());
    return handshake->on_response_created(std::move(*job).run(), now);
  }
  tl::expected<Actions, HandshakeError> receive_response(Bytes bytes, const Instant& now) {
    const auto message = parse_response(bytes);
    if (!message) return tl::unexpected(message.error());
    auto job = handshake->accept_response(*message);
    if (!job) return tl::unexpected(job.error());
    return handshake->on_response_consumed(job->run(), now);
  }
  tl::expected<void, HandshakeError> receive_cookie_reply(Bytes bytes, const Instant& now) {
    const auto message = parse_cookie_reply(bytes);
    if (!message) return tl::unexpected(message.error());
    return handshake->on_cookie_reply(*message, now);
  }
  tl::expected<Actions, HandshakeError> receive(Bytes bytes, const Instant& now) {
    const auto type = peek_type(bytes);
    if (!type) return tl::unexpected(type.error());
    if (*type == MessageType::handshake_initiation) return receive_initiation(bytes, now);
    if (*type == MessageType::handshake_response) return receive_response(bytes, now);
    if (auto taken = receive_cookie_reply(bytes, now); !taken) return tl::unexpected(taken.error());
    return Actions{};
  }

  TestIndices indices;
  TimestampSource timestamps;
  HandshakeEnvironment environment;
  std::shared_ptr<const LocalIdentity> local;
  std::unique_ptr<PeerHandshake> handshake;
};

// Two ends that know each other.
struct Pair {
  explicit Pair(bool with_preshared_key = false) {
    PresharedKey psk;
    if (with_preshared_key) ann.environment.random(psk.expose_mutable());
    ann.know(bob.local->public_key, psk.duplicate());
    bob.know(ann.local->public_key, psk.duplicate());
  }

  Endpoint ann{1};
  Endpoint bob{2};
};

}  // namespace sallyport::wireguard
