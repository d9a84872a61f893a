// Which commit of a git checkout a file comes from, and who made it: for the audit trail. Runs `git`, which is not
// ours, in a folder that others may write, so it gets no configuration that could make it run something else, no input,
// and a few seconds. Blocking; for a thread that may wait.
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
// in time, or an answer that is none.
[[nodiscard]] GitVersion git_version_of(const std::filesystem::path& path,
                                        std::chrono::milliseconds patience = std::chrono::seconds(2));

}  // namespace sallyport::controlplane
