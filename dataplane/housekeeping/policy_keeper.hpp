// The control plane's policy commands become what workers read: builds an image, puts it in force, changes it in place,
// and goes on from class to class when a step of an identity's access ends, whether or not a control plane lives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "dataplane/abi/events.hpp"
#include "dataplane/abi/policy_commands.hpp"
#include "dataplane/abi/validate.hpp"
#include "dataplane/forwarding/policy_table.hpp"
#include "dataplane/housekeeping/held.hpp"
#include "dataplane/worker/housekeeping_context.hpp"

namespace sallyport::dataplane {

class PolicyKeeper {
 public:
  PolicyKeeper(HousekeepingContext& context, abi::StatisticsHeader& header, const abi::CommandLimits& limits);
  ~PolicyKeeper();
  PolicyKeeper(const PolicyKeeper&) = delete;
  PolicyKeeper& operator=(const PolicyKeeper&) = delete;

  // False: too much of what was replaced waits for a grace period; the command must be tried again.
  [[nodiscard]] bool has_room() const noexcept;

  // The commands; values were checked.
  abi::Refusal begin(const abi::BeginPolicy& begin) noexcept;
  abi::Refusal commit(const abi::CommitPolicy& commit) noexcept;
  abi::Refusal set_rule(const abi::SetRule& set) noexcept;
  abi::Refusal set_service(const abi::SetService& set) noexcept;
  abi::Refusal set_source_class(const abi::SetSourceClass& set) noexcept;
  abi::Refusal remove_source_class(const abi::RemoveSourceClass& remove) noexcept;
  abi::Refusal set_destination_class(const abi::SetDestinationClass& set) noexcept;
  abi::Refusal remove_destination_class(const abi::RemoveDestinationClass& remove) noexcept;
  abi::Refusal set_address(const abi::SetAddress& set) noexcept;
  abi::Refusal remove_address(const abi::RemoveAddress& remove) noexcept;
  // The peer must live.
  abi::Refusal set_peer_access(const abi::SetPeerAccess& set) noexcept;

  // A part of this image was refused: it is not put in force, for without a deny rule or a service it may allow what
  // the policy denies. (A peer that lacks its access has none, and spoils nothing.)
  void spoil(std::uint64_t image, abi::CommandKind refused) noexcept;

  // The peer is gone, or its id has a new owner: nobody stands behind it, and its flows are decided anew.
  void forget_peer(std::uint32_t peer_id) noexcept;
  [[nodiscard]] HeldPolicyParts held() const noexcept;
  // Steps that are due, address entries that changed, what is out of its grace period.
  void poll() noexcept;

 private:
  struct Address {
    std::unique_ptr<AddressAccess> access;
    abi::Access steps;
  };
  using RemovedAddresses = std::multimap<IpPrefix, std::unique_ptr<AddressAccess>>;
  // An image with what workers do not read of it.
  struct Book {
    std::unique_ptr<PolicyImage> image;
    std::map<IpPrefix, Address> addresses;
    std::unordered_map<std::uint32_t, abi::Access> peers_with_steps;
    std::set<std::pair<std::uint64_t, std::uint32_t>> peers_due;  // by the end of their step
    std::set<std::pair<std::uint64_t, IpPrefix>> addresses_due;
    RemovedAddresses removed_addresses;  // until the index does not name them
    bool index_outdated = false;
    bool is_spoilt = false;
    std::size_t list_elements = 0;  // of all rows and destination classes
    std::size_t source_classes = 0, destination_classes = 0;
    std::vector<bool> has_access;  // by peer id: it was set since the id has its owner
    std::size_t peers_with_access = 0;
  };
  // A list that arrives in pieces.
  template <typename Element>
  struct Assembly {
    std::uint64_t image = 0;
    std::uint32_t number = 0;
    std::vector<Element> elements;
    // True when the list is complete. After a gap, which is an error, it must begin anew.
    template <typename Piece, typename Elements>
    bool add(const Piece& piece, const Elements& more, bool& gap) noexcept;
  };

  [[nodiscard]] Book* book_of(std::uint64_t image) noexcept;
  [[nodiscard]] bool is_in_force(const Book& book) const noexcept { return &book == in_force_.get(); }
  // Replaces a row or a list of services; null: removes it.
  template <typename List>
  abi::Refusal replace(Book& book, std::vector<std::atomic<const List*>>& lists, std::uint32_t number,
                       std::unique_ptr<const List> list) noexcept;
  void changed(const Book& book) noexcept;
  void changed_peer(std::uint32_t peer_id) noexcept;
  void rebuild_index(Book& book) noexcept;
  void set_peer(Book& book, std::uint32_t peer_id, const abi::Access& access) noexcept;
  void note_access(Book& book, std::uint32_t peer_id, bool has_access) const noexcept;
  bool pass_on(Book& book, const IpPrefix& prefix) noexcept;
  // The entry of the longest prefix that contains this one, itself included, or null.
  [[nodiscard]] static const AddressAccess* longest_around(const Book& book, IpPrefix prefix) noexcept;
  void set_address_access(Book& book, const IpPrefix& prefix, Address& address, const abi::Access& access) noexcept;
  void take_due_steps(Book& book) noexcept;
  // The access as of now: steps that have ended are taken. True if any was.
  bool advance(abi::Access& access) const noexcept;

  HousekeepingContext& context_;
  PolicyTable& table_;
  abi::StatisticsHeader& header_;
  abi::CommandLimits limits_;
  std::unique_ptr<Book> in_force_;
  std::unique_ptr<Book> building_;
  Assembly<abi::RowEntry> row_;
  Assembly<std::uint32_t> destination_;
  std::uint64_t next_rebuild_ns_ = 0;
  bool epoch_outdated_ = false;
};

}  // namespace sallyport::dataplane
