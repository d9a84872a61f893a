// The policy of the control plane: which one is in force, from where, and what the admin API asks of it.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "controlplane/access/git_version.hpp"
#include "controlplane/access/policy_summary.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/runtime/instant_now.hpp"
#include "policy/unsupplied.hpp"

namespace sallyport::controlplane {
namespace {

using Errors = std::vector<config::Error>;

std::vector<std::string> lines_of(const Errors& errors) {
  std::vector<std::string> lines;
  lines.reserve(errors.size());
  for (const config::Error& error : errors) lines.push_back(config::to_string(error));
  return lines;
}

void warn_of_unsupplied(PolicyService::Prepared& prepared, const config::Config& configuration) {
  for (std::string& warning : policy::unsupplied(*prepared.policy, configuration))
    prepared.warnings.push_back(std::move(warning));
}

std::string first_of(const Errors& errors) {
  if (errors.empty()) return "refused";
  const std::string more = errors.size() > 1 ? " (and " + std::to_string(errors.size() - 1) + " more)" : "";
  return config::to_string(errors.front()) + more;
}

}  // namespace

// ---- start and reload ----

// The files that gateway.toml names. If they cannot be had, the version that passed last: a gateway that restarts with
// a broken file must neither open nor close for everybody.
tl::expected<void, Errors> ControlPlane::start_policy() {
  if (config_.policy.allow_everything) {
    put_in_force(PolicyService::prepare_allow_all(), "start");
    return {};
  }
  const std::uint32_t max_classes = config_.dataplane.max_classes;
  auto bundle = policy::read_bundle(config_.policy.files);
  auto prepared =
      bundle ? policy_.prepare(std::move(*bundle), PolicySource::files, peers_.all(), max_classes, instant_now())
             : tl::unexpected(std::move(bundle.error()));
  const StoredPolicy* stored = policy_.stored();
  if (prepared) {
    if (stored != nullptr && stored->version.source == PolicySource::api && stored->version.etag != prepared->etag)
      log_warning("policy files replace what was applied through the API",
                  {{"generation", stored->version.generation}, {"etag", stored->version.etag}});
    warn_of_unsupplied(*prepared, config_);
    put_in_force(std::move(*prepared), "start");
    return {};
  }
  if (stored == nullptr || stored->bundle.files.empty()) return tl::unexpected(std::move(prepared.error()));
  auto former = policy_.prepare(stored->bundle, PolicySource::stored, peers_.all(), max_classes, instant_now(),
                                PolicyService::Tests::skip);
  if (!former) {
    Errors errors = std::move(prepared.error());
    errors.insert(errors.end(), former.error().begin(), former.error().end());
    return tl::unexpected(std::move(errors));
  }
  for (const config::Error& error : prepared.error())
    log_error("policy files refused", {{"error", config::to_string(error)}});
  policy_.refused(PolicySource::files, {}, "start", lines_of(prepared.error()), instant_now(), state_.pending());
  put_in_force(std::move(*former), "start");
  policy_failure_ = "generation " + std::to_string(policy_.version(nullptr).generation) +
                    ", the version that passed last, is in force instead: " + first_of(prepared.error());
  log_error("policy of an earlier version is in force",
            {{"generation", policy_.version(nullptr).generation}, {"remedy", "correct the files and reload"}});
  return {};
}

tl::expected<std::optional<PolicyService::Prepared>, Errors> ControlPlane::prepare_policy(const config::Config& next,
                                                                                          std::span<const Peer> peers) {
  if (next.policy.allow_everything) {
    if (policy_.policy() == nullptr) return std::nullopt;
    return PolicyService::prepare_allow_all();
  }
  auto bundle = policy::read_bundle(next.policy.files);
  if (!bundle) return tl::unexpected(std::move(bundle.error()));
  if (policy_.policy() != nullptr && bundle->etag() == policy_.policy()->etag) {
    if (auto checked = policy_.check_peers(peers, instant_now()); !checked)
      return tl::unexpected(std::move(checked.error()));
    return std::nullopt;
  }
  auto prepared =
      policy_.prepare(std::move(*bundle), PolicySource::files, peers, next.dataplane.max_classes, instant_now());
  if (!prepared) return tl::unexpected(std::move(prepared.error()));
  warn_of_unsupplied(*prepared, next);
  return std::move(*prepared);
}

std::vector<std::string> ControlPlane::put_in_force(PolicyService::Prepared prepared, std::string_view by) {
  for (const std::string& warning : prepared.warnings) log_warning("policy", {{"warning", warning}});
  auto changes = policy_.put_in_force(std::move(prepared), peers_.all(), id_of_peer(), policy_settings(), by,
                                      instant_now(), statistics(), state_.pending());
  apply_issuers();
  live_.apply(config_.clusters);
  ask_git();
  state_.save();
  request_flush();
  return changes;
}

PolicyService::Settings ControlPlane::policy_settings() const {
  return {.record_flows = config_.flow_records.has_value()};
}

PolicyService::IdOf ControlPlane::id_of_peer() const {
  return [this](const Peer& peer) { return peers_.id_of(peer); };
}

// The issuers of the policy in force. Files that a policy from the API names lie where those of gateway.toml do.
void ControlPlane::apply_issuers() {
  std::vector<policy::Issuer> issuers;
  if (policy() != nullptr) issuers = policy()->issuers;
  std::filesystem::path folder = file_.parent_path();
  if (!config_.policy.files.empty()) {
    std::error_code ignored;
    const std::filesystem::path& first = config_.policy.files.front();
    folder = std::filesystem::is_directory(first, ignored) ? first : first.parent_path();
  }
  if (policy_.version(nullptr).source == PolicySource::api)
    for (policy::Issuer& issuer : issuers) issuer.location.file = nullptr;
  trust_.set_issuers(issuers, folder, wall_seconds());
}

// git takes its time; the row of the audit trail waits for it.
void ControlPlane::ask_git() {
  const PolicyVersion version = policy_.version(nullptr);
  if (version.source != PolicySource::files || config_.policy.files.empty()) return;
  chores_.submit(WorkClass::begun, make_task([path = config_.policy.files.front()] { return git_version_of(path); },
                                             [this, generation = version.generation](const GitVersion& git) {
                                               if (!git.commit.empty())
                                                 policy_.set_git(generation, git.commit, git.author, state_.pending());
                                             }));
}

void ControlPlane::refresh_policy() {
  constexpr std::chrono::milliseconds soon{5};
  if (policy_.refresh(instant_now())) policy_timer_.fire_after(soon);
  request_flush();
}

// ---- what the admin API asks ----

tl::expected<PolicyApplied, PolicyRefusal> ControlPlane::apply_policy(const std::optional<policy::Bundle>& bundle,
                                                                      const std::optional<std::string>& made_from,
                                                                      std::string_view by) {
  using Kind = PolicyRefusal::Kind;
  const PolicySource source = bundle ? PolicySource::api : PolicySource::files;
  std::string etag = bundle ? bundle->etag() : std::string();
  const auto refuse = [&](Kind kind, std::string message, Errors errors) {
    std::vector<std::string> why = errors.empty() ? std::vector{message} : lines_of(errors);
    log_warning("policy refused", {{"by", by}, {"why", errors.empty() ? message : first_of(errors)}});
    policy_.refused(source, etag, by, std::move(why), instant_now(), state_.pending());
    state_.save();
    return tl::unexpected(PolicyRefusal{kind, std::move(message), std::move(errors)});
  };
  if (config_.policy.allow_everything)
    return refuse(Kind::no_policy, "gateway.toml says [policy] default = \"allow\": there is no policy to replace", {});
  if (made_from && *made_from != policy_.bundle().etag())
    return refuse(Kind::outdated, "the policy in force is another one by now: its ETag is " + policy_.bundle().etag(),
                  {});
  auto read = bundle ? tl::expected<policy::Bundle, Errors>(*bundle) : policy::read_bundle(config_.policy.files);
  if (!read) return refuse(Kind::errors, "the policy files cannot be read", std::move(read.error()));
  etag = read->etag();
  if (policy_.policy() != nullptr && etag == policy_.policy()->etag) {
    if (!bundle) {
      policy_.set_source(PolicySource::files, state_.pending());
      policy_failure_.clear();
    }
    return PolicyApplied{policy_version(), {}, policy_.policy()->warnings};
  }
  auto prepared = policy_.prepare(std::move(*read), source, peers_.all(), config_.dataplane.max_classes, instant_now());
  if (!prepared) return refuse(Kind::errors, "the policy has errors", std::move(prepared.error()));
  PolicyApplied applied;
  warn_of_unsupplied(*prepared, config_);
  applied.warnings = prepared->warnings;
  applied.changes = put_in_force(std::move(*prepared), by);
  applied.version = policy_version();
  policy_failure_.clear();
  for (const std::string& change : shortened(applied.changes, summary_lines_logged))
    log_info("changed", {{"what", change}, {"by", by}});
  return applied;
}

tl::expected<void, PolicyRefusal> ControlPlane::set_endpoints(const std::string& service,
                                                              std::vector<IpPrefix> endpoints) {
  const std::size_t count = endpoints.size();
  const policy::Service* known = policy() == nullptr ? nullptr : policy()->find_service(service);
  if (const auto cluster = known == nullptr ? std::nullopt : live_.cluster_of(*known))
    return tl::unexpected(
        PolicyRefusal{PolicyRefusal::Kind::not_live, "its endpoints come from [cluster." + *cluster + "]", {}});
  auto done = policy_.set_endpoints(service, std::move(endpoints), {}, instant_now(), state_.pending());
  if (!done) return done;
  state_.save();
  log_info("endpoints set", {{"service", service}, {"endpoints", count}});
  request_flush();
  return {};
}

PolicyBackend::RuleCounts ControlPlane::rule_counts(const std::string& rule) const {
  const std::uint32_t number = rule.empty() ? 0 : policy_.rule_number(rule);
  if (statistics() == nullptr || (number == 0 && !rule.empty())) return {};
  const auto totals = policy_.counts(number, *statistics());
  return {totals.allowed_packets, totals.allowed_bytes, totals.denied_packets, totals.limited_packets};
}

std::string ControlPlane::rule_name(std::uint32_t number) const {
  const policy::Rule* rule = policy_.rule(number);
  return rule == nullptr ? std::string() : rule->name;
}

std::vector<PeerIdentity> ControlPlane::identities() const {
  std::vector<PeerIdentity> list;
  list.reserve(peers_.all().size());
  for (const Peer& peer : peers_.all()) list.push_back(policy_.view(peer));
  return list;
}

}  // namespace sallyport::controlplane
