#include <sodium.h>

#include <array>
#include <istream>
#include <ostream>

#include "config/base/base64.hpp"
#include "config/base/secret.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/key_material.hpp"

namespace sallyport::ctl {
namespace {

constexpr std::size_t longest_input_bytes = 256;

void print_secret(const Invocation& call, const Secret<key_bytes>& secret) {
  warn_if_others_can_read(call.terminal);
  SecretText text(secret);
  call.terminal.out << text.view() << '\n';
}

ExitCode run_keygen(const Invocation& call) {
  const Secret<key_bytes> key = generate_private_key();
  if (!call.json) {
    print_secret(call, key);
    return ExitCode::success;
  }
  warn_if_others_can_read(call.terminal);
  SecretText text(key);
  call.terminal.out << "{\"private_key\": \"" << text.view() << "\", \"public_key\": \""
                    << encode_key(public_key_of(key)) << "\"}\n";
  return ExitCode::success;
}

ExitCode run_genpsk(const Invocation& call) {
  const Secret<key_bytes> key = generate_preshared_key();
  if (!call.json) {
    print_secret(call, key);
    return ExitCode::success;
  }
  warn_if_others_can_read(call.terminal);
  SecretText text(key);
  call.terminal.out << "{\"preshared_key\": \"" << text.view() << "\"}\n";
  return ExitCode::success;
}

ExitCode run_pubkey(const Invocation& call) {
  std::array<char, longest_input_bytes> input{};
  call.terminal.in.read(input.data(), input.size());
  const auto key = read_key_text({input.data(), static_cast<std::size_t>(call.terminal.in.gcount())});
  sodium_memzero(input.data(), input.size());
  if (!key) {
    call.terminal.err
        << "sallyctl pubkey: expected a private key on standard input: 44 characters of base64, as keygen "
           "prints them\n";
    return ExitCode::failed;
  }
  const std::string public_key = encode_key(public_key_of(*key));
  call.terminal.out << (call.json ? "{\"public_key\": \"" + public_key + "\"}\n" : public_key + '\n');
  return ExitCode::success;
}

}  // namespace

std::span<const Command> key_commands() {
  static constexpr std::array list = {
      Command{"keygen", "", 0, 0, "A new private key", "Keep it in a file that nobody else can read.",
              "  (umask 077 && sallyctl keygen > wg0.key)\n  sallyctl pubkey < wg0.key", nullptr, run_keygen},
      Command{"genpsk", "", 0, 0, "A new preshared key",
              "The same one on both sides, in preshared_key_file here; it protects the tunnel even if X25519 falls.",
              "  (umask 077 && sallyctl genpsk > ann.psk)", nullptr, run_genpsk},
      Command{"pubkey", "", 0, 0, "The public key of the private key on standard input", "",
              "  sallyctl pubkey < wg0.key", nullptr, run_pubkey},
  };
  return list;
}

}  // namespace sallyport::ctl
