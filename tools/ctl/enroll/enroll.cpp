#include <unistd.h>

#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/enroll/enrolled_machine.hpp"
#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/key_material.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

constexpr const char* enroll_command = "enroll";
constexpr const char* usual_search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

ExitCode fail(const Invocation& call, const std::string& message) {
  call.terminal.err << "sallyctl enroll: " << printable(message) << '\n';
  return ExitCode::failed;
}

// What this process was started with, but the token.
std::vector<std::string> environment_without(const std::string& variable) {
  std::vector<std::string> environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    if (variable.empty() || !std::string_view(*entry).starts_with(variable + '=')) environment.emplace_back(*entry);
  return environment;
}

ExitCode print_nonce(const Invocation& call) {
  if (!call.has("key-file")) return usage_error(call.terminal, enroll_command, "--print-nonce needs --key-file F");
  const auto key = load_or_make_key(call.text("key-file"));
  if (!key) return fail(call, key.error());
  const PublicKey public_key = public_key_of(*key);
  if (call.json) {
    call.terminal.out << to_text({{"public_key", encode_key(public_key)}, {"nonce", nonce_of(public_key)}}) << '\n';
  } else {
    call.terminal.out << nonce_of(public_key) << '\n';
  }
  return ExitCode::success;
}

std::optional<DeviceFlow> device_flow(const ProofSettings& settings, EnrollReport& report, const StopSignal& stop) {
  if (settings.device.issuer.empty()) return std::nullopt;
  const auto wait = [&stop](std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds longest{30'000};  // StopSignal waits no longer than a minute at once
    for (; time > longest; time -= longest)
      if (stop.wait(longest)) return true;
    return stop.wait(time);
  };
  return DeviceFlow(settings.device, {.show = [&report](const DeviceCode& code) { report.confirm(code); },
                                      .wait = wait,
                                      .stop_descriptor = stop.descriptor()});
}

ExitCode run_enroll(const Invocation& call) {
  if (call.has("print-nonce")) return print_nonce(call);
  auto settings = read_enroll_settings(call);
  if (!settings) return usage_error(call.terminal, enroll_command, settings.error());
  TunnelTarget target(settings->target, SystemTools(call.terminal.environment("PATH").value_or(usual_search_path)));
  if (const auto prepared = target.prepare(); !prepared) return fail(call, prepared.error());
  EnrollReport report(call, settings->stay);
  const StopSignal stop;
  ProofSource proof(settings->proof, call.terminal.environment, device_flow(settings->proof, report, stop));
  settings->https.stop_descriptor = stop.descriptor();
  EnrolmentClient client(settings->https, proof, settings->instance);
  EnrolledMachine machine(*settings, client, proof, target, report,
                          environment_without(settings->proof.token_variable));
  return settings->stay ? machine.stay(stop) : machine.enroll_once();
}

}  // namespace

std::span<const Command> enroll_commands() {
  static constexpr std::array list = {
      Command{
          "enroll", "URL", 0, 1, "Get this machine a tunnel by proof: a token, a certificate, or somebody who says yes",
          "Needs no gateway on this machine and no configured peer: only WireGuard (of the kernel, or wireguard-go), "
          "'wg' and\n'ip'. Once, or with --stay for as long as it runs. An interface of an earlier run is taken over "
          "with its key.\nWhat the answer says is parsed and written anew: no text of it reaches a file or a command. "
          "Exit status 3: no\ngateway answers at the URL.",
          "  sallyctl enroll https://vpn.example.com:8443 --ca ca.pem --token-file /var/run/secrets/token \\\n"
          "      --interface wg0 --stay\n"
          "  sallyctl enroll https://vpn.example.com:8443 --token-env ENROLMENT_KEY --write wg0.conf\n"
          "  sallyctl enroll https://vpn.example.com:8443 --device-flow https://idp.example.com --client-id vpn \\\n"
          "      --interface wg0 --stay\n"
          "  sallyctl enroll https://vpn.example.com:8443 --certificate svid.pem --certificate-key svid.key \\\n"
          "      --interface wg0 --stay --posture disk_encrypted=true --rotate-key 12h\n"
          "  sallyctl enroll --print-nonce --key-file wg0.key",
          describe_enroll_options, run_enroll},
  };
  return list;
}

}  // namespace sallyport::ctl
