#include "dataplane/io/kernel_link.hpp"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace sallyport::dataplane::kernel_link_test {
namespace {

enum Seen : int { right = 0, wrong, no_namespace };

bool set_loopback(int socket, bool up) {
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = up ? IFF_UP : 0;
  return ioctl(socket, SIOCSIFFLAGS, &request) == 0;
}

// In a process and a network namespace of its own, where "lo" is interface 1, down, and ours.
int look() {
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return no_namespace;
  const int control = socket(AF_INET, SOCK_DGRAM, 0);
  const KernelLinks links;
  const bool down_at_first = !links.is_up(1);
  if (!set_loopback(control, true)) return no_namespace;
  const bool up = links.is_up(1);
  if (!set_loopback(control, false)) return no_namespace;
  const bool down_again = !links.is_up(1);
  const bool gone = !links.is_up(4711);
  return down_at_first && up && down_again && gone ? right : wrong;
}

TEST(KernelLinks, FollowTheInterfaceBelowADriverThatAlwaysSaysUp) {
  const pid_t child = fork();
  if (child == 0) _exit(look());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == no_namespace) GTEST_SKIP() << "no network namespace can be made here";
  EXPECT_EQ(WEXITSTATUS(status), right);
}

}  // namespace
}  // namespace sallyport::dataplane::kernel_link_test
