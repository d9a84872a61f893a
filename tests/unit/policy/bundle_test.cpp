// The files of a policy on disk.
#include "policy/bundle.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace sallyport::policy::bundle_test {
namespace {

namespace fs = std::filesystem;

class BundleFiles : public testing::Test {
 protected:
  BundleFiles() {
    std::string pattern = (fs::temp_directory_path() / "sallyport-policy-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~BundleFiles() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, std::string_view text) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static std::string error_of(const std::vector<fs::path>& paths) {
    const auto bundle = read_bundle(paths);
    return bundle ? "valid" : to_string(bundle.error().at(0));
  }
  [[nodiscard]] std::string name(const std::string& file) const { return (folder_ / file).string(); }

  fs::path folder_;
};

TEST_F(BundleFiles, AreReadInTheOrderOfTheirNames) {
  const auto bundle = read_bundle(std::vector{write("b.toml", "2"), write("a.toml", "1")});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(*bundle, (Bundle{{{name("a.toml"), "1"}, {name("b.toml"), "2"}}}));
}

TEST_F(BundleFiles, OfADirectoryAreItsVisibleTomlFiles) {
  for (const auto file : {"b.toml", "a.toml", ".hidden.toml", "README.md", "c.toml~", "sub/d.toml"}) write(file, file);
  const auto bundle = read_bundle(std::vector{folder_});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(*bundle, (Bundle{{{name("a.toml"), "a.toml"}, {name("b.toml"), "b.toml"}}}));
}

TEST_F(BundleFiles, MayBeLinks) {
  write("version-2/real", "x");
  fs::create_symlink("version-2", folder_ / "..data");
  fs::create_symlink("..data/real", folder_ / "policy.toml");
  const auto bundle = read_bundle(std::vector{folder_});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(*bundle, (Bundle{{{name("policy.toml"), "x"}}}));
}

TEST_F(BundleFiles, NamedTwiceCountOnce) {
  const auto bundle = read_bundle(std::vector{write("a.toml", "1"), folder_});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->files.size(), 1U);
}

TEST_F(BundleFiles, ThatCannotBeHadAreErrors) {
  EXPECT_EQ(error_of({folder_ / "none.toml"}), name("none.toml") + ": cannot be opened: No such file or directory");
  EXPECT_EQ(error_of({folder_}), folder_.string() + ": expected at least one file *.toml in this folder");
  ASSERT_EQ(mkfifo((folder_ / "fifo.toml").c_str(), 0600), 0);
  EXPECT_EQ(error_of({folder_}), name("fifo.toml") + ": expected a regular file");
  fs::remove(folder_ / "fifo.toml");
  fs::create_directories(folder_ / "folder.toml");
  EXPECT_EQ(error_of({folder_}), name("folder.toml") + ": expected a file, got a directory");
}

TEST_F(BundleFiles, AreBoundedAloneAndTogether) {
  fs::resize_file(write("large.toml", ""), (64U << 20) + 1);
  EXPECT_EQ(error_of({folder_}), name("large.toml") + ": larger than 64 MiB");
  fs::resize_file(folder_ / "large.toml", 40U << 20);
  fs::resize_file(write("more.toml", ""), 40U << 20);
  EXPECT_EQ(error_of({folder_}), name("more.toml") + ": all policy files together are larger than 64 MiB");
}

TEST_F(BundleFiles, AllErrorsAreReportedAtOnce) {
  const auto bundle = read_bundle(std::vector{folder_ / "a.toml", folder_ / "b.toml"});
  ASSERT_FALSE(bundle);
  EXPECT_EQ(bundle.error().size(), 2U);
}

TEST_F(BundleFiles, AreOfOneMoment) {
  // A writer that replaces both files, one after the other, as fast as it can: a reader never sees it half done for
  // longer than its attempts last, and what it returns was there together.
  const auto replace = [&](const std::string& file, int version) {
    write("." + file, std::to_string(version));
    fs::rename(folder_ / ("." + file), folder_ / file);
  };
  replace("a.toml", 0);
  replace("b.toml", 0);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int version = 1; !stop; ++version) {
      replace("a.toml", version);
      replace("b.toml", version);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  for (int i = 0; i < 50; ++i) {
    const auto bundle = read_bundle(std::vector{folder_});
    if (!bundle) continue;
    const int a = std::stoi(bundle->files.at(0).text), b = std::stoi(bundle->files.at(1).text);
    EXPECT_TRUE(a == b || a == b + 1) << a << ' ' << b;
  }
  stop = true;
  writer.join();
}

TEST(Etag, IsOfNamesAndTextsInAnyOrderAndFolder) {
  const Bundle bundle{{{"a.toml", "x"}, {"b.toml", "y"}}};
  EXPECT_EQ(bundle.etag().size(), 32U);
  EXPECT_EQ(bundle.etag(), (Bundle{{{"/etc/sallyport/b.toml", "y"}, {"policy/a.toml", "x"}}}.etag()));
  EXPECT_NE(bundle.etag(), (Bundle{{{"a.toml", "y"}, {"b.toml", "x"}}}.etag()));
  EXPECT_NE(bundle.etag(), (Bundle{{{"a.toml", "xb.tomly"}}}.etag()));
  EXPECT_NE(bundle.etag(), Bundle{}.etag());
}

TEST(Etag, IsTheSha256OfItsDescription) {
  // printf '6:a.toml1:x' | sha256sum
  EXPECT_EQ((Bundle{{{"a.toml", "x"}}}.etag()), "8e866afc4ee71fee690fd0214c1808e8");
}

}  // namespace
}  // namespace sallyport::policy::bundle_test
