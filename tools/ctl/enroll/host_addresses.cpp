#include "tools/ctl/enroll/host_addresses.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace sallyport::ctl {
namespace {

using Addresses = tl::expected<std::vector<IpAddress>, std::string>;

Addresses look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (failed != 0) return tl::unexpected(host + ": " + ::gai_strerror(failed));
  std::vector<IpAddress> found;
  for (const addrinfo* entry = list; entry != nullptr && found.size() < most_host_addresses; entry = entry->ai_next) {
    IpAddress address;
    if (entry->ai_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(entry->ai_addr);
      address = IpAddress::v4_from_bytes(reinterpret_cast<const std::uint8_t*>(&v4->sin_addr));
    } else if (entry->ai_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(entry->ai_addr);
      address = IpAddress::v6_from_bytes(reinterpret_cast<const std::uint8_t*>(&v6->sin6_addr));
    }
    if (address.is_set() && std::find(found.begin(), found.end(), address) == found.end()) found.push_back(address);
  }
  ::freeaddrinfo(list);
  if (found.empty()) return tl::unexpected(host + ": has no address");
  return found;
}

bool is_readable_within(int descriptor, int milliseconds) {
  pollfd wanted{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, milliseconds) > 0;
}

}  // namespace

Addresses addresses_of(const std::string& host, std::chrono::milliseconds timeout, int stop_descriptor) {
  if (const auto address = IpAddress::parse(host)) return std::vector<IpAddress>{*address};
  auto promise = std::make_shared<std::promise<Addresses>>();
  auto answer = promise->get_future();
  try {
    std::thread([promise, host] { promise->set_value(look_up(host)); }).detach();
  } catch (const std::system_error& error) { return tl::unexpected(host + ": " + error.what()); }
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  constexpr int step_ms = 50;
  while (answer.wait_for(std::chrono::milliseconds(step_ms)) != std::future_status::ready) {
    if (is_readable_within(stop_descriptor, 0)) return tl::unexpected(std::string("stopped"));
    if (std::chrono::steady_clock::now() > deadline)
      return tl::unexpected(host + ": no name server answered within " + std::to_string(timeout.count() / 1000) + " s");
  }
  return answer.get();
}

}  // namespace sallyport::ctl
