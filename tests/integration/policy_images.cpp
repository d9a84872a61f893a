#include "tests/integration/policy_images.hpp"

#include <cstdio>

#include "config/base/check.hpp"
#include "config/base/clock.hpp"

namespace sallyport::integration {
namespace {

std::vector<std::string> names_of(const auto& objects) {
  std::vector<std::string> names;
  for (const auto& object : objects) names.push_back(object.name);
  return names;
}

// In pieces, as the publisher sends them.
template <typename Piece, typename Element>
void push_list(Lab& lab, std::uint32_t number, const std::vector<Element>& list, auto Piece::*elements) {
  std::uint32_t offset = 0;
  do {
    Piece piece{};
    piece.image = lab.image();
    piece.number = number;
    piece.total = static_cast<std::uint32_t>(list.size());
    piece.offset = offset;
    piece.count = std::min(static_cast<std::uint32_t>((piece.*elements).size()), piece.total - offset);
    std::copy_n(list.begin() + offset, piece.count, (piece.*elements).begin());
    SP_CHECK(lab.control->push(piece) != 0);
    offset += piece.count;
  } while (offset < list.size());
}

}  // namespace

policy::Policy parse_policy(std::string_view text) {
  auto parsed = policy::parse({{{"policy.toml", "schema = 1\n" + std::string(text)}}});
  if (!parsed)
    for (const auto& error : parsed.error()) std::fprintf(stderr, "%s\n", config::to_string(error).c_str());
  SP_CHECK(parsed.has_value());
  return std::move(*parsed);
}

void PolicyImages::identify(const WireguardPeer& peer, policy::Facts facts, std::optional<std::uint32_t> identity) {
  identities_[peer.id] = {std::move(facts), identity.value_or(peer.id)};
}

abi::Access PolicyImages::access_of(const policy::SourceAccess& access) const {
  abi::Access message{.source_class = access.source_class};
  for (const policy::AccessStep& step : access.steps) {
    const auto from_now = std::chrono::duration_cast<std::chrono::nanoseconds>(step.not_after - now).count();
    message.steps[message.step_count++] = {.not_after_ns = boottime_ns() + static_cast<std::uint64_t>(from_now),
                                           .next_class = step.next_class,
                                           .reserved = 0};
  }
  return message;
}

void PolicyImages::put(policy::Policy policy) {
  SP_CHECK(rules_.assign(names_of(policy.rules)) && services_.assign(names_of(policy.services)));
  compiler_.emplace(std::make_shared<const policy::Policy>(std::move(policy)), rules_, services_, 64);
  sent_rows_.clear();
  sent_destinations_.clear();
  addresses_.clear();
  lab_.control->push(abi::BeginPolicy{.image = lab_.next_image(),
                                      .generation = ++generation_,
                                      .record_flows = record_flows ? std::uint8_t{1} : std::uint8_t{0},
                                      .pick_up_s = pick_up_s});
  for (abi::SetRule rule : compiler_->rules()) {
    rule.image = lab_.image();
    lab_.control->push(rule);
  }
  for (abi::SetService service : compiler_->services()) {
    service.image = lab_.image();
    lab_.control->push(service);
  }
  put_addresses();
  for (const auto& [id, identity] : identities_) {
    WireguardPeer peer;
    peer.id = id;
    put_peer(peer);
  }
  lab_.control->push(abi::CommitPolicy{.image = lab_.image()});
}

void PolicyImages::push_classes() {
  for (const auto& [number, row] : compiler_->source_classes())
    if (sent_rows_.emplace(number, row).second) push_list(lab_, number, row, &abi::SetSourceClass::entries);
  for (const auto& [number, list] : compiler_->destination_classes())
    if (sent_destinations_.emplace(number, list).second)
      push_list(lab_, number, list, &abi::SetDestinationClass::services);
}

void PolicyImages::put_peer(const WireguardPeer& peer) {
  const Identity& identity = identities_.at(peer.id);
  const auto access = compiler_->access(identity.facts, now);
  const auto destination = compiler_->destination_class(identity.facts);
  SP_CHECK(access.has_value() && destination.has_value());
  push_classes();
  lab_.control->push(abi::SetPeerAccess{.image = lab_.image(),
                                        .peer_id = peer.id,
                                        .identity = identity.number,
                                        .access = access_of(*access),
                                        .destination_class = *destination});
}

void PolicyImages::put_addresses() {
  const auto entries = compiler_->addresses(endpoints, draining, now);
  SP_CHECK(entries.has_value());
  push_classes();
  for (const auto& [prefix, entry] : addresses_)
    if (!entries->contains(prefix)) lab_.control->push(abi::RemoveAddress{.image = lab_.image(), .prefix = prefix});
  for (const auto& [prefix, entry] : *entries)
    if (const auto old = addresses_.find(prefix); old == addresses_.end() || old->second != entry)
      lab_.control->push(abi::SetAddress{.image = lab_.image(),
                                         .access = access_of(entry.access),
                                         .destination_class = entry.destination_class,
                                         .opening_class = entry.opening_class,
                                         .prefix = prefix,
                                         .draining = entry.draining ? std::uint8_t{1} : std::uint8_t{0}});
  addresses_ = *entries;
}

abi::StatisticsView::RuleTotals PolicyImages::counts(const std::string& rule) const {
  return lab_.gateway->statistics().rule(rule.empty() ? 0 : rules_.of(rule));
}

}  // namespace sallyport::integration
