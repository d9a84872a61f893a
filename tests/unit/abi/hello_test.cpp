#include "dataplane/abi/hello.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/abi/layout.hpp"
#include "dataplane/abi/limits.hpp"

namespace sallyport::abi::hello_test {
namespace {

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

class HelloTest : public ::testing::Test {
 protected:
  HelloTest() {
    int sockets[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    dataplane = FileDescriptor(sockets[0]);
    control_plane = FileDescriptor(sockets[1]);
    for (auto& descriptor : owned) descriptor = FileDescriptor(eventfd(0, EFD_CLOEXEC));
    hello.magic = hello_magic;
    hello.version = version;
    hello.worker_count = 2;
    hello.max_peers = 64;
    hello.max_sessions = 128;
    hello.boot_id = 42;
    hello.layout = layout;
  }

  std::array<int, hello_descriptor_count> numbers() const {
    std::array<int, hello_descriptor_count> list;
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = owned[i].get();
    return list;
  }
  // Sends it as it is and returns why it was refused, or "".
  std::string refusal_of(const Hello& sent) {
    EXPECT_TRUE(send_hello(dataplane.get(), sent, numbers()));
    const auto received = receive_hello(control_plane.get());
    return received ? "" : received.error();
  }
  template <typename Spoil>
  std::string refusal_with(Spoil&& spoil) {
    Hello sent = hello;
    spoil(sent);
    return refusal_of(sent);
  }
  // A message of any bytes with any number of descriptors.
  void send_raw(std::size_t size, std::size_t descriptors) {
    std::vector<char> data(size);
    std::memcpy(data.data(), &hello, std::min(size, sizeof hello));
    iovec vector{data.data(), data.size()};
    std::vector<char> control(CMSG_SPACE(descriptors * sizeof(int)));
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (descriptors > 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
      for (std::size_t i = 0; i < descriptors; ++i) {
        const int number = owned[i % owned.size()].get();
        std::memcpy(CMSG_DATA(header) + i * sizeof(int), &number, sizeof number);
      }
    }
    ASSERT_EQ(sendmsg(dataplane.get(), &message, 0), static_cast<ssize_t>(size));
  }

  FileDescriptor dataplane, control_plane;
  std::array<FileDescriptor, hello_descriptor_count> owned;
  Hello hello{};
};

TEST_F(HelloTest, PassesItsDescriptorsInOrder) {
  const std::uint64_t mark = 77;
  ASSERT_EQ(write(owned[static_cast<std::size_t>(HelloDescriptor::statistics)].get(), &mark, sizeof mark), 8);
  ASSERT_TRUE(send_hello(dataplane.get(), hello, numbers()));
  const auto received = receive_hello(control_plane.get());
  ASSERT_TRUE(received) << received.error();
  EXPECT_EQ(received->hello.boot_id, 42U);
  std::uint64_t read_back = 0;
  const int statistics = received->descriptors[static_cast<std::size_t>(HelloDescriptor::statistics)].get();
  ASSERT_EQ(read(statistics, &read_back, sizeof read_back), 8);
  EXPECT_EQ(read_back, mark);
  EXPECT_NE(fcntl(statistics, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(HelloTest, IsRefusedWithWrongFields) {
  EXPECT_NE(refusal_with([](Hello& h) { h.magic ^= 1; }).find("not a sallyport dataplane"), std::string::npos);
  EXPECT_NE(refusal_with([](Hello& h) { ++h.version; }).find("same release"), std::string::npos);
  EXPECT_NE(refusal_with([](Hello& h) { ++h.layout; }).find("of another build"), std::string::npos);
  for (const auto& spoil : std::vector<void (*)(Hello&)>{
           [](Hello& h) { h.worker_count = 0; },
           [](Hello& h) { h.worker_count = max_workers + 1; },
           [](Hello& h) { h.max_peers = 0; },
           [](Hello& h) { h.max_peers = max_peers_limit + 1; },
           [](Hello& h) { h.max_sessions = 0; },
           [](Hello& h) { h.max_sessions = 100; },
           [](Hello& h) { h.max_sessions = max_sessions_limit * 2; },
       })
    EXPECT_NE(refusal_with(spoil).find("out of range"), std::string::npos);
}

TEST_F(HelloTest, IsRefusedWithAWrongSizeOrNumberOfDescriptorsAndLeaksNone) {
  const std::size_t before = open_descriptors();
  for (const std::size_t size : {std::size_t{1}, sizeof(Hello) - 1, sizeof(Hello) + 1, std::size_t{4096}}) {
    send_raw(size, hello_descriptor_count);
    EXPECT_FALSE(receive_hello(control_plane.get())) << size;
  }
  for (const std::size_t count : {0U, 1U, 9U, 11U, 60U}) {
    send_raw(sizeof(Hello), count);
    EXPECT_FALSE(receive_hello(control_plane.get())) << count;
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HelloTest, ThatNeverCameMeansThatAnotherControlPlaneIsThere) {
  dataplane.reset();
  const auto received = receive_hello(control_plane.get());
  ASSERT_FALSE(received);
  EXPECT_NE(received.error().find("has a control plane already"), std::string::npos);
}

TEST_F(HelloTest, CannotBeSentToNobody) {
  control_plane.reset();
  EXPECT_FALSE(send_hello(dataplane.get(), hello, numbers()));
}

TEST_F(HelloTest, NeverBlocksOnAReaderThatDoesNotRead) {
  for (int i = 0; i < 100'000; ++i)
    if (!send_hello(dataplane.get(), hello, numbers())) return;
  FAIL() << "the socket's buffer has no end";
}

}  // namespace
}  // namespace sallyport::abi::hello_test
