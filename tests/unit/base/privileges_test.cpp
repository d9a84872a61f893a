#include "config/base/privileges.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::privileges_test {
namespace {

// Runs it in a child, since nothing of it can be undone; 0 means that all was well.
template <typename Body>
int in_child(Body&& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// What /proc says of each thread under `key`, such as "CapPrm".
std::vector<std::string> values_of_threads(const std::string& key) {
  std::vector<std::string> values;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(thread.path() / "status");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with(key + ":\t")) values.push_back(line.substr(key.size() + 2));
  }
  return values;
}

// Lives until the end of the scope.
class OtherThread {
 public:
  OtherThread() : thread_([this] { ends_.wait(false); }) {}
  ~OtherThread() {
    ends_ = true;
    ends_.notify_all();
    thread_.join();
  }

 private:
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

bool all_are(const std::vector<std::string>& values, const std::string& wanted) {
  for (const std::string& value : values)
    if (value != wanted) return false;
  return values.size() == 2;
}

#ifdef __SANITIZE_THREAD__
constexpr bool has_foreign_thread = true;
#else
constexpr bool has_foreign_thread = false;
#endif

TEST(Privileges, LeaveNoThreadACapability) {
  if (has_foreign_thread) GTEST_SKIP() << "ThreadSanitizer has a thread that takes no signal";
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(in_child([] {
              if (!forgo_new_privileges()) return 1;
              const OtherThread other;
              if (!drop_privileges(std::nullopt)) return 2;
              for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
                if (!all_are(values_of_threads(set), "0000000000000000")) return 3;
              return all_are(values_of_threads("NoNewPrivs"), "1") ? 0 : 4;
            }),
            0);
}

TEST(Privileges, MakeEveryThreadTheUser) {
  if (has_foreign_thread) GTEST_SKIP() << "ThreadSanitizer has a thread that takes no signal";
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto nobody = find_account("nobody");
  ASSERT_TRUE(nobody);
  const std::string id = std::to_string(nobody->user);
  EXPECT_EQ(in_child([&] {
              const OtherThread other;
              if (!drop_privileges(*nobody)) return 1;
              if (!all_are(values_of_threads("Uid"), id + '\t' + id + '\t' + id + '\t' + id)) return 2;
              if (!all_are(values_of_threads("CapPrm"), "0000000000000000")) return 3;
              return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 4;
            }),
            0);
}

}  // namespace
}  // namespace sallyport::privileges_test
