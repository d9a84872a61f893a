#include "tools/ctl/enroll/tunnel_target.hpp"

#include <utility>

#include "tools/ctl/enroll/private_file.hpp"
#include "tools/ctl/key_material.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/wg_quick.hpp"

namespace sallyport::ctl {

WipedText wg_quick_text(const Grant& grant, const PrivateKey& key) {
  const TunnelPlan& tunnel = grant.tunnel;
  WgQuick file;
  file.peer = printable(grant.identity);
  file.public_key = grant.public_key;
  file.addresses = tunnel.addresses;
  file.mtu = tunnel.mtu;
  for (const IpAddress& server : tunnel.dns) file.dns.push_back(server.to_string());
  file.gateway_public_key = tunnel.gateway_key;
  file.endpoint = tunnel.endpoint;
  file.allowed_ips = tunnel.routes;
  if (tunnel.persistent_keepalive_s != 0) file.persistent_keepalive_s = tunnel.persistent_keepalive_s;
  file.notes.push_back("Written by 'sallyctl enroll', which replaces it; session " + grant.session);
  const SecretText text(key);
  const SecretText preshared_text(tunnel.preshared_key.duplicate());
  return WipedText(
      to_text(file, text.view(), tunnel.preshared_key.is_set() ? preshared_text.view() : std::string_view()));
}

TunnelTarget::TunnelTarget(Settings settings, SystemTools tools) : settings_(std::move(settings)) {
  if (!settings_.interface.empty()) interface_.emplace(settings_.interface, std::move(tools));
}

tl::expected<PrivateKey, std::string> TunnelTarget::find_key() {
  if (!settings_.key_file.empty()) return load_or_make_key(settings_.key_file);
  if (!interface_) return key_of_wg_quick_file(settings_.file);
  if (interface_->former_key()) return interface_->former_key()->duplicate();
  return generate_private_key();
}

TunnelTarget::Checked TunnelTarget::prepare() {
  if (interface_)
    if (auto looked = interface_->look(); !looked) return looked;
  auto key = find_key();
  if (!key) return tl::unexpected(key.error());
  key_ = std::move(*key);
  public_key_ = public_key_of(*key_);
  return {};
}

TunnelTarget::Checked TunnelTarget::write_file(const Grant& grant) const {
  return write_private_file(settings_.file, wg_quick_text(grant, *key_).expose());
}

TunnelTarget::Checked TunnelTarget::show(const Grant& grant, std::vector<std::string>& notes) {
  if (shown_ == grant.tunnel && session_ == grant.session) return {};
  shown_.reset();  // what a failure leaves is nothing in particular
  const auto session = std::exchange(session_, grant.session) == grant.session ? TunnelInterface::Session::goes_on
                                                                               : TunnelInterface::Session::is_new;
  auto shown = interface_ ? interface_->apply(grant.tunnel, *key_, session, notes) : write_file(grant);
  if (shown) shown_ = grant.tunnel;
  return shown;
}

TunnelTarget::Checked TunnelTarget::use_key(PrivateKey key) {
  if (!settings_.key_file.empty())
    if (auto saved = save_key(settings_.key_file, key); !saved) return saved;
  if (interface_)
    if (auto set = interface_->set_key(key); !set) return set;
  key_ = std::move(key);
  public_key_ = public_key_of(*key_);
  if (!interface_) shown_.reset();  // the file has the former key
  return {};
}

std::optional<TunnelView> TunnelTarget::view() const {
  if (!interface_ || !shown_) return std::nullopt;
  return interface_->view(shown_->gateway_key, wall_now());
}

TunnelTarget::Checked TunnelTarget::leave() {
  if (!interface_) return {};
  return interface_->remove();
}

}  // namespace sallyport::ctl
