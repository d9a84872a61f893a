#include "tools/ctl/policy_files.hpp"

#include <chrono>
#include <memory>
#include <ostream>
#include <utility>

#include "config/load.hpp"
#include "config/toml/safe_text.hpp"
#include "controlplane/identity/peer.hpp"
#include "policy/load.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {

tl::expected<std::vector<std::filesystem::path>, Errors> policy_paths(const Invocation& call) {
  std::vector<std::filesystem::path> paths(call.arguments.begin(), call.arguments.end());
  if (!call.has("config")) return paths;
  const auto configuration = config::load(call.text("config"));
  if (!configuration) return tl::unexpected(configuration.error());
  paths.insert(paths.end(), configuration->policy.files.begin(), configuration->policy.files.end());
  return paths;
}

tl::expected<policy::Policy, Errors> read_policy(std::span<const std::filesystem::path> paths) {
  const auto bundle = policy::read_bundle(paths);
  if (!bundle) return tl::unexpected(bundle.error());
  return policy::parse(*bundle);
}

tl::expected<policy::Bundle, Errors> read_bundle_to_send(std::span<const std::filesystem::path> paths) {
  auto bundle = policy::read_bundle(paths);
  if (!bundle) return bundle;
  Errors errors;
  for (const policy::BundleFile& file : bundle->files)
    if (const auto problem = config::check_utf8(file.text))
      errors.push_back(
          {{std::make_shared<const std::string>(file.name), problem->at.line, problem->at.column}, problem->message});
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return bundle;
}

tl::expected<std::vector<policy::Subject>, Errors> configured_subjects(const Invocation& call) {
  std::vector<policy::Subject> subjects;
  if (!call.has("config")) return subjects;
  const auto configuration = config::load(call.text("config"));
  if (!configuration) return tl::unexpected(configuration.error());
  const auto add = [&](std::span<const config::Peer> peers) {
    for (controlplane::Peer& peer : controlplane::configured_peers(peers))
      subjects.push_back(
          {.name = peer.identity().empty() ? peer.name : peer.identity(), .facts = std::move(peer.facts)});
  };
  add(configuration->peers);
  add(peer_folder(call.text("config"), *configuration).peers());
  return subjects;
}

config::PeerFolder peer_folder(const std::filesystem::path& file, const config::Config& configuration,
                               const config::PeerFolder::Accept& accept) {
  config::PeerFolder folder(std::filesystem::absolute(file).parent_path() / "peers.d", configuration);
  (void)folder.scan(accept);
  return folder;
}

policy::TimePoint present() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

Json error_json(const config::Error& error) {
  return {{"file", error.location.file ? Json(*error.location.file) : Json()},
          {"line", error.location.line},
          {"column", error.location.column},
          {"message", error.message}};
}

ExitCode print_errors(const Invocation& call, const Errors& errors) {
  if (call.json) {
    Json list = Json::array();
    for (const config::Error& error : errors) list.push_back(error_json(error));
    call.terminal.out << to_text({{"ok", false}, {"errors", std::move(list)}}) << '\n';
    return ExitCode::usage;
  }
  for (const config::Error& error : errors) call.terminal.err << printable(config::to_string(error)) << '\n';
  call.terminal.err << counted(errors.size(), "error") << '\n';
  return ExitCode::usage;
}

void print_warnings(const Invocation& call, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) call.terminal.err << "warning: " << printable(warning) << '\n';
}

std::string counted(std::size_t count, const char* noun) {
  return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

Json bundle_json(const policy::Bundle& bundle) {
  Json files = Json::array();
  for (const policy::BundleFile& file : bundle.files) files.push_back({{"name", file.name}, {"text", file.text}});
  return {{"files", std::move(files)}};
}

}  // namespace sallyport::ctl
