#include "dataplane/io/machine.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace sallyport::dataplane::machine_test {
namespace {

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/sallyport-machine-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    root_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  std::filesystem::path root_;
};

TEST_F(MachineTest, AddsUpHugePagesOfAllSizesWithoutTheReserved) {
  const std::string small = "kernel/mm/hugepages/hugepages-2048kB/";
  const std::string big = "kernel/mm/hugepages/hugepages-1048576kB/";
  write(small + "nr_hugepages", "100\n");
  write(small + "free_hugepages", "80\n");
  write(small + "resv_hugepages", "30\n");
  write(big + "nr_hugepages", "2\n");
  write(big + "free_hugepages", "1\n");
  write(big + "resv_hugepages", "5\n");
  write("kernel/mm/hugepages/other/nr_hugepages", "7\n");
  write("meminfo",
        "MemTotal:       16000 kB\nMemFree:  1 kB\nMemAvailable:    8000 kB\nHugePages_Total:       0\nX: 1 kB\n");
  const Machine machine = read_machine(root_, root_);
  EXPECT_EQ(machine.free_huge_page_bytes, 50ULL << 21);
  EXPECT_EQ(machine.total_huge_page_bytes, (100ULL << 21) + (2ULL << 30));
  EXPECT_EQ(machine.smallest_huge_page_bytes, 1ULL << 21);
  EXPECT_EQ(machine.memory_bytes, 16000ULL * 1024);
  EXPECT_EQ(machine.available_memory_bytes, 8000ULL * 1024);
}

TEST_F(MachineTest, CountsWhatItCannotReadAsAbsent) {
  const Machine machine = read_machine(root_ / "nothing", root_ / "nothing");
  EXPECT_EQ(machine.free_huge_page_bytes, 0U);
  EXPECT_EQ(machine.smallest_huge_page_bytes, 0U);
  EXPECT_FALSE(machine.allowed_cpus.empty());
  EXPECT_GE(machine.cpu_count, machine.allowed_cpus.size());
}

TEST(CpuList, WritesRanges) {
  EXPECT_EQ(cpu_list({}), "");
  EXPECT_EQ(cpu_list({5}), "5");
  EXPECT_EQ(cpu_list({0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
}

}  // namespace
}  // namespace sallyport::dataplane::machine_test
