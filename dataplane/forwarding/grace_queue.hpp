// What was unpublished and may still be in a reader's hand: it waits here, in order, until every worker has passed a
// quiescent state. Owned by housekeeping; nothing in it blocks. Capacity is fixed at start; the owner sizes it so that
// it cannot overflow (each item can be in it once).
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <vector>

#include "config/base/check.hpp"

namespace sallyport::dataplane {

template <typename Item>
class GraceQueue {
 public:
  GraceQueue(rte_rcu_qsbr* readers, std::size_t capacity) : readers_(readers), waiting_(capacity) {}

  // Call after the item was unpublished: rte_rcu_qsbr_start() releases that to the readers.
  void retire(const Item& item) noexcept {
    SP_CHECK(count_ < waiting_.size());
    waiting_[(first_ + count_) % waiting_.size()] = {rte_rcu_qsbr_start(readers_), item};
    ++count_;
  }

  // Hands over to `reclaim` what no reader can hold any more, `most` items at most; never waits.
  template <typename Reclaim>
  void poll(std::size_t most, Reclaim&& reclaim) noexcept {
    for (; most > 0 && count_ > 0; --most) {
      const Waiting& oldest = waiting_[first_];
      if (oldest.token > passed_) {
        // One check answers for every token up to the newest one that all readers have seen.
        if (rte_rcu_qsbr_check(readers_, oldest.token, false) == 0) return;
        passed_ = oldest.token;
      }
      reclaim(oldest.item);
      first_ = (first_ + 1) % waiting_.size();
      --count_;
    }
  }

  // Everything, at once: for the end, when no reader is left.
  template <typename Reclaim>
  void drain(Reclaim&& reclaim) noexcept {
    for (; count_ > 0; --count_, first_ = (first_ + 1) % waiting_.size()) reclaim(waiting_[first_].item);
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  struct Waiting {
    std::uint64_t token = 0;
    Item item{};
  };
  rte_rcu_qsbr* readers_;
  std::vector<Waiting> waiting_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::uint64_t passed_ = 0;
};

}  // namespace sallyport::dataplane
