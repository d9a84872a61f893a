#include <array>
#include <ostream>

#include "config/difference.hpp"
#include "config/load.hpp"
#include "config/peer_warnings.hpp"
#include "controlplane/flows/flow_records.hpp"
#include "controlplane/runtime/instant_now.hpp"
#include "controlplane/validation.hpp"
#include "dataplane/io/memory.hpp"
#include "tools/ctl/check_machine.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/policy_files.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

// All that keeps a gateway from starting with this file.
struct Verdict {
  Errors errors;
  dataplane::MemoryNeed need;
  std::optional<controlplane::PolicyService::Prepared> policy;  // of the files that it names, if they are good
  // Of all that is read, and of what this machine lacks; a broken file of peers.d keeps no gateway from starting.
  std::vector<std::string> warnings;
  std::size_t folder_peers = 0;  // in peers.d
};

// The peers of gateway.toml and of peers.d, as the control plane takes them. Without keys (their files are elsewhere,
// or an error already) all are taken.
std::vector<controlplane::Peer> judge_peers(const std::string& file, const config::Config& configuration,
                                            const controlplane::GatewayKeys* keys, Verdict& verdict) {
  const auto accept = [&](const config::Peer& peer) -> std::optional<std::string> {
    if (keys == nullptr) return std::nullopt;
    const auto loaded = controlplane::load_peer_keys(
        controlplane::configured_peer(peer, controlplane::PeerOrigin::peer_file), *keys, {});
    return loaded ? std::nullopt : std::optional(loaded.error());
  };
  const config::PeerFolder folder = peer_folder(file, configuration, accept);
  for (const config::PeerFolder::Problem& problem : folder.problems())
    verdict.warnings.push_back(config::to_string(problem.error));
  std::vector<controlplane::Peer> peers = controlplane::configured_peers(configuration.peers);
  for (const config::Peer& peer : folder.peers()) {
    for (std::string& warning : config::peer_warnings(configuration, peer))
      verdict.warnings.push_back(std::move(warning));
    peers.push_back(controlplane::configured_peer(peer, controlplane::PeerOrigin::peer_file));
  }
  verdict.folder_peers = peers.size() - configuration.peers.size();
  return peers;
}

void judge_policy(const config::Config& configuration, std::span<const controlplane::Peer> peers, Verdict& verdict) {
  if (configuration.policy.files.empty()) return;
  auto policy = controlplane::validate_policy(configuration, peers, controlplane::instant_now());
  if (!policy) {
    verdict.errors.insert(verdict.errors.end(), policy.error().begin(), policy.error().end());
    return;
  }
  verdict.warnings.insert(verdict.warnings.end(), policy->warnings.begin(), policy->warnings.end());
  verdict.policy = std::move(*policy);
}

Verdict judge(const Invocation& call, const config::Config& configuration) {
  const bool without_keys = call.has("without-key-files");
  Verdict verdict{.errors = {},
                  .need = dataplane::compute_memory(configuration.dataplane, configuration.ports),
                  .policy = std::nullopt,
                  .warnings = configuration.warnings};
  const auto keys = controlplane::validate(configuration, {},
                                           without_keys ? controlplane::KeyFiles::leave : controlplane::KeyFiles::read);
  if (!keys) verdict.errors = keys.error();
  if (configuration.flow_records && !without_keys)
    if (auto problem =
            controlplane::FlowRecords::foresee(*configuration.flow_records, controlplane::reader_of(configuration)))
      verdict.errors.push_back({configuration.flow_records->location, "file: " + *problem});
  if (const auto reserved = dataplane::memory_to_reserve_mb(configuration.dataplane, verdict.need); !reserved)
    verdict.errors.push_back({configuration.dataplane.location, reserved.error()});
  for (const config::Error& missing : missing_here(configuration, verdict.need))
    verdict.warnings.push_back(config::to_string(missing));
  const auto peers = judge_peers(call.arguments[0], configuration, keys && !without_keys ? &*keys : nullptr, verdict);
  judge_policy(configuration, peers, verdict);
  return verdict;
}

// `what` is the file, as the operator named it.
ExitCode print_errors_of(const Invocation& call, const std::string& what, const Errors& errors) {
  if (call.json) {
    Json document = {{"file", what}, {"ok", false}, {"errors", Json::array()}};
    for (const config::Error& error : errors) document["errors"].push_back(error_json(error));
    call.terminal.out << to_text(document) << '\n';
    return ExitCode::usage;
  }
  // Only the memory's breakdown has lines, which are ours.
  for (const config::Error& error : errors) call.terminal.err << config::to_string(error) << '\n';
  call.terminal.err << printable(what) << ": " << counted(errors.size(), "error") << '\n';
  return ExitCode::usage;
}

