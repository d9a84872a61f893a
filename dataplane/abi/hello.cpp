#include "dataplane/abi/hello.hpp"

#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#include "dataplane/abi/layout.hpp"
#include "dataplane/abi/limits.hpp"

namespace sallyport::abi {
namespace {

// One more than needed, so that a sender who passes too many is noticed and nothing leaks.
constexpr std::size_t descriptor_room = hello_descriptor_count + 1;

union ControlBuffer {
  cmsghdr alignment;
  char bytes[CMSG_SPACE(descriptor_room * sizeof(int))];
};

}  // namespace

tl::expected<void, std::string> send_hello(int socket, const Hello& hello,
                                           const std::array<int, hello_descriptor_count>& descriptors) {
  Hello copy = hello;
  iovec data{&copy, sizeof copy};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = CMSG_SPACE(sizeof descriptors);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
  const ssize_t sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(sizeof copy))
    return tl::unexpected(std::string("cannot send hello: ") + std::strerror(errno));
  return {};
}

tl::expected<ReceivedHello, std::string> receive_hello(int socket) {
  ReceivedHello received{};
  iovec data{&received.hello, sizeof received.hello};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (length < 0) return tl::unexpected(std::string("cannot receive hello: ") + std::strerror(errno));

  std::vector<FileDescriptor> passed;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      passed.emplace_back(descriptor);
    }
  }
  if (length == 0)
    return tl::unexpected(std::string("the dataplane closed the connection: it has a control plane already"));
  if (length != static_cast<ssize_t>(sizeof(Hello)) || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return tl::unexpected(std::string("hello has a wrong size"));
  if (received.hello.magic != hello_magic) return tl::unexpected(std::string("not a sallyport dataplane"));
  if (received.hello.version != version)
    return tl::unexpected("dataplane speaks version " + std::to_string(received.hello.version) + ", this process " +
                          std::to_string(version) + ": restart both from the same release");
  if (received.hello.layout != layout)
    return tl::unexpected(
        std::string("the dataplane is of another build (other counters, commands or limits): "
                    "restart both from the same release"));
  const Hello& hello = received.hello;
  if (hello.worker_count == 0 || hello.worker_count > max_workers || hello.max_peers == 0 ||
      hello.max_peers > max_peers_limit || !std::has_single_bit(hello.max_sessions) ||
      hello.max_sessions > max_sessions_limit)
    return tl::unexpected(std::string("hello has limits out of range"));
  if (passed.size() != hello_descriptor_count)
    return tl::unexpected(std::string("hello has a wrong number of descriptors"));
  for (std::size_t i = 0; i < hello_descriptor_count; ++i) received.descriptors[i] = std::move(passed[i]);
  return received;
}

}  // namespace sallyport::abi
