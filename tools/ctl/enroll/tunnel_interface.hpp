// A WireGuard interface of this machine: made, configured, looked at and removed, by the programs that every machine
// with WireGuard has. An interface of an earlier run is taken over as it is; one that somebody else configured is left
// alone. Ours is known by its alias.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "tools/ctl/enroll/address_batch.hpp"
#include "tools/ctl/enroll/client_key.hpp"
#include "tools/ctl/enroll/grant.hpp"
#include "tools/ctl/enroll/requests.hpp"
#include "tools/ctl/enroll/system_tools.hpp"
#include "tools/ctl/enroll/wg_dump.hpp"

namespace sallyport::ctl {

// 1 to 15 letters, digits, '.', '_' and '-'; the first is a letter or digit.
[[nodiscard]] bool is_interface_name(std::string_view text);

class TunnelInterface {
 public:
  using Checked = tl::expected<void, std::string>;

  TunnelInterface(std::string name, SystemTools tools);

  // Whether the name may be used: nothing has it, or an interface of an earlier run, or a WireGuard interface that
  // nobody configured. Fills former_key(). Call it first.
  [[nodiscard]] Checked look();
  [[nodiscard]] const std::optional<PrivateKey>& former_key() const { return former_key_; }

  // Makes the interface what the plan says, whatever it was before; a tunnel that is the same already loses no packet.
  // `notes`: what does not work and leaves the tunnel usable.
  // Of a session that the gateway has only just begun, this end begins anew too: keys that only it still has would keep
  // it silent until they are 15 s without an answer (WireGuard paper, 6.5).
  enum class Session : std::uint8_t { goes_on, is_new };
  [[nodiscard]] Checked apply(const TunnelPlan& plan, const PrivateKey& key, Session session,
                              std::vector<std::string>& notes);
  [[nodiscard]] Checked set_key(const PrivateKey& key) const;
  [[nodiscard]] std::optional<TunnelView> view(const PublicKey& gateway_key, WallTime now) const;
  // If it is ours.
  [[nodiscard]] Checked remove();

  // The mark of packets that pass a default route of the tunnel by; 0: there is no such route.
  [[nodiscard]] std::uint32_t mark() const { return mark_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  [[nodiscard]] Checked make(std::vector<std::string>& notes);
  [[nodiscard]] Checked set_peer(const TunnelPlan& plan, const PrivateKey& key, Session session);
  [[nodiscard]] Checked remove_peers(const std::vector<WgPeer>& peers, const std::optional<PublicKey>& but) const;
  [[nodiscard]] Checked set_addresses_and_routes(const TunnelPlan& plan, bool ipv6) const;
  [[nodiscard]] Checked set_rules(bool ipv6, bool has_default_route) const;
  [[nodiscard]] Json routes_of(const BatchTarget& target) const;
  void set_resolvers(const TunnelPlan& plan, std::vector<std::string>& notes) const;
  [[nodiscard]] std::optional<WgInterface> dump() const;

  std::string name_;
  SystemTools tools_;
  std::optional<PrivateKey> former_key_;
  bool exists_ = false;
  bool is_ours_ = false;
  std::uint32_t mark_ = 0;
};

}  // namespace sallyport::ctl
