// Resolves DNS names on threads of its own, since the system's resolver blocks for as long as a dead server lets it.
// The threads outlive this object if they hang in a look-up when it goes: an end of the process never waits for a DNS
// server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/base/ip.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class NameResolver {
 public:
  // Called on the loop, once for each resolve() that was taken; empty if the name did not resolve. The order is the
  // system's preference (RFC 6724).
  using OnResolved = std::function<void(const std::string& name, const std::vector<IpAddress>& addresses)>;

  // `loop` must outlive the process's use of it; results that come after this object is gone are dropped.
  NameResolver(boost::asio::io_context& loop, OnResolved on_resolved);
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // False if too many names wait already: ask again later.
  bool resolve(const std::string& name);

  static constexpr unsigned thread_count = 4;
  static constexpr std::size_t waiting_max = 4096;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace sallyport::controlplane
