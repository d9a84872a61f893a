#include "controlplane/privileges.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

namespace sallyport::controlplane::privileges_test {
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

std::string effective_capabilities() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("CapEff:")) return line;
  return {};
}

TEST(Privileges, LeaveNoCapabilityAndNoWayToOne) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer has a thread that takes no signal";
#endif
  EXPECT_EQ(in_child([] {
              if (!drop_privileges(std::nullopt)) return 1;
              if (effective_capabilities().find_first_of("123456789abcdef", 7) != std::string::npos) return 2;
              return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
            }),
            0);
}

TEST(Privileges, BecomeTheUserForGood) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto nobody = find_account("nobody");
  ASSERT_TRUE(nobody);
  std::string path = (std::filesystem::temp_directory_path() / "sallyport-secret-XXXXXX").string();
  const int file = mkstemp(path.data());
  EXPECT_EQ(in_child([&] {
              if (!drop_privileges(*nobody)) return 1;
              if (getuid() != nobody->user || getegid() != nobody->group) return 2;
              if (setuid(0) == 0 || seteuid(0) == 0) return 3;
              if (open(path.c_str(), O_RDONLY) >= 0) return 4;  // a file of root's
              return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 5;
            }),
            0);
  close(file);
  unlink(path.c_str());
}

TEST(Privileges, SayWhichUserIsMissing) {
  const auto account = find_account("no-such-user-here");
  ASSERT_FALSE(account);
  EXPECT_NE(account.error().find("no-such-user-here"), std::string::npos);
}

TEST(Privileges, MakeAFolderForTheUserAndLeaveAnExistingOneAlone) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-folder-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  EXPECT_TRUE(ensure_folder(folder / "a" / "b", std::nullopt));
  struct stat status {};
  ASSERT_EQ(stat((folder / "a" / "b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0755U);
  chmod((folder / "a" / "b").c_str(), 0700);
  EXPECT_TRUE(ensure_folder(folder / "a" / "b", std::nullopt));
  ASSERT_EQ(stat((folder / "a" / "b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  { std::ofstream(folder / "file") << "x"; }
  EXPECT_FALSE(ensure_folder(folder / "file" / "c", std::nullopt));
  std::filesystem::remove_all(folder);
}

TEST(Privileges, GiveTheUserTheFoldersThatSystemdMadeForTheService) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-folder-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  for (const char* name : {"state", "other"}) {
    std::filesystem::create_directory(folder / name);
    std::ofstream(folder / name / "state.db") << "of root";
    std::filesystem::create_symlink("/etc/passwd", folder / name / "link");
  }
  const auto nobody = find_account("nobody");
  ASSERT_TRUE(nobody);
  setenv("STATE_DIRECTORY", ("/elsewhere:" + (folder / "state").string()).c_str(), 1);
  EXPECT_TRUE(ensure_folder(folder / "state", *nobody));
  EXPECT_TRUE(ensure_folder(folder / "other", *nobody));
  unsetenv("STATE_DIRECTORY");
  const auto owner = [&](const std::filesystem::path& path) {
    struct stat status {};
    return lstat((folder / path).c_str(), &status) == 0 ? status.st_uid : ~uid_t{0};
  };
  EXPECT_EQ(owner("state"), nobody->user);
  EXPECT_EQ(owner("state/state.db"), nobody->user);
  EXPECT_EQ(owner("state/link"), 0U) << "nor what it leads to";
  EXPECT_EQ(owner("other"), 0U) << "somebody made it as it is";
  EXPECT_EQ(owner("other/state.db"), 0U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sallyport::controlplane::privileges_test
