#include "dataplane/forwarding/policy_image.hpp"

#include <algorithm>

namespace sallyport::dataplane {
namespace {

std::uint32_t to_v4(const IpAddress& address) noexcept {
  std::uint32_t key;
  std::memcpy(&key, address.bytes.data(), sizeof key);
  return __builtin_bswap32(key);
}

AddressIndex::Key128 to_v6(const IpAddress& address) noexcept {
  AddressIndex::Key128 key;
  std::memcpy(&key.high, address.bytes.data(), 8);
  std::memcpy(&key.low, address.bytes.data() + 8, 8);
  return {__builtin_bswap64(key.high), __builtin_bswap64(key.low)};
}

// The address behind the last one of a prefix; nothing behind the highest of all.
bool next_after(const IpPrefix& prefix, IpAddress& out) noexcept {
  out = prefix.address;
  const unsigned bits = prefix.address.bits();
  for (unsigned i = prefix.length; i < bits; ++i)
    out.bytes[i / 8] = static_cast<std::uint8_t>(out.bytes[i / 8] | 0x80U >> i % 8);
  for (unsigned i = bits / 8; i-- > 0;)
    if (++out.bytes[i] != 0) return true;
  return false;
}

}  // namespace

template <typename Key, typename ToKey>
void AddressIndex::build(Ranges<Key>& ranges, const std::vector<Entry>& entries, IpFamily family, ToKey&& to_key) {
  const auto start_range = [&ranges](const Key& key, const AddressAccess* value) {
    if (!ranges.starts.empty() && ranges.starts.back() == key) {
      ranges.values.back() = value;
    } else {
      ranges.starts.push_back(key);
      ranges.values.push_back(value);
    }
  };
  start_range(Key{}, nullptr);
  std::vector<const Entry*> around;  // those that are open, the innermost last
  const auto close = [&] {
    const Entry* ended = around.back();
    around.pop_back();
    IpAddress next;
    if (next_after(ended->prefix, next)) start_range(to_key(next), around.empty() ? nullptr : around.back()->access);
  };
  for (const Entry& entry : entries) {
    if (entry.prefix.address.family != family) continue;
    while (!around.empty() && !around.back()->prefix.contains(entry.prefix)) close();
    start_range(to_key(entry.prefix.address), entry.access);
    around.push_back(&entry);
  }
  while (!around.empty()) close();
}

AddressIndex::AddressIndex(const std::vector<Entry>& entries) {
  build(v4_, entries, IpFamily::v4, to_v4);
  build(v6_, entries, IpFamily::v6, to_v6);
}

PolicyImage::PolicyImage(const abi::BeginPolicy& begin, std::uint32_t max_peers, std::uint32_t max_classes)
    : image(begin.image),
      generation(begin.generation),
      allow_all(begin.allow_all != 0),
      record_flows(begin.record_flows != 0),
      pick_up_s(begin.pick_up_s),
      rules(1),
      services(1),
      rows(begin.allow_all != 0 ? 0 : max_classes),
      destinations(begin.allow_all != 0 ? 0 : max_classes),
      addresses(new AddressIndex({})),
      peers(begin.allow_all != 0 ? nullptr : new PeerAccess[max_peers]()) {}

PolicyImage::~PolicyImage() {
  for (auto& row : rows) delete row.load(std::memory_order_relaxed);
  for (auto& destination : destinations) delete destination.load(std::memory_order_relaxed);
  delete addresses.load(std::memory_order_relaxed);
}

struct PolicyImage::Best {
  std::uint32_t rule_rank = abi::no_rank;
  std::uint32_t audit_rank = abi::no_rank;
  std::uint32_t rule = 0;
  std::uint32_t audit_rule = 0;

  void take(const PolicyImage& image, const abi::RowEntry& entry) noexcept {
    if (const std::uint32_t rank = image.rule(entry.rule).rank; entry.rule != 0 && rank < rule_rank) {
      rule_rank = rank;
      rule = entry.rule;
    }
    if (const std::uint32_t rank = image.rule(entry.audit_rule).rank; entry.audit_rule != 0 && rank < audit_rank) {
      audit_rank = rank;
      audit_rule = entry.audit_rule;
    }
  }
};

void PolicyImage::consider(const SourceRow& row, std::uint32_t destination_class, std::uint8_t protocol,
                           std::uint16_t port, Best& best) const noexcept {
  if (destination_class == 0 || destination_class >= destinations.size()) return;
  const DestinationServices* list = destinations[destination_class].load(std::memory_order_acquire);
  if (list == nullptr) return;
  auto at = row.begin();
  for (const std::uint32_t service : *list) {
    // Both lists rise, so a search begins where the last one ended.
    at = std::lower_bound(at, row.end(), service,
                          [](const abi::RowEntry& entry, std::uint32_t number) { return entry.service < number; });
    if (at == row.end()) return;
    if (at->service == service && service < services.size() && services[service].match(protocol, port))
      best.take(*this, *at);
  }
}

PolicyDecision PolicyImage::decide(std::uint32_t source_class, std::uint32_t address_class, std::uint32_t peer_class,
                                   std::uint8_t protocol, std::uint16_t port) const noexcept {
  if (source_class >= rows.size()) return {};
  const SourceRow* row = rows[source_class].load(std::memory_order_acquire);
  if (row == nullptr || row->empty()) return {};
  Best best;
  if (row->back().service == abi::any_service) best.take(*this, row->back());
  consider(*row, address_class, protocol, port, best);
  if (peer_class != address_class) consider(*row, peer_class, protocol, port, best);
  const bool allowed = rule(best.rule).action == abi::RuleAction::allow && best.rule != 0;
  return {.allowed = allowed,
          .rule = best.rule,
          .audit_rule = allowed && best.audit_rank < best.rule_rank ? best.audit_rule : 0};
}

}  // namespace sallyport::dataplane
