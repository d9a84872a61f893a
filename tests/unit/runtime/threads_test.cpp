// What has threads of its own: the thread pool, the state writer, the resolver.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <map>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "controlplane/runtime/name_resolver.hpp"
#include "controlplane/runtime/thread_pool.hpp"
#include "controlplane/state/state_writer.hpp"

namespace sallyport::controlplane::threads_test {
namespace {

using namespace std::chrono_literals;

template <typename Condition>
bool run_until(boost::asio::io_context& loop, Condition&& condition) {
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (!condition() && std::chrono::steady_clock::now() < give_up) {
    loop.restart();
    loop.run_for(1ms);
  }
  return condition();
}

TEST(ThreadPool, WorksOnItsThreadsAndFinishesOnTheLoop) {
  boost::asio::io_context loop;
  int finished = 0, after = 0;
  ThreadPool pool(loop, [&] { ++after; });
  pool.start(2);
  const auto here = std::this_thread::get_id();
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(pool.submit(WorkClass::begun, make_task([] { return std::this_thread::get_id(); },
                                                        [&](std::thread::id worked) {
                                                          EXPECT_NE(worked, here);
                                                          EXPECT_EQ(std::this_thread::get_id(), here);
                                                          ++finished;
                                                        })));
  EXPECT_TRUE(run_until(loop, [&] { return finished == 50; }));
  EXPECT_EQ(after, 50);
}

TEST(ThreadPool, BoundsEachClassAndServesBegunThenProvenThenUnproven) {
  boost::asio::io_context loop;
  std::vector<WorkClass> order;
  ThreadPool pool(loop, [] {});
  for (const WorkClass work_class : {WorkClass::unproven, WorkClass::proven, WorkClass::begun}) {
    const std::size_t limit = ThreadPool::queue_limits[static_cast<std::size_t>(work_class)];
    for (std::size_t i = 0; i < std::min<std::size_t>(limit, 300); ++i)
      EXPECT_TRUE(pool.submit(work_class,
                              make_task([] { return 0; }, [&order, work_class](int) { order.push_back(work_class); })));
    EXPECT_EQ(pool.room(work_class), limit - std::min<std::size_t>(limit, 300));
  }
  EXPECT_FALSE(pool.has_room(WorkClass::unproven));
  EXPECT_FALSE(pool.submit(WorkClass::unproven, make_task([] { return 0; }, [](int) {})));
  const std::size_t all = 64 + 256 + 300;
  pool.start(1);
  EXPECT_TRUE(run_until(loop, [&] { return order.size() == all; }));
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(ThreadPool, DropsWhatWaitsWhenItEnds) {
  boost::asio::io_context loop;
  const auto held = std::make_shared<int>(1);
  {
    ThreadPool pool(loop, [] {});
    for (int i = 0; i < 20; ++i)
      EXPECT_TRUE(pool.submit(WorkClass::begun, make_task([held] { return 0; }, [held](int) { FAIL(); })));
  }
  EXPECT_EQ(held.use_count(), 1);
}

class StateWriterTest : public ::testing::Test {
 protected:
  StateWriterTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-writer-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~StateWriterTest() override { std::filesystem::remove_all(folder); }

  std::unique_ptr<StateWriter> make() {
    auto store = Store::open(folder / "state.db");
    EXPECT_TRUE(store) << (store ? "" : store.error());
    return std::make_unique<StateWriter>(
        loop, std::move(*store),
        [this](const StoreChange& change) {
          written += change.set.timestamps.size();
          ticket_written = change.ticket;
        },
        [this](const std::string& why, std::uint64_t ticket) {
          ++failed;
          reason = why;
          ticket_failed = ticket;
        });
  }
  static StoreChange change(std::uint8_t number) {
    StoreChange made;
    made.ticket = number;
    PeerKey key{};
    key.peer[0] = number;
    made.set.timestamps[key] = {{}, wireguard::WallTime(std::chrono::system_clock::now().time_since_epoch())};
    return made;
  }
  std::size_t stored() {
    auto store = Store::open(folder / "state.db");
    EXPECT_TRUE(store) << (store ? "" : store.error());
    return store->load(wireguard::WallTime(std::chrono::system_clock::now().time_since_epoch()))->timestamps.size();
  }

  std::filesystem::path folder;
  boost::asio::io_context loop;
  std::size_t written = 0;
  int failed = 0;
  std::string reason;
  std::uint64_t ticket_written = 0, ticket_failed = 0;
};

TEST_F(StateWriterTest, WritesAndSaysSo) {
  auto writer = make();
  writer->write(change(1));
  EXPECT_TRUE(run_until(loop, [&] { return written == 1; }));
  EXPECT_EQ(ticket_written, 1U);
  writer.reset();
  EXPECT_EQ(stored(), 1U);
}

TEST_F(StateWriterTest, WritesWhatWaitsBeforeItEnds) {
  auto writer = make();
  for (std::uint8_t i = 0; i < 20; ++i) writer->write(change(i));
  writer.reset();
  EXPECT_EQ(stored(), 20U);
}

TEST_F(StateWriterTest, KeepsWhatAFullDiskRefusesAndWritesItLater) {
  auto writer = make();
  writer->write(change(1));
  ASSERT_TRUE(run_until(loop, [&] { return written == 1; }));
  // A file that may not grow answers like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full{1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  writer->write(change(2));
  EXPECT_TRUE(run_until(loop, [&] { return failed >= 1; }));
  writer->write(change(3));
  EXPECT_TRUE(run_until(loop, [&] { return failed >= 2; }));
  EXPECT_FALSE(reason.empty());
  EXPECT_EQ(ticket_failed, 3U) << "of all that waits";
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  writer->write({});
  EXPECT_TRUE(run_until(loop, [&] { return written == 3; }));
  writer.reset();
  EXPECT_EQ(stored(), 3U);
}

TEST(NameResolver, ResolvesAddressesAndAnswersForNamesThatAreNone) {
  boost::asio::io_context loop;
  std::map<std::string, std::vector<IpAddress>> answers;
  NameResolver resolver(loop, [&](const std::string& name, const auto& addresses) { answers[name] = addresses; });
  EXPECT_TRUE(resolver.resolve("192.0.2.7"));
  EXPECT_TRUE(resolver.resolve("2001:db8::7"));
  EXPECT_TRUE(resolver.resolve("127.0.0.1"));
  EXPECT_TRUE(resolver.resolve("not a name"));
  EXPECT_TRUE(run_until(loop, [&] { return answers.size() == 4; }));
  EXPECT_EQ(answers["192.0.2.7"], std::vector{IpAddress::v4(192, 0, 2, 7)});
  EXPECT_EQ(answers["2001:db8::7"], std::vector{*IpAddress::parse("2001:db8::7")});
  EXPECT_TRUE(answers["127.0.0.1"].empty()) << "nobody's name may lead to ourselves";
  EXPECT_TRUE(answers["not a name"].empty());
}

TEST(NameResolver, DropsAnswersThatComeAfterItIsGone) {
  boost::asio::io_context loop;
  {
    NameResolver resolver(loop, [](const std::string&, const auto&) { FAIL(); });
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(resolver.resolve("192.0.2.7"));
  }
  loop.run_for(50ms);
}

}  // namespace
}  // namespace sallyport::controlplane::threads_test
