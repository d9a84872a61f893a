// The policy in force, as workers find it, and the epoch by which a flow knows that it must be decided anew. Written by
// housekeeping (housekeeping/policy_keeper), which hands in what it replaced; that is freed when no worker can hold it.
#pragma once

#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/forwarding/grace_queue.hpp"
#include "dataplane/forwarding/policy_image.hpp"

namespace sallyport::dataplane {

class PolicyTable {
 public:
  explicit PolicyTable(rte_rcu_qsbr* readers) : retired_(readers, capacity) {}

  // --- workers ---

  // Null: none was committed yet, and nothing is allowed. Valid until the next quiescent state.
  [[nodiscard]] const PolicyImage* in_force() const noexcept { return in_force_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }
  // What a decision is made of. The epoch is read before the image, and both before rows, classes and addresses: a
  // change in between shows as another epoch at the flow's next packet. Never an image with the epoch of a later one.
  struct Version {
    const PolicyImage* image;
    std::uint32_t epoch;
  };
  [[nodiscard]] Version version() const noexcept {
    const std::uint32_t epoch = epoch_.load(std::memory_order_acquire);
    return {in_force_.load(std::memory_order_acquire), epoch};
  }

  // --- housekeeping ---

  // The caller keeps the image alive and retires the one before.
  void put_in_force(const PolicyImage* image) noexcept {
    in_force_.store(image, std::memory_order_release);
    change_epoch();
  }
  // Release: whoever sees the new epoch sees the change before it.
  void change_epoch() noexcept { epoch_.store(epoch_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  // Something that workers may still read; call after it was unpublished. There must be room.
  template <typename Object>
  void retire(std::unique_ptr<Object> object) noexcept {
    if (object)
      retired_.retire({[](const void* memory) { delete static_cast<const Object*>(memory); }, object.release()});
  }
  [[nodiscard]] std::size_t room() const noexcept { return capacity - retired_.size(); }
  void poll() noexcept {
    retired_.poll(capacity, [](const Retired& item) { item.destroy(item.object); });
  }
  // No worker is left.
  ~PolicyTable() {
    retired_.drain([](const Retired& item) { item.destroy(item.object); });
  }
  PolicyTable(const PolicyTable&) = delete;
  PolicyTable& operator=(const PolicyTable&) = delete;

 private:
  static constexpr std::size_t capacity = 8192;
  struct Retired {
    void (*destroy)(const void*);
    const void* object;
  };
  std::atomic<const PolicyImage*> in_force_{nullptr};
  std::atomic<std::uint32_t> epoch_{1};
  GraceQueue<Retired> retired_;
};

}  // namespace sallyport::dataplane
