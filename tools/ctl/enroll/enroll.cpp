#include <unistd.h>

#include <ostream>

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

}  // namespace

ExitCode run_enroll(const Invocation& call) {
  if (call.has("print-nonce")) return print_nonce(call);
  auto settings = read_enroll_settings(call);
  if (!settings) return usage_error(call.terminal, enroll_command, settings.error());
  TunnelTarget target(settings->target, SystemTools(call.terminal.environment("PATH").value_or(usual_search_path)));
  if (const auto prepared = target.prepare(); !prepared) return fail(call, prepared.error());
  ProofSource proof(settings->proof, call.terminal.environment);
  EnrollReport report(call, settings->stay);
  const StopSignal stop;
  settings->https.stop_descriptor = stop.descriptor();
  EnrolmentClient client(settings->https, proof, settings->instance);
  EnrolledMachine machine(*settings, client, proof, target, report,
                          environment_without(settings->proof.token_variable));
  return settings->stay ? machine.stay(stop) : machine.enroll_once();
}

}  // namespace sallyport::ctl
