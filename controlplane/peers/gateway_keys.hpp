// The keys that a configuration names, read from their files and prepared for handshakes. At a reload what did not
// change is taken over, object by object: a peer whose keys are the same object is the same peer.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "controlplane/identity/peer.hpp"
#include "controlplane/wireguard/keys.hpp"

namespace sallyport::controlplane {

struct GatewayKeys {
  std::map<std::string, std::shared_ptr<const wireguard::LocalIdentity>> tunnels;  // by the interface's name
  std::map<std::string, std::shared_ptr<const wireguard::PeerKeys>> peers;         // by the peer's name
  // Of peers whose key changed, the one before while it is still good. Not of configurations: load_keys() makes none.
  std::map<std::string, std::shared_ptr<const wireguard::PeerKeys>> former_peers;
  // [controlplane] user, whose the key files may be: whoever checks a configuration may be somebody else.
  std::optional<uid_t> reader;
};

// Nobody: [controlplane] user is not set, or there is no such user.
[[nodiscard]] std::optional<uid_t> reader_of(const config::Config& configuration);

// All errors at once: files that cannot be read or that others can read, public keys that are low-order points or the
// interface's own. One Diffie-Hellman for each peer that is new (45 us), spread over two threads when there are many.
// Of the interfaces of the configuration, and of `peers`.
[[nodiscard]] tl::expected<GatewayKeys, std::vector<config::Error>> load_keys(const config::Config& configuration,
                                                                              std::span<const Peer> peers,
                                                                              const GatewayKeys& before);

// Of one peer more, on a tunnel of `keys`; or why not, in one sentence. What did not change is taken over from
// `before`.
[[nodiscard]] tl::expected<std::shared_ptr<const wireguard::PeerKeys>, std::string> load_peer_keys(
    const Peer& peer, const GatewayKeys& keys, const GatewayKeys& before);
// The key that the peer had before its present one, while it is still good. Without it if it cannot be had.
void add_former_key(Peer peer, const PublicKey& former_key, GatewayKeys& keys, const GatewayKeys& before);

}  // namespace sallyport::controlplane
