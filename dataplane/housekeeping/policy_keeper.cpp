#include "dataplane/housekeeping/policy_keeper.hpp"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <functional>
#include <type_traits>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/hash.hpp"
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

// What counts rates and flows of a source on an inside port: the prefix that gave it its access.
std::uint32_t identity_of(const IpPrefix& prefix) noexcept {
  const std::array kind{static_cast<std::uint8_t>(prefix.address.family), prefix.length};
  return fnv1a(kind, fnv1a<std::uint32_t>(prefix.address.bytes)) | inside_end_bit;
}

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

PolicyKeeper::Book* PolicyKeeper::book_of(std::uint64_t image) noexcept {
  if (building_ && building_->image->image == image) return building_.get();
  if (in_force_ && in_force_->image->image == image) return in_force_.get();
  return nullptr;
}

void PolicyKeeper::changed(const Book& book) noexcept {
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
  building_ = std::make_unique<Book>();
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
  Book* book = book_of(set.image);
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
  Book* book = book_of(set.image);
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
abi::Refusal PolicyKeeper::replace(Book& book, std::vector<std::atomic<const List*>>& lists, std::uint32_t number,
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
  Book* book = book_of(set.image);
  if (book == nullptr || !in(book->image->rows, set.number)) return abi::Refusal::no_such_image;
  bool gap = false;
  if (!row_.add(set, set.entries, gap)) return gap ? abi::Refusal::bad_value : abi::Refusal::none;
  const auto falls = [](const abi::RowEntry& a, const abi::RowEntry& b) { return a.service >= b.service; };
  auto row = std::make_unique<const SourceRow>(std::exchange(row_, {}).elements);
  if (std::adjacent_find(row->begin(), row->end(), falls) != row->end()) return abi::Refusal::bad_value;
  return replace(*book, book->image->rows, set.number, std::move(row));
}

abi::Refusal PolicyKeeper::remove_source_class(const abi::RemoveSourceClass& remove) noexcept {
  Book* book = book_of(remove.image);
  if (book == nullptr || !in(book->image->rows, remove.number)) return abi::Refusal::no_such_image;
  return replace<SourceRow>(*book, book->image->rows, remove.number, nullptr);
}

abi::Refusal PolicyKeeper::set_destination_class(const abi::SetDestinationClass& set) noexcept {
  Book* book = book_of(set.image);
  if (book == nullptr || !in(book->image->destinations, set.number)) return abi::Refusal::no_such_image;
  bool gap = false;
  if (!destination_.add(set, set.services, gap)) return gap ? abi::Refusal::bad_value : abi::Refusal::none;
  auto services = std::make_unique<const DestinationServices>(std::exchange(destination_, {}).elements);
  if (std::adjacent_find(services->begin(), services->end(), std::greater_equal<>()) != services->end())
    return abi::Refusal::bad_value;
  return replace(*book, book->image->destinations, set.number, std::move(services));
}

abi::Refusal PolicyKeeper::remove_destination_class(const abi::RemoveDestinationClass& remove) noexcept {
  Book* book = book_of(remove.image);
  if (book == nullptr || !in(book->image->destinations, remove.number)) return abi::Refusal::no_such_image;
  return replace<DestinationServices>(*book, book->image->destinations, remove.number, nullptr);
}

// --- addresses ---

abi::Refusal PolicyKeeper::set_address(const abi::SetAddress& set) noexcept {
  Book* book = book_of(set.image);
  if (book == nullptr || book->image->allow_all) return abi::Refusal::no_such_image;
  auto found = book->addresses.find(set.prefix);
  const bool is_new = found == book->addresses.end();
  if (is_new) {
    if (book->addresses.size() >= abi::max_policy_addresses) return abi::Refusal::table_full;
    found = book->addresses.emplace(set.prefix, Address{std::make_unique<AddressAccess>(), {}}).first;
    found->second.access->identity = identity_of(set.prefix);
    book->index_outdated = true;
  }
  found->second.access->destination_class.store(set.destination_class, std::memory_order_relaxed);
  found->second.access->opening_class.store(set.draining != 0 ? closed_to_new_flows : set.opening_class,
                                            std::memory_order_relaxed);
  set_address_access(*book, set.prefix, found->second, set.access);
  // A new one counts when the index names it.
  if (pass_on(*book, set.prefix) || !is_new) changed(*book);
  return abi::Refusal::none;
}

abi::Refusal PolicyKeeper::remove_address(const abi::RemoveAddress& remove) noexcept {
  Book* book = book_of(remove.image);
  if (book == nullptr) return abi::Refusal::no_such_image;
  const auto found = book->addresses.find(remove.prefix);
  if (found == book->addresses.end()) return abi::Refusal::none;
  set_address_access(*book, remove.prefix, found->second, {});
  // An image that is still built has no index yet.
  if (is_in_force(*book)) book->removed_addresses.emplace(remove.prefix, std::move(found->second.access));
  book->addresses.erase(found);
  pass_on(*book, remove.prefix);
  book->index_outdated = true;
  changed(*book);
  return abi::Refusal::none;
}

// Removed entries, which the index names a little longer, give what the prefix around them gives: their own rights end
// at once, and flows that stay allowed are not cut meanwhile.
bool PolicyKeeper::pass_on(Book& book, const IpPrefix& prefix) noexcept {
  bool any = false;
  for (auto at = book.removed_addresses.lower_bound(prefix); at != book.removed_addresses.end(); ++at) {
    IpAddress address = at->first.address;
    const bool is_other_family = std::exchange(address.family, prefix.address.family) != prefix.address.family;
    if (!prefix.contains(address)) break;
    if (is_other_family) continue;  // both stand in one order
    const AddressAccess* outer = longest_around(book, at->first);
    const auto take = [&](std::atomic<std::uint32_t> AddressAccess::*value) {
      (at->second.get()->*value)
          .store(outer != nullptr ? (outer->*value).load(std::memory_order_relaxed) : 0, std::memory_order_relaxed);
    };
    take(&AddressAccess::source_class);
    take(&AddressAccess::destination_class);
    take(&AddressAccess::opening_class);
    any = true;
  }
  return any;
}

const AddressAccess* PolicyKeeper::longest_around(const Book& book, IpPrefix prefix) noexcept {
  for (;; --prefix.length) {
    prefix = prefix.network();
    if (const auto found = book.addresses.find(prefix); found != book.addresses.end())
      return found->second.access.get();
    if (prefix.length == 0) return nullptr;
  }
}

void PolicyKeeper::set_address_access(Book& book, const IpPrefix& prefix, Address& address,
                                      const abi::Access& access) noexcept {
  if (address.steps.step_count != 0) book.addresses_due.erase({address.steps.steps[0].not_after_ns, prefix});
  address.steps = access;
  advance(address.steps);
  if (address.steps.step_count != 0) book.addresses_due.emplace(address.steps.steps[0].not_after_ns, prefix);
  address.access->source_class.store(address.steps.source_class, std::memory_order_relaxed);
}

void PolicyKeeper::rebuild_index(Book& book) noexcept {
  if (!std::exchange(book.index_outdated, false)) return;
  const std::uint64_t started_ns = boottime_ns();
  std::vector<AddressIndex::Entry> entries;
  entries.reserve(book.addresses.size());
  for (const auto& [prefix, address] : book.addresses) entries.push_back({prefix, address.access.get()});
  const AddressIndex* before = book.image->addresses.exchange(new AddressIndex(entries), std::memory_order_release);
  table_.retire(std::unique_ptr<const AddressIndex>(before));
  if (!book.removed_addresses.empty())
    table_.retire(std::make_unique<RemovedAddresses>(std::exchange(book.removed_addresses, {})));
  changed(book);
  const std::uint64_t took_ns = boottime_ns() - started_ns;
  next_rebuild_ns_ = context_.now_ns + std::max(least_rebuild_interval_ns, rebuild_share * took_ns);
}

// --- peers ---

abi::Refusal PolicyKeeper::set_peer_access(const abi::SetPeerAccess& set) noexcept {
  Book* book = book_of(set.image);
  if (book == nullptr || book->image->allow_all) return abi::Refusal::no_such_image;
  if (context_.tables.peers[set.peer_id].live.load(std::memory_order_relaxed) == 0) return abi::Refusal::unknown_peer;
  PeerAccess& access = book->image->peers[set.peer_id];
  access.identity.store(set.identity, std::memory_order_relaxed);
  access.destination_class.store(set.destination_class, std::memory_order_relaxed);
  set_peer(*book, set.peer_id, set.access);
  note_access(*book, set.peer_id, true);
  if (is_in_force(*book)) changed_peer(set.peer_id);
  return abi::Refusal::none;
}

void PolicyKeeper::set_peer(Book& book, std::uint32_t peer_id, const abi::Access& access) noexcept {
  if (const auto old = book.peers_with_steps.find(peer_id); old != book.peers_with_steps.end()) {
    book.peers_due.erase({old->second.steps[0].not_after_ns, peer_id});
    book.peers_with_steps.erase(old);
  }
  abi::Access now = access;
  advance(now);
  if (now.step_count != 0) {
    book.peers_with_steps[peer_id] = now;
    book.peers_due.emplace(now.steps[0].not_after_ns, peer_id);
  }
  book.image->peers[peer_id].source_class.store(now.source_class, std::memory_order_relaxed);
}

void PolicyKeeper::note_access(Book& book, std::uint32_t peer_id, bool has_access) const noexcept {
  if (peer_id >= book.has_access.size()) book.has_access.resize(limits_.max_peers);
  if (book.has_access[peer_id] == has_access) return;
  book.has_access[peer_id] = has_access;
  has_access ? ++book.peers_with_access : --book.peers_with_access;
}

HeldPolicyParts PolicyKeeper::held() const noexcept {
  if (!in_force_) return {};
  return {.source_classes = in_force_->source_classes,
          .destination_classes = in_force_->destination_classes,
          .addresses = in_force_->addresses.size(),
          .peers_with_access = in_force_->peers_with_access};
}

void PolicyKeeper::forget_peer(std::uint32_t peer_id) noexcept {
  for (Book* book : {in_force_.get(), building_.get()}) {
    if (book == nullptr || book->image->allow_all) continue;
    set_peer(*book, peer_id, {});
    note_access(*book, peer_id, false);
    book->image->peers[peer_id].destination_class.store(0, std::memory_order_relaxed);
  }
  changed_peer(peer_id);
}

// --- time ---

bool PolicyKeeper::advance(abi::Access& access) const noexcept {
  unsigned ended = 0;
  while (ended < access.step_count && access.steps[ended].not_after_ns <= context_.now_ns) ++ended;
  if (ended == 0) return false;
  access.source_class = access.steps[ended - 1].next_class;
  std::copy(access.steps.begin() + ended, access.steps.begin() + access.step_count, access.steps.begin());
  access.step_count -= ended;
  return true;
}

void PolicyKeeper::take_due_steps(Book& book) noexcept {
  while (!book.peers_due.empty() && book.peers_due.begin()->first <= context_.now_ns) {
    const std::uint32_t peer_id = book.peers_due.begin()->second;
    const abi::Access access = book.peers_with_steps.at(peer_id);
    set_peer(book, peer_id, access);
    if (is_in_force(book)) changed_peer(peer_id);
  }
  while (!book.addresses_due.empty() && book.addresses_due.begin()->first <= context_.now_ns) {
    const IpPrefix prefix = book.addresses_due.begin()->second;
    Address& address = book.addresses.at(prefix);
    set_address_access(book, prefix, address, abi::Access(address.steps));
    pass_on(book, prefix);
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
