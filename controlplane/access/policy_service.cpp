// Versions, rules and endpoints; policy_members.cpp has peers, addresses and time, policy_classes.cpp classes.
#include "controlplane/access/policy_service.hpp"

#include <algorithm>
#include <utility>

#include "config/base/log.hpp"
#include "controlplane/access/policy_summary.hpp"
#include "controlplane/runtime/instant_now.hpp"
#include "policy/load.hpp"
#include "policy/run_tests.hpp"

namespace sallyport::controlplane {
namespace {

template <typename Object>
std::vector<std::string> names_of(const std::vector<Object>& objects) {
  std::vector<std::string> names;
  names.reserve(objects.size());
  for (const Object& object : objects) names.push_back(object.name);
  return names;
}

void sort_and_dedupe(std::vector<IpPrefix>& prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
}

policy::Endpoints with_list(policy::Endpoints endpoints, const std::string& service, std::vector<IpPrefix> list) {
  if (list.empty())
    endpoints.erase(service);
  else
    endpoints[service] = std::move(list);
  return endpoints;
}

config::Location location_of(const policy::Policy& policy) {
  return policy.rules.empty() ? config::Location{} : policy.rules.front().location;
}

}  // namespace

// ---- versions ----

void PolicyService::restore(const StoredState& stored) {
  endpoints_ = stored.endpoints;
  trail_.restore(stored.policy_changes);
  stored_ = stored.policy;
  if (!stored_) return;
  rules_.restore(stored_->rules);
  services_.restore(stored_->services);
  version_.generation = stored_->version.generation;
}

PolicyService::Prepared PolicyService::prepare_allow_all() {
  return {};
}

tl::expected<PolicyService::Prepared, PolicyService::Errors> PolicyService::prepare(
    policy::Bundle bundle, PolicySource source, std::span<const Peer> peers, std::uint32_t max_classes,
    wireguard::Instant now, Tests tests) const {
  const policy::TimePoint at = seconds_of(now);
  auto parsed = policy::parse(bundle);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  if (tests == Tests::run)
    if (Errors failed = policy::failed_tests(policy::run_tests(*parsed, at)); !failed.empty())
      return tl::unexpected(std::move(failed));

  Prepared prepared;
  prepared.source = source;
  prepared.policy = std::make_shared<const policy::Policy>(std::move(*parsed));
  prepared.etag = bundle.etag();
  prepared.bundle = std::move(bundle);
  prepared.warnings = prepared.policy->warnings;
  prepared.rules = rules_;
  prepared.services = services_;
  if (!prepared.rules.assign(names_of(prepared.policy->rules)))
    return tl::unexpected(Errors{{location_of(*prepared.policy), "too many rules"}});
  if (!prepared.services.assign(names_of(prepared.policy->services)))
    return tl::unexpected(Errors{{location_of(*prepared.policy), "too many services"}});
  prepared.compiler =
      std::make_unique<policy::Compiler>(prepared.policy, prepared.rules, prepared.services, max_classes);

  auto addresses = prepared.compiler->addresses(kept_under(*prepared.policy, endpoints_),
                                                kept_under(*prepared.policy, draining_), at);
  if (!addresses) return tl::unexpected(Errors{{location_of(*prepared.policy), addresses.error()}});
  prepared.addresses = std::move(*addresses);
  prepared.peers.reserve(peers.size());
  for (const Peer& peer : peers) {
    Prepared::Access& access = prepared.peers[peer.name];
    auto source_access = prepared.compiler->access(peer.facts, at);
    if (!source_access) return tl::unexpected(Errors{{peer.location, "policy: " + source_access.error()}});
    auto destination = prepared.compiler->destination_class(peer.facts);
    if (!destination) return tl::unexpected(Errors{{peer.location, "policy: " + destination.error()}});
    access.source = std::move(*source_access);
    access.destination_class = *destination;
  }
  return prepared;
}

tl::expected<void, PolicyService::Errors> PolicyService::check_peers(std::span<const Peer> peers,
                                                                     wireguard::Instant now) {
  if (!compiler_) return {};
  for (const Peer& peer : peers) {
    const auto known = members_.find(peer.name);
    if (known != members_.end() && known->second.facts == peer.facts && known->second.failure.empty()) continue;
    unused_classes_ = true;  // if nobody comes for what is made here
    if (const auto access = compiler_->access(peer.facts, seconds_of(now)); !access)
      return tl::unexpected(Errors{{peer.location, "policy: " + access.error()}});
    if (const auto destination = compiler_->destination_class(peer.facts); !destination)
      return tl::unexpected(Errors{{peer.location, "policy: " + destination.error()}});
  }
  return {};
}

std::vector<std::string> PolicyService::put_in_force(Prepared prepared, std::span<const Peer> peers, const IdOf& id_of,
                                                     Settings settings, std::string_view by, wireguard::Instant now,
                                                     const abi::StatisticsView* statistics, StoreChange& to_store) {
  // After a restart the same text is the same version.
  const bool known = stored_ != nullptr && applied_ == 0 && stored_->version.etag == prepared.etag &&
                     stored_->bundle.files.empty() == prepared.bundle.files.empty();
  const std::vector<std::string> lines = known ? std::vector<std::string>() : what_changes(prepared.policy.get());
  ++applied_;
  settings_ = settings;
  counts_.renumber(rules_, prepared.rules, statistics);
  if (known)
    version_ = stored_->version;
  else
    version_ = {version_.generation + 1, prepared.etag, prepared.source, seconds_of(now), {}, {}, false};
  version_.source = prepared.source;
  take_version(prepared, to_store);
  take_members(prepared, peers, id_of, now);
  stage();
  if (!known)
    trail_.add({.at = version_.applied_at,
                .applied = true,
                .generation = version_.generation,
                .etag = version_.etag,
                .source = version_.source,
                .by = std::string(by),
                .git_commit = {},
                .git_author = {},
                .summary = lines},
               to_store);
  store_version(to_store);
  log_info("policy in force", {{"generation", version_.generation},
                               {"etag", version_.etag},
                               {"by", by},
                               {"rules", policy_ ? policy_->rules.size() : 0},
                               {"changes", lines.size()}});
  return lines;
}

// The texts, numbers and live services of the version.
void PolicyService::take_version(Prepared& prepared, StoreChange& to_store) {
  if (prepared.policy) {
    policy::Endpoints kept = kept_under(*prepared.policy, endpoints_);
    draining_ = kept_under(*prepared.policy, draining_);
    for (const auto& [service, prefixes] : endpoints_)
      if (!kept.contains(service)) to_store.set.endpoints[service] = {};
    endpoints_ = std::move(kept);
  }
  policy_ = std::move(prepared.policy);
  compiler_ = std::move(prepared.compiler);
  bundle_ = std::move(prepared.bundle);
  rules_ = std::move(prepared.rules);
  services_ = std::move(prepared.services);
  index_rules();
}

// The first version of this process takes the place of what an earlier one left.
std::vector<std::string> PolicyService::what_changes(const policy::Policy* next) const {
  if (applied_ > 0) return summarize_changes(policy_.get(), next);
  if (!stored_) return {next == nullptr ? "the first start: default = \"allow\"" : "the first version"};
  if (stored_->bundle.files.empty()) return summarize_changes(nullptr, next);
  const auto before = policy::parse(stored_->bundle);
  return before ? summarize_changes(&*before, next) : std::vector<std::string>{"another release's policy is replaced"};
}

// The whole policy, as a new image.
void PolicyService::stage() {
  DesiredPolicy desired;
  desired.generation = version_.generation;
  desired.allow_all = policy_ == nullptr;
  desired.record_flows = settings_.record_flows && policy_ != nullptr;
  if (compiler_) {
    for (const abi::SetRule& rule : compiler_->rules()) desired.rules[rule.number] = rule;
    for (const abi::SetService& service : compiler_->services()) desired.services[service.number] = service;
    desired.source_classes = compiler_->source_classes();
    desired.destination_classes = compiler_->destination_classes();
    for (const auto& [prefix, entry] : addresses_) desired.addresses[prefix] = message(prefix, entry);
    for (const auto& [id, member] : by_id_) desired.peers[id] = message(*member);
  }
  publisher_.set_policy(std::move(desired));
}

void PolicyService::set_source(PolicySource source, StoreChange& to_store) {
  if (version_.source == source) return;
  version_.source = source;
  store_version(to_store);
}

void PolicyService::set_settings(Settings settings) {
  if (settings_ == settings) return;
  settings_ = settings;
  stage();
}

void PolicyService::refused(PolicySource source, const std::string& etag, std::string_view by,
                            std::vector<std::string> why, wireguard::Instant now, StoreChange& to_store) {
  ++refused_;
  PolicyChange change;
  change.at = seconds_of(now);
  change.generation = version_.generation;
  change.etag = etag;
  change.source = source;
  change.by = std::string(by);
  change.summary = std::move(why);
  trail_.add(std::move(change), to_store);
}

void PolicyService::set_git(std::uint32_t generation, const std::string& commit, const std::string& author,
                            StoreChange& to_store) {
  // After a restart the checkout may be ahead of the version, which is still the one that it was.
  if (version_.generation != generation || !version_.git_commit.empty()) return;
  version_.git_commit = commit;
  version_.git_author = author;
  store_version(to_store);
  trail_.set_git(generation, commit, author, to_store);
}

// A version that is in force only because the files failed is in the store already, as what it was.
void PolicyService::store_version(StoreChange& to_store) const {
  if (version_.source == PolicySource::stored) return;
  auto stored = std::make_shared<StoredPolicy>();
  stored->version = version_;
  stored->bundle = bundle_;
  stored->rules = rules_.all();
  stored->services = services_.all();
  to_store.set.policy = std::move(stored);
}

PolicyVersion PolicyService::version(const abi::StatisticsView* statistics) const {
  PolicyVersion version = version_;
  version.in_force = statistics != nullptr && publisher_.policy().image != 0 &&
                     statistics->header().policy_image.load(std::memory_order_relaxed) == publisher_.policy().image;
  return version;
}

// ---- rules ----

void PolicyService::index_rules() {
  rules_by_number_.clear();
  if (!policy_) return;
  for (const policy::Rule& rule : policy_->rules) rules_by_number_[rules_.of(rule.name)] = &rule;
}

const policy::Rule* PolicyService::rule(std::uint32_t number) const {
  const auto found = rules_by_number_.find(number);
  return found == rules_by_number_.end() ? nullptr : found->second;
}

// ---- endpoints ----

// Addresses of a service that goes, or that follows something else from now on, belong to others by the time that it
// comes back.
policy::Endpoints PolicyService::kept_under(const policy::Policy& next, const policy::Endpoints& endpoints) const {
  policy::Endpoints kept;
  for (const auto& [name, prefixes] : endpoints) {
    const policy::Service* service = next.find_service(name);
    const policy::Service* before = policy_ ? policy_->find_service(name) : nullptr;
    if (service == nullptr || !service->endpoints) continue;
    if (before == nullptr || before->endpoints == service->endpoints) kept.emplace(name, prefixes);
  }
  return kept;
}

tl::expected<void, PolicyRefusal> PolicyService::set_endpoints(const std::string& service,
                                                               std::vector<IpPrefix> endpoints,
                                                               std::vector<IpPrefix> draining, wireguard::Instant now,
                                                               StoreChange& to_store) {
  using Kind = PolicyRefusal::Kind;
  if (!policy_)
    return tl::unexpected(PolicyRefusal{Kind::no_policy, "the gateway allows everything: there are no services", {}});
  const policy::Service* found = policy_->find_service(service);
  if (found == nullptr)
    return tl::unexpected(PolicyRefusal{Kind::unknown_service, "there is no service '" + service + '\'', {}});
  if (!found->endpoints)
    return tl::unexpected(
        PolicyRefusal{Kind::not_live, "service '" + service + "' has no endpoints key: its addresses are fixed", {}});
  sort_and_dedupe(endpoints);
  sort_and_dedupe(draining);

  policy::Endpoints next = with_list(endpoints_, service, endpoints);
  policy::Endpoints next_draining = with_list(draining_, service, std::move(draining));
  const bool is_stored = next == endpoints_;
  if (is_stored && next_draining == draining_) return {};
  auto addresses = compiler_->addresses(next, next_draining, seconds_of(now));
  if (!addresses) {
    unused_classes_ = true;
    return tl::unexpected(PolicyRefusal{Kind::errors, addresses.error(), {{found->location, addresses.error()}}});
  }
  endpoints_ = std::move(next);
  draining_ = std::move(next_draining);
  if (!is_stored) to_store.set.endpoints[service] = std::move(endpoints);
  set_addresses(std::move(*addresses));
  return {};
}

// ---- what is ----

std::vector<Problem> PolicyService::problems() const {
  constexpr std::size_t shown = 100;
  std::vector<Problem> list;
  std::size_t failed = 0;
  for (const auto& [name, member] : members_) {
    if (member.failure.empty()) continue;
    if (++failed <= shown) list.push_back({"access of peer " + name, "it has none: " + member.failure});
  }
  if (failed > shown)
    list.push_back({"access of peers", std::to_string(failed - shown) + " more have none for the same reason"});
  if (!addresses_failure_.empty()) list.push_back({"policy addresses", "not recomputed: " + addresses_failure_});
  return list;
}

std::vector<NamedCounter> PolicyService::counters() const {
  return {{"policies_applied", "versions of the policy that were put in force", applied_},
          {"policies_refused", "versions of the policy that were refused", refused_},
          {"policy_compilations", "times that the access of a peer was computed", compilations_},
          {"policy_compilation_failures", "peers that got no access because there are too many classes", failures_}};
}

}  // namespace sallyport::controlplane
