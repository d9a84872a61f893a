#include "controlplane/privileges.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include "config/base/process_hardening.hpp"
#include "config/file_descriptor.hpp"

namespace sallyport::controlplane {
namespace {

std::string failure(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

// systemd says with colons between them which folders it made for this service.
bool is_made_by_service_manager(const std::filesystem::path& folder) {
  for (const char* name : {"STATE_DIRECTORY", "LOGS_DIRECTORY"}) {
    const char* value = std::getenv(name);
    std::string_view rest = value != nullptr ? value : "";
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(':'), rest.size());
      if (std::filesystem::path(rest.substr(0, end)).lexically_normal() == folder.lexically_normal()) return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return false;
}

// The folder and the plain files that lie in it, such as those of a control plane that ran as root until now.
tl::expected<void, std::string> give_away(const std::filesystem::path& folder, const Account& account) {
  // Given away at an earlier start: then not even root, without capabilities, may open it.
  if (struct stat known{}; lstat(folder.c_str(), &known) == 0 && known.st_uid == account.user) return {};
  const config::FileDescriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const auto failed = [&] { return tl::unexpected(failure("cannot give " + folder.string() + " to " + account.name)); };
  struct stat status {};
  if (opened.get() < 0) return failed();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (fstatat(opened.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) continue;
    if (fchownat(opened.get(), name.c_str(), account.user, account.group, AT_SYMLINK_NOFOLLOW) != 0) return failed();
  }
  if (error) return tl::unexpected("cannot list " + folder.string() + ": " + error.message());
  // The folder last: whoever owns it could put something else in the place of a file.
  if (fchown(opened.get(), account.user, account.group) != 0) return failed();
  return {};
}

}  // namespace

bool harden_before_start() {
  const bool can_lock = lift_memory_lock_limit();
  return harden_process(can_lock) && can_lock;
}

tl::expected<void, std::string> ensure_folder(const std::filesystem::path& folder,
                                              const std::optional<Account>& account) {
  std::error_code error;
  if (folder.empty()) return {};
  if (std::filesystem::is_directory(folder, error)) {
    if (account && geteuid() == 0 && is_made_by_service_manager(folder)) return give_away(folder, *account);
    return {};
  }
  std::filesystem::create_directories(folder, error);
  if (error) return tl::unexpected("cannot create " + folder.string() + ": " + error.message());
  if (chmod(folder.c_str(), 0755) != 0) return tl::unexpected(failure("cannot prepare " + folder.string()));
  if (account && geteuid() == 0 && chown(folder.c_str(), account->user, account->group) != 0)
    return tl::unexpected(failure("cannot give " + folder.string() + " to " + account->name));
  return {};
}

}  // namespace sallyport::controlplane
