#include <sodium.h>
#include <array>

#include <ostream>

#include "config/secret_files.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/key_material.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/qr_code.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/wg_quick.hpp"

namespace sallyport::ctl {
namespace {

constexpr const char* client_config_command = "client-config";

using Checked = tl::expected<void, std::string>;

// What the options say goes before what the gateway says.
Checked apply_options(const Invocation& call, WgQuick& file) {
  if (call.has("endpoint")) {
    if (!is_host_and_port(call.text("endpoint")))
      return tl::unexpected("--endpoint: expected HOST:PORT, got '" + call.text("endpoint") + "'");
    file.endpoint = call.text("endpoint");
  }
  if (call.has("allowed-ips")) {
    file.allowed_ips.clear();
    for (const std::string& text : list_option(call, "allowed-ips")) {
      const auto prefix = IpPrefix::parse(text);
      if (!prefix) return tl::unexpected("--allowed-ips: expected ADDRESS/LENGTH, got '" + text + "'");
      file.allowed_ips.push_back(prefix->network());
    }
  }
  if (call.has("dns")) {
    file.dns = list_option(call, "dns");
    for (const std::string& server : file.dns)
      if (!IpAddress::parse(server) && !is_host_name(server))
        return tl::unexpected("--dns: expected an address or a search domain, got '" + server + "'");
  }
  const auto keepalive = number_option(call, "persistent-keepalive", 0, 65535);
  if (!keepalive) return tl::unexpected(keepalive.error());
  if (*keepalive) file.persistent_keepalive_s = static_cast<std::uint16_t>(**keepalive);
  if (file.persistent_keepalive_s == 0) file.persistent_keepalive_s.reset();
  return {};
}

// The client's own key: from a file, new, or none.
tl::expected<std::optional<Secret<key_bytes>>, std::string> private_key_of(const Invocation& call, WgQuick& file) {
  if (!call.has("generate") && !call.has("private-key-file")) return std::nullopt;
  std::optional<Secret<key_bytes>> key;
  if (call.has("generate")) {
    key = generate_private_key();
  } else {
    auto read = config::read_key_file(call.text("private-key-file"));
    if (!read) return tl::unexpected(read.error());
    key = std::move(*read);
  }
  const PublicKey own = public_key_of(*key);
  if (own != file.public_key) {
    file.notes.push_back("This key is not yet the gateway's. In gateway.toml, [[peer]] " + file.peer + ", put:");
    file.notes.push_back("  public_key = \"" + encode_key(own) + "\"");
    file.notes.push_back("and run 'sallyctl reload'.");
    file.public_key = own;
  }
  return key;
}

// The API never serves secrets: whoever may read the file has the preshared key, others are told where it is.
std::optional<Secret<key_bytes>> preshared_key_of(const WgQuick& file) {
  if (!file.preshared_key_file) return std::nullopt;
  auto read = config::read_key_file(*file.preshared_key_file);
  if (!read) return std::nullopt;
  return std::move(*read);
}

ExitCode print_file(const Invocation& call, const WgQuick& file, const std::string& text) {
  std::ostream& out = call.terminal.out;
  for (const std::string& note : file.notes) call.terminal.err << printable(note) << '\n';
  if (call.json) {
    const Json document = {{"peer", file.peer}, {"public_key", encode_key(file.public_key)}, {"wg_quick", text}};
    out << to_text(document) << '\n';
    return ExitCode::success;
  }
  if (!call.has("qr")) {
    out << text;
    return ExitCode::success;
  }
  const auto code = qr_code(text, call.terminal.out_is_terminal);
  if (!code) {
    call.terminal.err << "sallyctl client-config: too long for a QR code: shorten --allowed-ips\n";
    return ExitCode::failed;
  }
  out << *code;
  return ExitCode::success;
}

ExitCode run_client_configuration(const Invocation& call) {
  if (call.has("generate") && call.has("private-key-file"))
    return usage_error(call.terminal, client_config_command, "--generate and --private-key-file exclude each other");
  if (call.has("qr") && !call.has("generate") && !call.has("private-key-file"))
    return usage_error(call.terminal, client_config_command,
                       "a QR code is useless without a key: add --generate or --private-key-file F");
  const auto answer = get(call, "/v1/client-config/" + segment(call.arguments[0]));
  if (!answer) return answer.error();
  auto file = read_client_configuration(*answer);
  if (!file) {
    call.terminal.err << "sallyctl client-config: " << file.error() << '\n';
    return ExitCode::failed;
  }
  if (const auto applied = apply_options(call, *file); !applied)
    return usage_error(call.terminal, client_config_command, applied.error());
  const auto private_key = private_key_of(call, *file);
  if (!private_key) {
    call.terminal.err << "sallyctl client-config: " << printable(private_key.error()) << '\n';
    return ExitCode::failed;
  }
  const auto preshared_key = preshared_key_of(*file);
  const Secret<key_bytes> none;
  const SecretText private_text(*private_key ? **private_key : none);
  const SecretText preshared_text(preshared_key ? *preshared_key : none);
  if (*private_key || preshared_key) warn_if_others_can_read(call.terminal);
  std::string text = to_text(*file, *private_key ? private_text.view() : std::string_view(),
                             preshared_key ? preshared_text.view() : std::string_view());
  const ExitCode code = print_file(call, *file, text);
  sodium_memzero(text.data(), text.size());
  return code;
}

void client_configuration_options(AddOptions add) {
  add("endpoint", word("HOST:PORT"), "where the client finds the gateway; default: its first underlay address");
  add("private-key-file", word("F"), "put this private key in");
  add("generate", "put a new private key in, and say its public key");
  add("allowed-ips", words("PREFIXES"), "what goes through the tunnel; default: what the gateway reaches");
  add("dns", words("ADDRESSES"), "resolvers and search domains");
  add("persistent-keepalive", word("SECONDS"), "keep a NAT's mapping alive; default: as the gateway does, 0: off");
  add("qr", "as a QR code, for a phone");
}

}  // namespace

std::span<const Command> client_configuration_commands() {
  static constexpr std::array list = {
      Command{"client-config", "PEER", 1, 1, "A ready wg-quick file for a peer of the configuration",
              "Without --generate or --private-key-file the key is left for the client to fill in. The preshared key "
              "is put\n"
              "in if you may read its file. A new key works only when its public key stands in gateway.toml.",
              "  sallyctl client-config ann-laptop --endpoint vpn.example.com:51820\n"
              "  sallyctl client-config ann-phone --generate --qr\n"
              "  sallyctl client-config ann-laptop --allowed-ips 0.0.0.0/0,::/0 --dns 10.0.0.53",
              client_configuration_options, run_client_configuration},
  };
  return list;
}

}  // namespace sallyport::ctl
