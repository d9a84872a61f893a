#include "controlplane/runtime/name_resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace sallyport::controlplane {

struct NameResolver::Shared {
  boost::asio::io_context* loop;
  OnResolved on_resolved;
  std::mutex mutex;  // guards what follows
  std::condition_variable wake;
  std::deque<std::string> waiting;
  bool stopping = false;
  unsigned threads = 0;
  unsigned idle_threads = 0;
};

namespace {

constexpr std::size_t addresses_max = 16;

std::vector<IpAddress> look_up(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  std::vector<IpAddress> addresses;
  // Without AI_ADDRCONFIG, which asks what this host's kernel can reach: packets leave through ports that it does not
  // know.
  if (getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return addresses;
  for (const addrinfo* entry = list; entry != nullptr && addresses.size() < addresses_max; entry = entry->ai_next) {
    IpAddress address;
    if (entry->ai_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(entry->ai_addr);
      address = IpAddress::v4_from_bytes(reinterpret_cast<const std::uint8_t*>(&v4->sin_addr));
    } else if (entry->ai_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(entry->ai_addr);
      address = IpAddress::v6_from_bytes(reinterpret_cast<const std::uint8_t*>(&v6->sin6_addr));
    }
    // A name server must not make us send to ourselves or to a group.
    if (!address.is_set() || address.is_unspecified() || address.is_loopback() || address.is_multicast()) continue;
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
  }
  freeaddrinfo(list);
  return addresses;
}

template <typename Shared>
void run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    ++shared->idle_threads;
    shared->wake.wait(lock, [&] { return shared->stopping || !shared->waiting.empty(); });
    --shared->idle_threads;
    if (shared->stopping) return;
    const std::string name = std::move(shared->waiting.front());
    shared->waiting.pop_front();
    lock.unlock();
    std::vector<IpAddress> addresses = look_up(name);
    lock.lock();
    if (shared->stopping) return;  // the loop may be gone
    boost::asio::post(*shared->loop, [weak = std::weak_ptr(shared), name, found = std::move(addresses)] {
      if (const auto still_there = weak.lock(); still_there && !still_there->stopping)
        still_there->on_resolved(name, found);
    });
  }
}

}  // namespace

NameResolver::NameResolver(boost::asio::io_context& loop, OnResolved on_resolved)
    : shared_(std::make_shared<Shared>()) {
  shared_->loop = &loop;
  shared_->on_resolved = std::move(on_resolved);
}

NameResolver::~NameResolver() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stopping = true;
  shared_->wake.notify_all();
}

bool NameResolver::resolve(const std::string& name) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->waiting.size() >= waiting_max) return false;
  shared_->waiting.push_back(name);
  if (shared_->idle_threads < shared_->waiting.size() && shared_->threads < thread_count) {
    ++shared_->threads;
    std::thread([shared = shared_] { run(shared); }).detach();
  }
  shared_->wake.notify_one();
  return true;
}

}  // namespace sallyport::controlplane
