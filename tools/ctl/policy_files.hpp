// Policy files on this machine: read, parsed and tested without a gateway.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "config/peer_folder.hpp"
#include "policy/bundle.hpp"
#include "policy/difference.hpp"
#include "policy/run_tests.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl {

// PATHs that a command takes.
inline constexpr unsigned most_paths = 1024;

using Errors = std::vector<config::Error>;

// The arguments (files or folders) and, with --config, the files that this gateway.toml names.
[[nodiscard]] tl::expected<std::vector<std::filesystem::path>, Errors> policy_paths(const Invocation& call);
[[nodiscard]] tl::expected<policy::Policy, Errors> read_policy(std::span<const std::filesystem::path> paths);
// To send them as JSON, which can carry UTF-8 alone: anything else would arrive as another text.
[[nodiscard]] tl::expected<policy::Bundle, Errors> read_bundle_to_send(std::span<const std::filesystem::path> paths);
// The peers of the gateway.toml behind --config and of peers.d beside it, as the policy sees them; none without the
// option.
[[nodiscard]] tl::expected<std::vector<policy::Subject>, Errors> configured_subjects(const Invocation& call);

// The folder peers.d beside a gateway.toml, read once; without `accept` no peer is asked for its keys.
[[nodiscard]] config::PeerFolder peer_folder(const std::filesystem::path& file, const config::Config& configuration,
                                             const config::PeerFolder::Accept& accept = {});

// Now, as the time of tests that have none of their own.
[[nodiscard]] policy::TimePoint present();

[[nodiscard]] Json error_json(const config::Error& error);
// Each with its place, one line each, or {"ok": false, "errors"} with --json. Always ExitCode::usage.
ExitCode print_errors(const Invocation& call, const Errors& errors);
void print_warnings(const Invocation& call, const std::vector<std::string>& warnings);

// "1 rule", "3 rules"
[[nodiscard]] std::string counted(std::size_t count, const char* noun);
[[nodiscard]] Json bundle_json(const policy::Bundle& bundle);  // what the gateway takes: {"files": [{name, text}]}

}  // namespace sallyport::ctl
