#include "config/base/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::service_manager_test {
namespace {

// What arrives at `name` (with '@' in front: an abstract one) when the process says that it is ready.
std::string told(const std::string& name) {
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  if (name.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  EXPECT_EQ(bind(socket, reinterpret_cast<const sockaddr*>(&address), length), 0);
  setenv("NOTIFY_SOCKET", name.c_str(), 1);
  EXPECT_TRUE(tell_service_manager("READY=1"));
  unsetenv("NOTIFY_SOCKET");
  char text[64];
  const ssize_t got = recv(socket, text, sizeof text, 0);
  close(socket);
  return got < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(got));
}

TEST(ServiceManager, HearsThatTheProcessIsReady) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-notify-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  EXPECT_EQ(told((folder / "notify").string()), "READY=1");
  EXPECT_EQ(told("@" + folder.string()), "READY=1");
  std::filesystem::remove_all(folder);
}

TEST(ServiceManager, IsNotMissed) {
  unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(tell_service_manager("READY=1"));
  setenv("NOTIFY_SOCKET", "/nobody/listens/here", 1);
  EXPECT_FALSE(tell_service_manager("READY=1"));
  setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  EXPECT_FALSE(tell_service_manager("READY=1"));
  unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace sallyport::service_manager_test
