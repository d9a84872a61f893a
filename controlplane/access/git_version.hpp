// Which commit of a git checkout a file comes from, and who made it: for the audit trail. Runs `git`, which is not
// ours, so it gets no input, a few seconds, and no configuration of strangers: only a repository that belongs to root
// or to the process's own user is asked. Blocking; for a thread that may wait.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace sallyport::controlplane {

struct GitVersion {
  std::string commit;  // 40 or 64 hexadecimal digits
  std::string author;  // "Ann <ann@example.com>"

  friend bool operator==(const GitVersion&, const GitVersion&) = default;
};

// Of the newest commit of the checkout that `path` (a file or a folder) lies in. Empty: no checkout, no git, no answer
// in time, an answer that is none, or a repository of somebody else's.
[[nodiscard]] GitVersion git_version_of(const std::filesystem::path& path,
                                        std::chrono::milliseconds patience = std::chrono::seconds(2));

}  // namespace sallyport::controlplane
