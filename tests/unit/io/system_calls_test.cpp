#include "dataplane/io/system_calls.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include <gtest/gtest.h>

namespace sallyport::dataplane::system_calls_test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIP_UNDER_SANITIZERS() GTEST_SKIP() << "a build with a sanitizer is not confined"
#else
#define SKIP_UNDER_SANITIZERS() static_cast<void>(0)
#endif

template <typename Body>
int in_child(Body&& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

bool is_refused(long result) {
  return result < 0 && errno == EPERM;
}

bool opens_nothing() {
  return is_refused(open("/dev/null", O_RDONLY));
}

TEST(SystemCalls, OpenNoFileStartNoProgramAndMakeNoMemoryExecutable) {
  SKIP_UNDER_SANITIZERS();
  EXPECT_EQ(in_child([] {
              if (!confine_system_calls(false)) return 1;
              if (!opens_nothing()) return 2;
              char name[] = "/bin/true";
              char* argv[] = {name, nullptr};
              if (!is_refused(execv(name, argv)) || !is_refused(fork())) return 3;
              if (mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
                return 4;
              if (!is_refused(kill(getppid(), 0)) || !is_refused(setuid(0))) return 5;
              return is_refused(socket(AF_INET, SOCK_STREAM, 0)) && is_refused(socket(AF_PACKET, SOCK_RAW, 0)) ? 0 : 6;
            }),
            0);
}

TEST(SystemCalls, HoldForThreadsThatExistAndThoseThatCome) {
  SKIP_UNDER_SANITIZERS();
  EXPECT_EQ(in_child([] {
              std::atomic<int> asks{0};
              bool before = false, after = false;
              std::thread existing([&] {
                asks.wait(0);
                before = opens_nothing();
              });
              if (!confine_system_calls(false)) return 1;
              asks = 1;
              asks.notify_all();
              existing.join();
              std::thread([&] { after = opens_nothing(); }).join();
              return before && after ? 0 : 2;
            }),
            0);
}

TEST(SystemCalls, LeaveWhatAControlPlaneThatComesNeeds) {
  SKIP_UNDER_SANITIZERS();
  EXPECT_EQ(in_child([] {
              if (!confine_system_calls(false)) return 1;
              const int memory = memfd_create("segment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
              if (memory < 0 || ftruncate(memory, 4096) != 0) return 2;
              if (mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0) == MAP_FAILED) return 3;
              return fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) == 0 ? 0 : 4;
            }),
            0);
}

TEST(SystemCalls, ConnectOnlyForDriversThatDoItAgain) {
  SKIP_UNDER_SANITIZERS();
  for (const bool may : {false, true})
    EXPECT_EQ(in_child([may] {
                if (!confine_system_calls(may)) return 1;
                const int client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
                sockaddr_un nobody{AF_UNIX, "/nobody/listens/here"};
                const int result = connect(client, reinterpret_cast<const sockaddr*>(&nobody), sizeof nobody);
                return result < 0 && errno == (may ? ENOENT : EPERM) ? 0 : 2;
              }),
              0);
  config::Dataplane dataplane;
  config::Port port;
  port.device = "net_af_packet0,iface=wan0";
  EXPECT_FALSE(needs_to_connect(dataplane, {&port, 1}));
  port.device = "net_memif0,role=client";
  EXPECT_TRUE(needs_to_connect(dataplane, {&port, 1}));
  dataplane.eal_args = {"--vdev=net_vhost0,iface=/tmp/vhost.sock"};
  EXPECT_TRUE(needs_to_connect(dataplane, {}));
}

}  // namespace
}  // namespace sallyport::dataplane::system_calls_test
