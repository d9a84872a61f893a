#include "config/base/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <vector>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds patience_with_threads{5};

std::string failure(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

// glibc changes the user of every thread.
tl::expected<void, std::string> become(const Account& account) {
  if (geteuid() == account.user && getegid() == account.group) return {};
  if (geteuid() != 0)
    return tl::unexpected("cannot become user " + account.name + ": only root can (or start as that user)");
  if (initgroups(account.name.c_str(), account.group) != 0 ||
      setresgid(account.group, account.group, account.group) != 0 ||
      setresuid(account.user, account.user, account.user) != 0)
    return tl::unexpected(failure("cannot become user " + account.name));
  if (account.user != 0 && setresuid(0, 0, 0) == 0) return tl::unexpected(std::string("could become root again"));
  return {};
}

// The bounding set can only be cut while CAP_SETPCAP is there; without it there is nothing to gain it with either.
void empty_bounding_set() {
  for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability)
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

// Of the calling thread alone; also called from a signal handler.
bool drop_own_capabilities() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct nothing[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, nothing) == 0;
}

void on_signal(int) {
  const int interrupted = errno;
  (void)drop_own_capabilities();
  errno = interrupted;
}

// A thread that ended holds nothing.
bool holds_capabilities(const fs::path& thread) {
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("CapPrm:")) return line.find_first_of("123456789abcdef", 7) != std::string::npos;
  return false;
}

// Capabilities belong to threads, and the system call to drop them reaches the caller's own alone.
tl::expected<void, std::string> drop_capabilities_of_all_threads() {
  if (!drop_own_capabilities()) return tl::unexpected(failure("cannot drop capabilities"));
  struct sigaction on {
  }, before{};
  on.sa_handler = on_signal;
  on.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &on, &before);
  const auto deadline = std::chrono::steady_clock::now() + patience_with_threads;
  tl::expected<void, std::string> result;
  bool signalled = false;
  for (bool any = true; any && result; signalled |= any) {
    any = false;
    std::error_code error;
    for (fs::directory_iterator thread("/proc/self/task", error), end; !error && thread != end; thread.increment(error))
      if (holds_capabilities(thread->path())) {
        any = true;
        syscall(SYS_tgkill, getpid(), std::atoi(thread->path().filename().c_str()), SIGUSR1);
      }
    if (error) result = tl::unexpected("cannot look at the process's threads: " + error.message());
    if (any && std::chrono::steady_clock::now() > deadline)
      result = tl::unexpected(std::string("a thread keeps its capabilities"));
    if (any) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // One that was sent twice may be pending still, and its default is to end the process.
  on.sa_handler = SIG_IGN;
  sigaction(SIGUSR1, signalled ? &on : &before, nullptr);
  return result;
}

}  // namespace

tl::expected<Account, std::string> find_account(const std::string& name) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  const int code = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    errno = code;
    return tl::unexpected(code == 0 ? "there is no user " + name : failure("cannot look up user " + name));
  }
  return Account{name, found->pw_uid, found->pw_gid};
}

bool lift_memory_lock_limit() noexcept {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  rlimit limit{};
  return setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0 ||
         (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY);
}

tl::expected<void, std::string> forgo_new_privileges() {
  empty_bounding_set();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return tl::unexpected(failure("cannot set no_new_privs"));
  return {};
}

tl::expected<void, std::string> drop_privileges(const std::optional<Account>& account) {
  if (auto forgone = forgo_new_privileges(); !forgone) return forgone;
  if (account)
    if (auto became = become(*account); !became) return became;
  if (auto dropped = drop_capabilities_of_all_threads(); !dropped) return dropped;
  // A change of user makes the process dumpable again on some kernels.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return {};
}

}  // namespace sallyport
