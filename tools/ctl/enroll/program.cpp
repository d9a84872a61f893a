#include "tools/ctl/enroll/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sallyport::ctl {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t longest_errors_bytes = 4096;
constexpr int step_ms = 20;  // between two looks whether it has ended

class Pipe {
 public:
  Pipe() { (void)::pipe2(ends_.data(), O_CLOEXEC); }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] bool is_open() const { return ends_[0] >= 0; }
  [[nodiscard]] int end(unsigned which) const { return ends_[which]; }  // 0: reads, 1: writes
  void close_end(unsigned which) {
    if (ends_[which] >= 0) ::close(std::exchange(ends_[which], -1));
  }
  void never_wait(unsigned which) const { (void)::fcntl(ends_[which], F_SETFL, O_NONBLOCK); }

 private:
  std::array<int, 2> ends_{-1, -1};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));  // exec changes nothing
  result.push_back(nullptr);
  return result;
}

// A child with its three streams, signals as a new program expects them, and a process group of its own.
class Child {
 public:
  Child() = default;
  ~Child() {
    if (pid_ > 0) kill_and_reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  tl::expected<void, std::string> start(const std::vector<std::string>& arguments,
                                        const std::vector<std::string>& environment) {
    if (!in.is_open() || !out.is_open() || !err.is_open()) return tl::unexpected(std::string("no more files"));
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&files, in.end(0), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, out.end(1), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, err.end(1), STDERR_FILENO);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    const int failed = ::posix_spawn(&pid_, arguments[0].c_str(), &files, &attributes, pointers(arguments).data(),
                                     pointers(environment).data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (failed != 0) pid_ = -1;
    in.close_end(0);
    out.close_end(1);
    err.close_end(1);
    if (failed != 0) return tl::unexpected(std::string(std::strerror(failed)));
    in.never_wait(1);
    out.never_wait(0);
    err.never_wait(0);
    return {};
  }

  [[nodiscard]] bool has_ended() {
    if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    pid_ = -1;
    return true;
  }
  void kill_and_reap() {
    (void)::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    pid_ = -1;
  }

  Pipe in, out, err;
  int status = 0;

 private:
  pid_t pid_ = -1;
};

// What can be read now. False: more than `most`.
bool take(int descriptor, std::string& text, std::size_t most, bool cut) {
  std::array<char, 16 * 1024> piece{};
  for (;;) {
    const ssize_t got = ::read(descriptor, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    const auto bytes = static_cast<std::size_t>(got);
    if (text.size() + bytes > most && !cut) return false;
    text.append(piece.data(), std::min(bytes, most - text.size()));
  }
}

// Writes what fits. SIGPIPE of a child that does not read is the caller's to ignore.
void give(Child& child, std::string_view& input) {
  while (!input.empty()) {
    const ssize_t written = ::write(child.in.end(1), input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) break;
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  input = {};
  child.in.close_end(1);
}

// A child may end before it has read everything: SIGPIPE is held back meanwhile, and taken away if it came.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &former_);
  }
  ~NoBrokenPipe() {
    const timespec now{};
    while (::sigismember(&former_, SIGPIPE) == 0 && ::sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {}
    ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;

 private:
  sigset_t pipe_{}, former_{};
};

}  // namespace

std::string find_program(std::string_view name, std::string_view search_path) {
  for (std::size_t start = 0; start <= search_path.size();) {
    const std::size_t end = std::min(search_path.find(':', start), search_path.size());
    const std::string file = std::string(search_path.substr(start, end - start)) + '/' + std::string(name);
    struct ::stat status {};
    if (file.starts_with('/') && ::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::access(file.c_str(), X_OK) == 0)
      return file;
    start = end + 1;
  }
  return {};
}

tl::expected<ProgramResult, std::string> run_program(const std::vector<std::string>& arguments, std::string_view input,
                                                     const std::vector<std::string>& environment,
                                                     const ProgramLimits& limits) {
  const NoBrokenPipe no_broken_pipe;
  const std::string& name = arguments[0];
  Child child;
  if (const auto started = child.start(arguments, environment); !started)
    return tl::unexpected(name + " cannot be started: " + started.error());
  ProgramResult result;
  const auto deadline = Clock::now() + limits.time;
  for (bool ended = false; !ended;) {
    ended = child.has_ended();  // before the last look at its output: a daemon that it left behind may keep that open
    give(child, input);
    (void)take(child.err.end(0), result.errors, longest_errors_bytes, true);
    if (!take(child.out.end(0), result.output, limits.output_bytes, false))
      return tl::unexpected(name + ": prints more than " + std::to_string(limits.output_bytes / 1024) + " KiB");
    if (ended) break;
    if (Clock::now() > deadline)
      return tl::unexpected(name + ": does not end within " + std::to_string(limits.time.count() / 1000) + " s");
    std::array<pollfd, 2> ready{{{child.out.end(0), POLLIN, 0}, {child.err.end(0), POLLIN, 0}}};
    (void)::poll(ready.data(), ready.size(), step_ms);
    if (((ready[0].revents | ready[1].revents) & (POLLHUP | POLLIN)) == POLLHUP) ::usleep(1000);  // only waiting to end
  }
  if (!WIFEXITED(child.status))
    return tl::unexpected(name + ": was ended by signal " + std::to_string(WTERMSIG(child.status)));
  result.exit_code = WEXITSTATUS(child.status);
  return result;
}

}  // namespace sallyport::ctl
