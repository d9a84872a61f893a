#include "dataplane/abi/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include <gtest/gtest.h>

#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::abi::segment_test {
namespace {

constexpr std::size_t bytes = 8192;

FileDescriptor duplicate(const Segment& segment) {
  return FileDescriptor(fcntl(segment.descriptor(), F_DUPFD_CLOEXEC, 0));
}

FileDescriptor unsealed(std::size_t size) {
  FileDescriptor descriptor(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(descriptor.get(), static_cast<off_t>(size)), 0);
  return descriptor;
}

TEST(Segment, IsSharedByBothMappings) {
  auto ours = Segment::create("test", bytes, Segment::OtherSide::may_write);
  ASSERT_TRUE(ours);
  auto theirs = Segment::map(duplicate(*ours), bytes, true);
  ASSERT_TRUE(theirs);
  theirs->at<std::uint32_t>(100)[0] = 7;
  EXPECT_EQ(ours->at<std::uint32_t>(100)[0], 7U);
  EXPECT_EQ(theirs->size(), bytes);
}

TEST(Segment, CannotShrinkGrowOrLoseItsSeals) {
  auto ours = Segment::create("test", bytes, Segment::OtherSide::may_write);
  ASSERT_TRUE(ours);
  EXPECT_NE(ftruncate(ours->descriptor(), 0), 0);
  EXPECT_NE(ftruncate(ours->descriptor(), bytes * 2), 0);
  EXPECT_NE(fcntl(ours->descriptor(), F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST(Segment, ThatTheOtherSideOnlyReadsCanNeverBeMappedWritable) {
  auto ours = Segment::create("test", bytes, Segment::OtherSide::reads_only);
  ASSERT_TRUE(ours);
  EXPECT_EQ(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ours->descriptor(), 0), MAP_FAILED);
  EXPECT_FALSE(Segment::map(duplicate(*ours), bytes, true));
  char byte = 1;
  EXPECT_LT(pwrite(ours->descriptor(), &byte, 1, 0), 0);
  auto theirs = Segment::map(duplicate(*ours), bytes, false);
  ASSERT_TRUE(theirs);
  EXPECT_NE(mprotect(theirs->data(), bytes, PROT_READ | PROT_WRITE), 0);
  ours->at<std::uint8_t>()[5] = 9;
  EXPECT_EQ(theirs->at<const std::uint8_t>()[5], 9) << "its owner still writes";
}

TEST(Segment, IsNotMappedUnlessItCannotBeTakenAway) {
  EXPECT_FALSE(Segment::map(unsealed(bytes), bytes, true)) << "it could shrink under us";
  FileDescriptor half_sealed = unsealed(bytes);
  ASSERT_EQ(fcntl(half_sealed.get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  EXPECT_FALSE(Segment::map(std::move(half_sealed), bytes, true));
  auto other_size = Segment::create("test", bytes, Segment::OtherSide::may_write);
  EXPECT_FALSE(Segment::map(duplicate(*other_size), bytes * 2, true));
  EXPECT_FALSE(Segment::map(duplicate(*other_size), bytes / 2, true));
  EXPECT_FALSE(Segment::map(FileDescriptor(open("/dev/zero", O_RDWR | O_CLOEXEC)), bytes, true));
  EXPECT_FALSE(Segment::map(FileDescriptor(), bytes, true));
}

TEST(Segment, OutlivesItsOwner) {
  auto ours = Segment::create("test", bytes, Segment::OtherSide::may_write);
  auto theirs = Segment::map(duplicate(*ours), bytes, true);
  ours->at<std::uint8_t>()[0] = 3;
  *ours = Segment();
  EXPECT_EQ(theirs->at<std::uint8_t>()[0], 3);
}

TEST(FileDescriptor, ClosesWhatItHoldsOnce) {
  int pipes[2];
  ASSERT_EQ(pipe2(pipes, O_CLOEXEC), 0);
  {
    FileDescriptor first(pipes[0]);
    FileDescriptor second = std::move(first);
    EXPECT_FALSE(first.is_open());
    EXPECT_EQ(second.get(), pipes[0]);
  }
  EXPECT_LT(fcntl(pipes[0], F_GETFD), 0);
  FileDescriptor kept(pipes[1]);
  const int released = kept.release();
  EXPECT_GE(fcntl(released, F_GETFD), 0);
  close(released);
}

TEST(SequenceLocked, RefusesARecordWhoseWriterDiedInTheMiddle) {
  SequenceLocked<std::uint64_t> record{};
  std::uint64_t value = 0;
  record.write(5);
  ASSERT_TRUE(record.read(value));
  EXPECT_EQ(value, 5U);
  std::uint32_t odd = 0;
  std::memcpy(&odd, static_cast<void*>(&record), sizeof odd);
  ++odd;
  std::memcpy(static_cast<void*>(&record), &odd, sizeof odd);
  EXPECT_FALSE(record.read(value));
}

TEST(StatisticsLayout, PutsItsPartsOneAfterTheOther) {
  for (const std::uint32_t workers : {1U, 7U, max_workers}) {
    for (const std::uint32_t peers : {1U, 1000U, max_peers_limit}) {
      const auto layout = StatisticsLayout::of(workers, peers, 4096);
      EXPECT_GE(layout.counters, sizeof(StatisticsHeader));
      EXPECT_GE(layout.workers, layout.counters + (workers + 1) * sizeof(CounterBlock));
      EXPECT_GE(layout.ports, layout.workers + (workers + 1) * sizeof(WorkerStatus));
      EXPECT_GE(layout.neighbours, layout.ports + max_ports * sizeof(PortStatus));
      EXPECT_GE(layout.peers, layout.neighbours + max_neighbours_shown * sizeof(NeighbourStatus));
      EXPECT_GE(layout.sessions, layout.peers + std::size_t{peers} * sizeof(PeerStatus));
      EXPECT_GE(layout.total, layout.sessions + 4096 * sizeof(SessionStatus));
      for (const std::size_t offset : {layout.counters, layout.workers, layout.ports, layout.peers, layout.sessions})
        EXPECT_EQ(offset % cache_line_bytes, 0U);
    }
  }
}

TEST(StatisticsView, SumsCountersOverThreadsAndPortsAndClampsThePortCount) {
  auto segment = Segment::create("test", StatisticsLayout::of(2, 4, 8).total, Segment::OtherSide::reads_only);
  ASSERT_TRUE(segment);
  const auto layout = StatisticsLayout::of(2, 4, 8);
  auto* blocks = segment->at<CounterBlock>(layout.counters);
  for (unsigned writer = 0; writer < 3; ++writer) blocks[writer].values[1][index_of(Counter::sent)].store(10);
  blocks[0].values[max_ports][index_of(Counter::sent)].store(1);
  segment->at<StatisticsHeader>()->port_count = 4'000'000;
  const StatisticsView view(*segment, 2, 4, 8);
  EXPECT_EQ(view.counter(1, index_of(Counter::sent)), 30U);
  EXPECT_EQ(view.counter(index_of(Counter::sent)), 31U);
  EXPECT_EQ(view.port_count(), max_ports);
}

}  // namespace
}  // namespace sallyport::abi::segment_test
