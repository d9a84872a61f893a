#include "dataplane/session/send_choice.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sallyport::dataplane::send_choice_test {
namespace {

TEST(SendChoice, MovesToTheSessionThatWasConfirmed) {
  std::atomic<std::uint32_t> send_index{7}, session{9};
  EXPECT_TRUE(send_with_confirmed(send_index, session, 9));
  EXPECT_EQ(send_index.load(), 9U);
}

TEST(SendChoice, ALateConfirmationDoesNotReviveASessionThatEnded) {
  std::atomic<std::uint32_t> send_index{7}, session{0};
  EXPECT_FALSE(send_with_confirmed(send_index, session, 9));
  EXPECT_EQ(send_index.load(), 7U);
}

TEST(SendChoice, EndsWithHousekeepingsChoiceWhoeverComesFirst) {
  for (int round = 0; round < 2000; ++round) {
    std::atomic<std::uint32_t> send_index{7}, session{9};
    std::atomic<bool> go{false};
    std::thread worker([&] {
      while (!go.load()) {}
      static_cast<void>(send_with_confirmed(send_index, session, 9));
    });
    go.store(true);
    session.store(0, std::memory_order_relaxed);
    send_index.store(8, std::memory_order_release);
    worker.join();
    ASSERT_EQ(send_index.load(), 8U);
  }
}

}  // namespace
}  // namespace sallyport::dataplane::send_choice_test
