#include <ostream>

#include "config/difference.hpp"
#include "config/load.hpp"
#include "config/secret_files.hpp"
#include "config/unsupported.hpp"
#include "dataplane/io/memory.hpp"
#include "policy/unknown_clusters.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/policy_files.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

// Every key file, read as the control plane will at its start; nothing of them is kept.
Errors check_key_files(const config::Config& configuration) {
  Errors errors;
  const auto check = [&](const config::Location& location, const std::filesystem::path& path) {
    if (const auto key = config::read_key_file(path); !key) {
      // The message names the file, in most cases.
      const bool named = key.error().find(path.filename().string()) != std::string::npos;
      errors.push_back({location, named ? key.error() : path.string() + ": " + key.error()});
    }
  };
  for (const config::Wireguard& tunnel : configuration.wireguards) check(tunnel.location, tunnel.private_key_file);
  for (const config::Peer& peer : configuration.peers)
    if (peer.preshared_key_file) check(peer.location, *peer.preshared_key_file);
  return errors;
}

// All that keeps a gateway from starting with this file.
struct Verdict {
  Errors errors;
  dataplane::MemoryNeed need;
  std::optional<policy::Policy> policy;  // of the files that it names, if they are good
  std::vector<std::string> warnings;     // of all that is read; a broken file of peers.d keeps no gateway from starting
  std::size_t folder_peers = 0;          // in peers.d
};

void judge_peer_folder(const std::string& file, const config::Config& configuration, Verdict& verdict) {
  const config::PeerFolder folder = peer_folder(file, configuration);
  verdict.folder_peers = folder.peers().size();
  for (const config::PeerFolder::Problem& problem : folder.problems())
    verdict.warnings.push_back(config::to_string(problem.error));
}

// The policy files, read and tested as the control plane does.
void judge_policy(const config::Config& configuration, Verdict& verdict) {
  if (configuration.policy.files.empty()) return;
  auto policy = read_policy(configuration.policy.files);
  const Errors errors =
      policy ? policy::failed_tests(policy::run_tests(*policy, present())) : std::move(policy.error());
  verdict.errors.insert(verdict.errors.end(), errors.begin(), errors.end());
  if (!policy) return;
  verdict.warnings.insert(verdict.warnings.end(), policy->warnings.begin(), policy->warnings.end());
  for (std::string& warning : policy::unknown_clusters(*policy, configuration.clusters))
    verdict.warnings.push_back(std::move(warning));
  verdict.policy = std::move(*policy);
}

Verdict judge(const Invocation& call, const config::Config& configuration) {
  Verdict verdict{.errors = config::unsupported_features(configuration),
                  .need = dataplane::compute_memory(configuration.dataplane, configuration.ports),
                  .policy = std::nullopt,
                  .warnings = configuration.warnings};
  if (!call.has("without-key-files"))
    for (config::Error& error : check_key_files(configuration)) verdict.errors.push_back(std::move(error));
  if (const auto reserved = dataplane::memory_to_reserve_mb(configuration.dataplane, verdict.need); !reserved)
    verdict.errors.push_back({configuration.dataplane.location, reserved.error()});
  judge_policy(configuration, verdict);
  judge_peer_folder(call.arguments[0], configuration, verdict);
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
  if (verdict.policy)
    out << "policy: good: " << counted(verdict.policy->rules.size(), "rule") << ", "
        << counted(verdict.policy->services.size(), "service") << ", " << counted(verdict.policy->tests.size(), "test")
        << '\n';
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
                          {"rules", verdict.policy->rules.size()},
                          {"services", verdict.policy->services.size()},
                          {"tests", verdict.policy->tests.size()}};
  if (difference != nullptr) document["difference"] = difference_json(*difference);
  call.terminal.out << to_text(document) << '\n';
}

}  // namespace

ExitCode run_check(const Invocation& call) {
  const std::string& file = call.arguments[0];
  const auto configuration = config::load(file);
  if (!configuration) return print_errors_of(call, file, configuration.error());
  const Verdict verdict = judge(call, *configuration);
  if (!verdict.errors.empty()) return print_errors_of(call, file, verdict.errors);
  std::optional<config::Difference> difference;
  if (call.has("against")) {
    const auto old = config::load(call.text("against"));
    if (!old) return print_errors_of(call, call.text("against"), old.error());
    difference = config::diff(*old, *configuration);
  }
  (call.json ? print_good_json : print_good)(call, *configuration, verdict, difference ? &*difference : nullptr);
  return ExitCode::success;
}

}  // namespace sallyport::ctl
