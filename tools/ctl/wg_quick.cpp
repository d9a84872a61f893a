#include "tools/ctl/wg_quick.hpp"

#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

tl::expected<std::vector<IpPrefix>, std::string> read_prefixes(const Json& answer, const char* key) {
  std::vector<IpPrefix> prefixes;
  for (const Json& element : list_field(answer, key)) {
    const auto prefix = element.is_string() ? IpPrefix::parse(element.get_ref<const std::string&>()) : std::nullopt;
    if (!prefix) return tl::unexpected(std::string(key) + " of the answer are no prefixes");
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

template <typename Value, typename ToText>
std::string list_text(const std::vector<Value>& values, ToText to_text) {
  std::string text;
  for (const Value& value : values) text += (text.empty() ? "" : ", ") + to_text(value);
  return text;
}

std::string prefixes_text(const std::vector<IpPrefix>& prefixes) {
  return list_text(prefixes, [](const IpPrefix& prefix) { return prefix.to_string(); });
}

}  // namespace

tl::expected<WgQuick, std::string> read_client_configuration(const Json& answer) {
  WgQuick file;
  file.peer = printable(text_field(answer, "peer"));
  const auto public_key = decode_key(text_field(answer, "public_key"));
  const auto gateway_key = decode_key(text_field(answer, "gateway_public_key"));
  if (!public_key) return tl::unexpected(std::string("the answer has no public key of the peer"));
  if (!gateway_key) return tl::unexpected(std::string("the gateway does not know its own public key yet"));
  file.public_key = *public_key;
  file.gateway_public_key = *gateway_key;
  auto addresses = read_prefixes(answer, "addresses");
  auto allowed = read_prefixes(answer, "allowed_ips");
  if (!addresses || !allowed) return tl::unexpected(addresses ? allowed.error() : addresses.error());
  file.addresses = std::move(*addresses);
  file.allowed_ips = std::move(*allowed);
  const auto mtu = number_field(answer, "mtu");
  if (mtu > 65535) return tl::unexpected(std::string("the MTU of the answer is out of range"));
  file.mtu = static_cast<std::uint16_t>(mtu);
  if (const std::string endpoint = text_field(answer, "endpoint", ""); !endpoint.empty()) {
    if (!is_host_and_port(endpoint)) return tl::unexpected(std::string("the endpoint of the answer is none"));
    file.endpoint = endpoint;
  }
  for (const Json& server : list_field(answer, "dns")) {
    const auto address = server.is_string() ? IpAddress::parse(server.get_ref<const std::string&>()) : std::nullopt;
    if (!address) return tl::unexpected(std::string("dns of the answer has something that is no address"));
    file.dns.push_back(address->to_string());
  }
  const auto keepalive = number_field(answer, "persistent_keepalive_s");
  if (keepalive > 0 && keepalive <= 65535) file.persistent_keepalive_s = static_cast<std::uint16_t>(keepalive);
  if (const std::string path = text_field(answer, "preshared_key_file", ""); !path.empty())
    file.preshared_key_file = path;
  return file;
}

std::string to_text(const WgQuick& file, std::string_view private_key, std::string_view preshared_key) {
  std::string text = "# WireGuard configuration of " + file.peer + ", for wg-quick\n";
  for (const std::string& note : file.notes) text += "# " + printable(note) + '\n';
  text += "\n[Interface]\n";
  if (private_key.empty()) {
    text += "# PrivateKey = the private key of " + file.peer + ", whose public key is " + encode_key(file.public_key) +
            '\n';
  } else {
    text += "PrivateKey = " + std::string(private_key) + '\n';
  }
  if (file.addresses.empty()) {
    text += "# Address = this side's address in the tunnel: allowed_ips of the peer names networks only\n";
  } else {
    text += "Address = " + prefixes_text(file.addresses) + '\n';
  }
  if (!file.dns.empty())
    text += "DNS = " + list_text(file.dns, [](const std::string& server) { return server; }) + '\n';
  if (file.mtu != 0) text += "MTU = " + std::to_string(file.mtu) + '\n';
  text += "\n[Peer]\nPublicKey = " + encode_key(file.gateway_public_key) + '\n';
  if (!preshared_key.empty()) {
    text += "PresharedKey = " + std::string(preshared_key) + '\n';
  } else if (file.preshared_key_file) {
    text += "# PresharedKey = what stands in " + printable(*file.preshared_key_file) + '\n';
  }
  text +=
      file.endpoint ? "Endpoint = " + *file.endpoint + '\n' : "# Endpoint = HOST:PORT, where the gateway is reached\n";
  text += "AllowedIPs = " + prefixes_text(file.allowed_ips) + '\n';
  if (file.persistent_keepalive_s)
    text += "PersistentKeepalive = " + std::to_string(*file.persistent_keepalive_s) + '\n';
  return text;
}

}  // namespace sallyport::ctl
