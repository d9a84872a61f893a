#include "controlplane/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "config/base/process_hardening.hpp"

namespace sallyport::controlplane {
namespace {

std::string failure(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

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

bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct nothing[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, nothing) == 0;
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

bool harden_before_start() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  rlimit limit{};
  const bool can_lock = setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0 ||
                        (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY);
  return harden_process(can_lock) && can_lock;
}

tl::expected<void, std::string> ensure_folder(const std::filesystem::path& folder,
                                              const std::optional<Account>& account) {
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error)) return {};
  std::filesystem::create_directories(folder, error);
  if (error) return tl::unexpected("cannot create " + folder.string() + ": " + error.message());
  if (chmod(folder.c_str(), 0755) != 0) return tl::unexpected(failure("cannot prepare " + folder.string()));
  if (account && geteuid() == 0 && chown(folder.c_str(), account->user, account->group) != 0)
    return tl::unexpected(failure("cannot give " + folder.string() + " to " + account->name));
  return {};
}

tl::expected<void, std::string> drop_privileges(const std::optional<Account>& account) {
  empty_bounding_set();
  if (account)
    if (auto became = become(*account); !became) return became;
  if (!drop_capabilities()) return tl::unexpected(failure("cannot drop capabilities"));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return tl::unexpected(failure("cannot set no_new_privs"));
  // A change of user makes the process dumpable again on some kernels.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return {};
}

}  // namespace sallyport::controlplane
