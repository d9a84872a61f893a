// Work that waits in the event loop for an object that may be gone when its turn comes. The object and the loop's work
// belong to one thread; only the posting may come from another one, which ends before the object does.
#pragma once

#include <memory>
#include <utility>

namespace sallyport::controlplane {

class Lifetime {
 public:
  // Does nothing once this object is gone.
  template <typename Work>
  [[nodiscard]] auto guard(Work work) const {
    return [alive = std::weak_ptr<const char>(token_), work = std::move(work)]() mutable {
      if (!alive.expired()) work();
    };
  }

 private:
  std::shared_ptr<const char> token_ = std::make_shared<const char>('\0');
};

}  // namespace sallyport::controlplane
