#include "controlplane/access/git_version.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "config/file_descriptor.hpp"
#include "config/read_file.hpp"

namespace sallyport::controlplane {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t answer_bytes_max = 4096;
constexpr std::size_t author_bytes_max = 256;

// What git says until it ends; nothing if it takes too long or says too much.
std::optional<std::string> read_answer(int pipe, Clock::time_point deadline) {
  std::string answer;
  std::array<char, 1024> buffer;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{pipe, POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) == 0) return std::nullopt;
    const ssize_t got = read(pipe, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
    if (answer.size() > answer_bytes_max) return std::nullopt;
  }
}

std::optional<std::string> run_git(const std::vector<std::string>& arguments, std::chrono::milliseconds patience) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const config::FileDescriptor reading(ends[0]);
  std::optional<config::FileDescriptor> writing(std::in_place, ends[1]);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_setpgroup(&attributes, 0);  // a group of its own, to be ended as a whole
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> words = {"git"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const char* path = std::getenv("PATH");
  std::vector<std::string> variables = {std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin"),
                                        "HOME=/nonexistent",
                                        "LC_ALL=C",
                                        "GIT_CONFIG_NOSYSTEM=1",
                                        "GIT_CONFIG_GLOBAL=/dev/null",
                                        "GIT_TERMINAL_PROMPT=0",
                                        "GIT_OPTIONAL_LOCKS=0",
                                        "GIT_NO_LAZY_FETCH=1"};
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  pid_t child = 0;
  const int failed = posix_spawnp(&child, "git", &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return std::nullopt;
  writing.reset();  // so that the pipe ends with the child
  auto answer = read_answer(reading.get(), Clock::now() + patience);
  if (!answer) kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return answer;
}

bool is_commit(const std::string& text) {
  return (text.size() == 40 || text.size() == 64) &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// By its own configuration a repository can make git run what it names, and read files of its choice: whoever owns the
// repository would be whoever runs git. So it must belong to us or to root, who are no strangers.
bool is_trusted(const std::filesystem::path& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 && !S_ISLNK(status.st_mode) &&
         (status.st_uid == 0 || status.st_uid == geteuid());
}

// The one line of a file such as `.git` in a work tree; empty if there is none.
std::string line_of(const std::filesystem::path& file) {
  const auto text = config::read_file(file, answer_bytes_max);
  return text ? text->text.substr(0, text->text.find('\n')) : std::string();
}

// Where the repository of the checkout is that `folder` lies in; nothing if there is none, or it is not to be trusted.
// `.git` in a work tree of `git worktree` or in a submodule is a file that names the folder.
std::optional<std::filesystem::path> find_repository(std::filesystem::path folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  folder = fs::canonical(folder, error);
  if (error) return std::nullopt;
  while (!fs::exists(fs::symlink_status(folder / ".git", error))) {
    if (folder == folder.root_path()) return std::nullopt;
    folder = folder.parent_path();
  }
  fs::path repository = folder / ".git";
  if (!is_trusted(folder) || !is_trusted(repository)) return std::nullopt;
  constexpr std::string_view prefix = "gitdir: ";
  if (fs::is_regular_file(repository, error)) {
    const std::string line = line_of(repository);
    if (!line.starts_with(prefix)) return std::nullopt;
    repository = fs::canonical(folder / line.substr(prefix.size()), error);
    if (error || !is_trusted(repository)) return std::nullopt;
  }
  fs::path common = repository;  // a work tree's configuration is that of the repository it was made from
  if (const std::string line = line_of(repository / "commondir"); !line.empty()) {
    common = fs::canonical(repository / line, error);
    if (error || !is_trusted(common)) return std::nullopt;
  }
  for (const fs::path& file : {common / "config", repository / "config.worktree"})
    if (fs::exists(fs::symlink_status(file, error)) && !is_trusted(file)) return std::nullopt;
  return repository;
}

}  // namespace

GitVersion git_version_of(const std::filesystem::path& path, std::chrono::milliseconds patience) {
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::is_directory(path, ignored) ? path : path.parent_path();
  const auto repository = find_repository(folder);
  if (!repository) return {};
  // A repository that is named is not searched for, so a folder that looks like one is none.
  const auto answer = run_git({"--git-dir=" + repository->string(), "-c", "core.fsmonitor=false", "-c",
                               "core.hooksPath=/dev/null", "-c", "log.showSignature=false", "-c", "log.mailmap=false",
                               "-c", "protocol.allow=never", "log", "-1", "--format=%H%n%an <%ae>"},
                              patience);
  if (!answer) return {};
  GitVersion version;
  version.commit = answer->substr(0, answer->find('\n'));
  if (!is_commit(version.commit)) return {};
  if (answer->size() > version.commit.size() + 1)
    version.author = answer->substr(version.commit.size() + 1, author_bytes_max);
  version.author = version.author.substr(0, version.author.find('\n'));
  std::replace_if(
      version.author.begin(), version.author.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return version;
}

}  // namespace sallyport::controlplane
