// Where a granted tunnel goes: an interface of this machine, or a file for wg-quick. Holds the private key.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "tools/ctl/enroll/client_key.hpp"
#include "tools/ctl/enroll/grant.hpp"
#include "tools/ctl/enroll/tunnel_interface.hpp"

namespace sallyport::ctl {

class TunnelTarget {
 public:
  using Checked = tl::expected<void, std::string>;
  struct Settings {
    std::string interface, file;  // one of them
    std::string key_file;         // empty: the key is in the file, or in memory
  };

  TunnelTarget(Settings settings, SystemTools tools);

  // Finds or makes the key, and sees whether the interface may be used. Call it first.
  [[nodiscard]] Checked prepare();
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }

  // The tunnel is what was granted now. Nothing is done if it was before.
  [[nodiscard]] Checked show(const Grant& grant, std::vector<std::string>& notes);
  // The gateway knows this key already. After it failed the former key is in use.
  [[nodiscard]] Checked use_key(PrivateKey key);
  [[nodiscard]] std::optional<TunnelView> view() const;
  [[nodiscard]] Checked leave();  // the interface that was made goes; a file stays
  [[nodiscard]] std::uint32_t mark() const { return interface_ ? interface_->mark() : 0; }

 private:
  [[nodiscard]] tl::expected<PrivateKey, std::string> find_key();
  [[nodiscard]] Checked write_file(const Grant& grant) const;

  Settings settings_;
  std::optional<TunnelInterface> interface_;
  std::optional<PrivateKey> key_;
  PublicKey public_key_{};
  std::optional<TunnelPlan> shown_;
  std::string session_;  // whose plan it is
};

// The wg-quick file of a grant; every value of it was parsed.
[[nodiscard]] WipedText wg_quick_text(const Grant& grant, const PrivateKey& key);

}  // namespace sallyport::ctl
