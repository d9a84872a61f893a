#include "dataplane/housekeeping/policy_keeper.hpp"

#include <rte_cycles.h>

#include <algorithm>
#include <functional>
#include <type_traits>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"

namespace sallyport::dataplane {
namespace {

// Room for what one turn's commands may replace.
constexpr std::size_t retirements_kept_free = 1024;
// An index is made anew as often as its making is cheap.
constexpr std::uint64_t least_rebuild_interval_ns = 5 * millisecond_ns;
constexpr std::uint64_t rebuild_share = 10;  // at most every tenth of the time

// Of all rows and destination classes of an image: no policy that fits max_classes has so many, and a control plane
// that went mad does not eat the machine's memory.
constexpr std::size_t max_list_elements = std::size_t{1} << 24;

template <typename Slots, typename Number>
bool in(const Slots& slots, Number number) noexcept {
  return number < slots.size();
}

}  // namespace

PolicyKeeper::PolicyKeeper(HousekeepingContext& context, abi::StatisticsHeader& header,
                           const abi::CommandLimits& limits)
    : context_(context), table_(context.tables.policy), header_(header), limits_(limits) {}

// The tables outlive us, and no worker runs any more.
PolicyKeeper::~PolicyKeeper() {
  table_.put_in_force(nullptr);
}

bool PolicyKeeper::has_room() const noexcept {
  return table_.room() > retirements_kept_free;
}

PolicyBook* PolicyKeeper::book_of(std::uint64_t image) noexcept {
  if (building_ && building_->image->image == image) return building_.get();
  if (in_force_ && in_force_->image->image == image) return in_force_.get();
  return nullptr;
}

void PolicyKeeper::changed(const PolicyBook& book) noexcept {
  if (is_in_force(book)) epoch_outdated_ = true;
}

void PolicyKeeper::changed_peer(std::uint32_t peer_id) noexcept {
  std::atomic<std::uint32_t>& epoch = context_.tables.peers[peer_id].access_epoch;
  // Release: whoever sees the new epoch sees the new access. Never 0, which stands for "no peer".
  const std::uint32_t next = epoch.load(std::memory_order_relaxed) + 1;
  epoch.store(next == 0 ? 1 : next, std::memory_order_release);
}

// --- images ---

abi::Refusal PolicyKeeper::begin(const abi::BeginPolicy& begin) noexcept {
  if (book_of(begin.image) != nullptr) return abi::Refusal::none;
  building_ = std::make_unique<PolicyBook>();
  building_->image = std::make_unique<PolicyImage>(begin, limits_.max_peers, limits_.max_classes);
  return abi::Refusal::none;
}

abi::Refusal PolicyKeeper::commit(const abi::CommitPolicy& commit) noexcept {
  if (in_force_ && in_force_->image->image == commit.image) return abi::Refusal::none;
  if (!building_ || building_->image->image != commit.image) return abi::Refusal::no_such_image;
  if (building_->is_spoilt) return abi::Refusal::incomplete_image;
  take_due_steps(*building_);
  rebuild_index(*building_);
  PolicyImage& image = *building_->image;
  if (image.pick_up_s != 0)
    image.pick_up_until_tsc = context_.now_tsc + std::uint64_t{image.pick_up_s} * context_.tables.tsc_hz;
  table_.put_in_force(&image);
  table_.retire(std::exchange(in_force_, std::move(building_)));
  header_.policy_image.store(image.image, std::memory_order_relaxed);
  header_.policy_generation.store(image.generation, std::memory_order_release);
  log_info("policy in force", {{"generation", image.generation},
                               {"rules", image.rules.size() - 1},
                               {"addresses", in_force_->addresses.size()},
                               {"allow_all", image.allow_all}});
  return abi::Refusal::none;
}

void PolicyKeeper::spoil(std::uint64_t image, abi::CommandKind refused) noexcept {
  if (building_ && building_->image->image == image && refused != abi::CommandKind::set_peer_access &&
      refused != abi::CommandKind::commit_policy)
    building_->is_spoilt = true;
}

abi::Refusal PolicyKeeper::set_rule(const abi::SetRule& set) noexcept {
  PolicyBook* book = book_of(set.image);
  if (book == nullptr) return abi::Refusal::no_such_image;
  if (is_in_force(*book)) return abi::Refusal::conflict;
  auto& rules = book->image->rules;
  if (rules.size() <= set.number) rules.resize(set.number + 1);
  rules[set.number] = {.rank = set.rank,
                       .action = set.action,
                       .log = set.log,
                       .reject = set.reject != 0,
                       .has_rate = set.rate_bits_per_s != 0,
                       .rate = RateParameters::with_queue(set.rate_bits_per_s, context_.tables.tsc_hz)};
  return abi::Refusal::none;
}

abi::Refusal PolicyKeeper::set_service(const abi::SetService& set) noexcept {
  PolicyBook* book = book_of(set.image);
  if (book == nullptr) return abi::Refusal::no_such_image;
  if (is_in_force(*book)) return abi::Refusal::conflict;
  auto& services = book->image->services;
  if (services.size() <= set.number) services.resize(set.number + 1);
  services[set.number] = {.count = set.port_count, .ranges = set.ports};
  return abi::Refusal::none;
}

// --- classes ---

template <typename Element>
template <typename Piece, typename Elements>
bool PolicyKeeper::Assembly<Element>::add(const Piece& piece, const Elements& more, bool& gap) noexcept {
  if (piece.offset == 0) {
    image = piece.image;
    number = piece.number;
    elements.clear();
  }
  gap = image != piece.image || number != piece.number || elements.size() != piece.offset;
  if (gap) {
    *this = {};  // what follows has a gap too, up to the next offset 0
    return false;
  }
  elements.insert(elements.end(), more.begin(), more.begin() + piece.count);
  return elements.size() == piece.total;
}

template <typename List>
abi::Refusal PolicyKeeper::replace(PolicyBook& book, std::vector<std::atomic<const List*>>& lists, std::uint32_t number,
                                   std::unique_ptr<const List> list) noexcept {
  const List* before = lists[number].load(std::memory_order_relaxed);
  const std::size_t elements =
      book.list_elements - (before != nullptr ? before->size() : 0) + (list ? list->size() : 0);
  if (elements > max_list_elements) return abi::Refusal::table_full;
  book.list_elements = elements;
  std::size_t& count = std::is_same_v<List, SourceRow> ? book.source_classes : book.destination_classes;
  count += static_cast<std::size_t>(list != nullptr) - static_cast<std::size_t>(before != nullptr);
  lists[number].store(list.release(), std::memory_order_release);
  table_.retire(std::unique_ptr<const List>(before));
  changed(book);
  return abi::Refusal::none;
}

abi::Refusal PolicyKeeper::set_source_class(const abi::SetSourceClass& set) noexcept {
  PolicyBook* book = book_of(set.image);
  if (book == nullptr || !in(book->image->rows, set.number)) return abi::Refusal::no_such_image;
  bool gap = false;
  if (!row_.add(set, set.entries, gap)) return gap ? abi::Refusal::bad_value : abi::Refusal::none;
  const auto falls = [](const abi::RowEntry& a, const abi::RowEntry& b) { return a.service >= b.service; };
  auto row = std::make_unique<const SourceRow>(std::exchange(row_, {}).elements);
  if (std::adjacent_find(row->begin(), row->end(), falls) != row->end()) return abi::Refusal::bad_value;
  return replace(*book, book->image->rows, set.number, std::move(row));
}

abi::Refusal PolicyKeeper::remove_source_class(const abi::RemoveSourceClass& remove) noexcept {
  PolicyBook* book = book_of(remove.image);
  if (book == nullptr || !in(book->image->rows, remove.number)) return abi::Refusal::no_such_image;
  return replace<SourceRow>(*book, book->image->rows, remove.number, nullptr);
}

abi::Refusal PolicyKeeper::set_destination_class(const abi::SetDestinationClass& set) noexcept {
  PolicyBook* book = book_of(set.image);
  if (book == nullptr || !in(book->image->destinations, set.number)) return abi::Refusal::no_such_image;
  bool gap = false;
  if (!destination_.add(set, set.services, gap)) return gap ? abi::Refusal::bad_value : abi::Refusal::none;
  auto services = std::make_unique<const DestinationServices>(std::exchange(destination_, {}).elements);
  if (std::adjacent_find(services->begin(), services->end(), std::greater_equal<>()) != services->end())
    return abi::Refusal::bad_value;
  return replace(*book, book->image->destinations, set.number, std::move(services));
}

abi::Refusal PolicyKeeper::remove_destination_class(const abi::RemoveDestinationClass& remove) noexcept {
  PolicyBook* book = book_of(remove.image);
  if (book == nullptr || !in(book->image->destinations, remove.number)) return abi::Refusal::no_such_image;
  return replace<DestinationServices>(*book, book->image->destinations, remove.number, nullptr);
}

// --- addresses ---

abi::Refusal PolicyKeeper::set_address(const abi::SetAddress& set) noexcept {
  PolicyBook* book = book_of(set.image);
  if (book == nullptr || book->image->allow_all) return abi::Refusal::no_such_image;
  if (book->addresses.size() >= abi::max_policy_addresses && !book->addresses.contains(set.prefix))
    return abi::Refusal::table_full;
  const auto [address, is_new] = book->entry_of(set.prefix);
  address.access->destination_class.store(set.destination_class, std::memory_order_relaxed);
  address.access->opening_class.store(set.draining != 0 ? closed_to_new_flows : set.opening_class,
                                      std::memory_order_relaxed);
  book->set_address_access(set.prefix, address, set.access, context_.now_ns);
  // A new one counts when the index names it.
  if (book->pass_on(set.prefix) || !is_new) changed(*book);
  return abi::Refusal::none;
}

abi::Refusal PolicyKeeper::remove_address(const abi::RemoveAddress& remove) noexcept {
  PolicyBook* book = book_of(remove.image);
  if (book == nullptr) return abi::Refusal::no_such_image;
  const auto found = book->addresses.find(remove.prefix);
  if (found == book->addresses.end()) return abi::Refusal::none;
  book->set_address_access(remove.prefix, found->second, {}, context_.now_ns);
  // An image that is still built has no index yet.
  if (is_in_force(*book)) book->removed_addresses.emplace(remove.prefix, std::move(found->second.access));
  book->addresses.erase(found);
  book->pass_on(remove.prefix);
  book->index_outdated = true;
  changed(*book);
  return abi::Refusal::none;
}

void PolicyKeeper::rebuild_index(PolicyBook& book) noexcept {
  if (!std::exchange(book.index_outdated, false)) return;
  const std::uint64_t started_ns = boottime_ns();
  std::vector<AddressIndex::Entry> entries;
  entries.reserve(book.addresses.size());
  for (const auto& [prefix, address] : book.addresses) entries.push_back({prefix, address.access.get()});
  const AddressIndex* before = book.image->addresses.exchange(new AddressIndex(entries), std::memory_order_release);
  table_.retire(std::unique_ptr<const AddressIndex>(before));
  if (!book.removed_addresses.empty())
    table_.retire(std::make_unique<PolicyBook::RemovedAddresses>(std::exchange(book.removed_addresses, {})));
  changed(book);
  const std::uint64_t took_ns = boottime_ns() - started_ns;
  next_rebuild_ns_ = context_.now_ns + std::max(least_rebuild_interval_ns, rebuild_share * took_ns);
}

// --- peers ---

abi::Refusal PolicyKeeper::set_peer_access(const abi::SetPeerAccess& set) noexcept {
  PolicyBook* book = book_of(set.image);
  if (book == nullptr || book->image->allow_all) return abi::Refusal::no_such_image;
  if (context_.tables.peers[set.peer_id].live.load(std::memory_order_relaxed) == 0) return abi::Refusal::unknown_peer;
  PeerAccess& access = book->image->peers[set.peer_id];
  access.identity.store(set.identity, std::memory_order_relaxed);
  access.destination_class.store(set.destination_class, std::memory_order_relaxed);
  book->set_peer(set.peer_id, set.access, context_.now_ns);
  book->note_access(set.peer_id, true, limits_.max_peers);
  if (is_in_force(*book)) changed_peer(set.peer_id);
  return abi::Refusal::none;
}

HeldPolicyParts PolicyKeeper::held() const noexcept {
  return in_force_ ? in_force_->held() : HeldPolicyParts{};
}

void PolicyKeeper::forget_peer(std::uint32_t peer_id) noexcept {
  for (PolicyBook* book : {in_force_.get(), building_.get()}) {
    if (book == nullptr || book->image->allow_all) continue;
    book->set_peer(peer_id, {}, context_.now_ns);
    book->note_access(peer_id, false, limits_.max_peers);
    book->image->peers[peer_id].destination_class.store(0, std::memory_order_relaxed);
  }
  changed_peer(peer_id);
}

// --- time ---

void PolicyKeeper::take_due_steps(PolicyBook& book) noexcept {
  while (!book.peers_due.empty() && book.peers_due.begin()->first <= context_.now_ns) {
    const std::uint32_t peer_id = book.peers_due.begin()->second;
    const abi::Access access = book.peers_with_steps.at(peer_id);
    book.set_peer(peer_id, access, context_.now_ns);
    if (is_in_force(book)) changed_peer(peer_id);
  }
  while (!book.addresses_due.empty() && book.addresses_due.begin()->first <= context_.now_ns) {
    const IpPrefix prefix = book.addresses_due.begin()->second;
    PolicyBook::Address& address = book.addresses.at(prefix);
    book.set_address_access(prefix, address, abi::Access(address.steps), context_.now_ns);
    book.pass_on(prefix);
    changed(book);
  }
}

void PolicyKeeper::poll() noexcept {
  if (in_force_) {
    take_due_steps(*in_force_);
    if (in_force_->index_outdated && context_.now_ns >= next_rebuild_ns_ && has_room()) rebuild_index(*in_force_);
  }
  if (std::exchange(epoch_outdated_, false)) table_.change_epoch();
  table_.poll();
}

}  // namespace sallyport::dataplane
