#include "controlplane/access/git_version.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

namespace sallyport::controlplane::git_version_test {
namespace {

class GitVersionTest : public ::testing::Test {
 protected:
  GitVersionTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-git-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    std::ofstream(folder / "policy.toml") << "schema = 1\n";
  }
  ~GitVersionTest() override { std::filesystem::remove_all(folder); }
  bool run(const std::string& command) const {
    return std::system(("cd " + folder.string() + " && { " + command + "; } >/dev/null 2>&1").c_str()) == 0;
  }

  std::filesystem::path folder;
};

TEST_F(GitVersionTest, IsEmptyOutsideOfACheckout) {
  EXPECT_EQ(git_version_of(folder / "policy.toml"), GitVersion{});
  EXPECT_EQ(git_version_of(folder / "missing" / "policy.toml"), GitVersion{});
}

TEST_F(GitVersionTest, NamesTheCommitAndItsAuthor) {
  if (!run("git init && git add . && git -c user.name='Ann Ex' -c user.email=ann@example.com commit -m first"))
    GTEST_SKIP() << "there is no git";
  const GitVersion version = git_version_of(folder / "policy.toml");
  EXPECT_EQ(version.commit.size(), 40U);
  EXPECT_EQ(version.author, "Ann Ex <ann@example.com>");
  EXPECT_EQ(git_version_of(folder), version);
}

TEST_F(GitVersionTest, KnowsAWorkTreeByTheRepositoryItWasMadeFrom) {
  if (!run("git init main && cd main && git -c user.name=Ann -c user.email=a@b commit --allow-empty -m first && "
           "git worktree add ../tree"))
    GTEST_SKIP() << "there is no git";
  EXPECT_EQ(git_version_of(folder / "tree" / "policy.toml").commit.size(), 40U);
  EXPECT_EQ(git_version_of(folder / "tree"), git_version_of(folder / "main"));
}

// Its configuration could name programs.
TEST_F(GitVersionTest, AsksNoRepositoryOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  if (!run("git init && git add . && git -c user.name=Ann -c user.email=a@b commit -m first"))
    GTEST_SKIP() << "there is no git";
  ASSERT_EQ(git_version_of(folder).commit.size(), 40U);
  ASSERT_TRUE(run("chown nobody .git/config"));
  EXPECT_EQ(git_version_of(folder), GitVersion{});
  ASSERT_TRUE(run("chown root .git/config && chown nobody .git"));
  EXPECT_EQ(git_version_of(folder), GitVersion{});
  ASSERT_TRUE(run("chown root .git && chown nobody ."));
  EXPECT_EQ(git_version_of(folder / "policy.toml"), GitVersion{});
}

TEST_F(GitVersionTest, TakesNoFolderForARepositoryBecauseItLooksLikeOne) {
  if (!run("git init --bare . && git -c user.name=Ann -c user.email=a@b commit-tree -m x $(git mktree </dev/null)"))
    GTEST_SKIP() << "there is no git";
  EXPECT_EQ(git_version_of(folder), GitVersion{});
}

TEST_F(GitVersionTest, DoesNotWaitForEver) {
  std::filesystem::create_directory(folder / ".git");
  std::ofstream(folder / "git") << "#!/bin/sh\nsleep 60\n";
  std::filesystem::permissions(folder / "git", std::filesystem::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", (folder.string() + ":" + path).c_str(), 1);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(git_version_of(folder, std::chrono::milliseconds(100)), GitVersion{});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace sallyport::controlplane::git_version_test