Json memory_json(const dataplane::MemoryNeed& need) {
  Json lines = Json::array();
  for (const auto& line : need.lines) lines.push_back({{"what", line.what}, {"bytes", line.bytes}});
  return {{"total_mb", need.total_mb}, {"total_bytes", need.total_bytes}, {"lines", std::move(lines)}};
}

Json changes_json(const config::ObjectChanges& changes) {
  return {{"added", changes.added}, {"removed", changes.removed}, {"changed", changes.changed}};
}

Json difference_json(const config::Difference& difference) {
  return {{"ports", changes_json(difference.ports)},
          {"routes", changes_json(difference.routes)},
          {"wireguards", changes_json(difference.wireguards)},
          {"peers", changes_json(difference.peers)},
          {"pools", changes_json(difference.pools)},
          {"clusters", changes_json(difference.clusters)},
          {"ipsec_peers", changes_json(difference.ipsec_peers)},
          {"sections", difference.sections},
          {"restart_dataplane", difference.restart_dataplane},
          {"restart_controlplane", difference.restart_controlplane}};
}

void print_good(const Invocation& call, const config::Config& configuration, const Verdict& verdict,
                const config::Difference* difference) {
  std::ostream& out = call.terminal.out;
  print_warnings(call, verdict.warnings);
  out << printable(call.arguments[0]) << ": good: " << configuration.ports.size() << " ports, "
      << configuration.wireguards.size() << " tunnels, " << configuration.peers.size() << " peers";
  if (verdict.folder_peers != 0) out << " and " << verdict.folder_peers << " of peers.d";
  out << ", " << configuration.routes.size() << " routes\n";
  if (verdict.policy) {
    const policy::Policy& policy = *verdict.policy->policy;
    out << "policy: good: " << counted(policy.rules.size(), "rule") << ", "
        << counted(policy.services.size(), "service") << ", " << counted(policy.tests.size(), "test") << '\n';
  }
  out << "\nmemory that the dataplane reserves:\n" << verdict.need.to_table();
  if (difference == nullptr) return;
  out << "\nagainst " << printable(call.text("against")) << ":\n";
  out << (difference->empty() ? std::string("no difference\n") : config::to_string(*difference));
  if (difference->needs_restart()) out << "a reload applies all the rest: what is named above waits for a restart\n";
  if (!difference->empty() && !difference->needs_restart()) out << "a reload is enough\n";
}

void print_good_json(const Invocation& call, const config::Config& configuration, const Verdict& verdict,
                     const config::Difference* difference) {
  Json document = {{"file", call.arguments[0]},
                   {"ok", true},
                   {"errors", Json::array()},
                   {"warnings", verdict.warnings},
                   {"peers", configuration.peers.size()},
                   {"peers_of_folder", verdict.folder_peers},
                   {"memory", memory_json(verdict.need)}};
  if (verdict.policy)
    document["policy"] = {{"etag", verdict.policy->etag},
                          {"rules", verdict.policy->policy->rules.size()},
                          {"services", verdict.policy->policy->services.size()},
                          {"tests", verdict.policy->policy->tests.size()}};
  if (difference != nullptr) document["difference"] = difference_json(*difference);
  call.terminal.out << to_text(document) << '\n';
}

ExitCode run_check(const Invocation& call) {
  const std::string& file = call.arguments[0];
  // What a reload would come from, beside whose ports it would have to stand.
  std::optional<config::Config> running;
  if (call.has("against")) {
    auto old = config::load(call.text("against"));
    if (!old) return print_errors_of(call, call.text("against"), old.error());
    running = std::move(*old);
  }
  const auto configuration = config::load(file, running ? &*running : nullptr);
  if (!configuration) return print_errors_of(call, file, configuration.error());
  const Verdict verdict = judge(call, *configuration);
  if (!verdict.errors.empty()) return print_errors_of(call, file, verdict.errors);
  std::optional<config::Difference> difference;
  if (running) difference = config::diff(*running, *configuration);
  (call.json ? print_good_json : print_good)(call, *configuration, verdict, difference ? &*difference : nullptr);
  return ExitCode::success;
}

void check_options(AddOptions add) {
  add("against", word("OLD"), "say what a reload would change, coming from this file");
  add("without-key-files", "do not look at key files (on another machine than the gateway, say)");
}

}  // namespace

std::span<const Command> check_commands() {
  static constexpr std::array list = {
      Command{
          "check", "FILE", 1, 1, "Whether a gateway would start with this file, and the memory that it needs",
          "Needs no gateway. Every mistake is printed as FILE:LINE:COLUMN; exit status 2 if there is one. Policy "
          "files that\n"
          "it names are checked with their tests. Key files are read too: run it as the user of the control plane.\n"
          "What a start would refuse because of this machine (cores, huge pages, devices) is a warning.",
          "  sallyctl check gateway.toml\n  sallyctl check new.toml --against /etc/sallyport/gateway.toml",
          check_options, run_check},
  };
  return list;
}

}  // namespace sallyport::ctl
