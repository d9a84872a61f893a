#include "controlplane/git_version.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <vector>

#include "config/file_descriptor.hpp"

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

}  // namespace

GitVersion git_version_of(const std::filesystem::path& path, std::chrono::milliseconds patience) {
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::is_directory(path, ignored) ? path : path.parent_path();
  const auto answer =
      run_git({"-C", folder.string(), "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c",
               "log.showSignature=false", "-c", "protocol.allow=never", "log", "-1", "--format=%H%n%an <%ae>"},
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
