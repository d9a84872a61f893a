// The control plane's policy commands become what workers read: builds an image, puts it in force, changes it in place,
// and goes on from class to class when a step of an identity's access ends, whether or not a control plane lives.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/abi/events.hpp"
#include "dataplane/abi/policy_commands.hpp"
#include "dataplane/abi/validate.hpp"
#include "dataplane/forwarding/policy_table.hpp"
#include "dataplane/housekeeping/held.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/policy_book.hpp"

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

  [[nodiscard]] PolicyBook* book_of(std::uint64_t image) noexcept;
  [[nodiscard]] bool is_in_force(const PolicyBook& book) const noexcept { return &book == in_force_.get(); }
  // Replaces a row or a list of services; null: removes it.
  template <typename List>
  abi::Refusal replace(PolicyBook& book, std::vector<std::atomic<const List*>>& lists, std::uint32_t number,
                       std::unique_ptr<const List> list) noexcept;
  void changed(const PolicyBook& book) noexcept;
  void changed_peer(std::uint32_t peer_id) noexcept;
  void rebuild_index(PolicyBook& book) noexcept;
  void take_due_steps(PolicyBook& book) noexcept;

  HousekeepingContext& context_;
  PolicyTable& table_;
  abi::StatisticsHeader& header_;
  abi::CommandLimits limits_;
  std::unique_ptr<PolicyBook> in_force_;
  std::unique_ptr<PolicyBook> building_;
  Assembly<abi::RowEntry> row_;
  Assembly<std::uint32_t> destination_;
  std::uint64_t next_rebuild_ns_ = 0;
  bool epoch_outdated_ = false;
};

}  // namespace sallyport::dataplane
