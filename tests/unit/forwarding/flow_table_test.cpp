#include "dataplane/forwarding/flow_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <thread>

namespace sallyport::dataplane::flow_table_test {
namespace {

using Created = FlowTable::Created;
constexpr std::uint8_t tcp = 6;

FlowEndpoint host(std::uint32_t number, std::uint16_t port, std::uint32_t end) {
  return {.address = {number, 0}, .end = end, .port = port};
}
FlowKey key_of(std::uint32_t number, std::uint16_t port = 80) {
  bool source_is_first;
  return FlowKey::of(host(number, 40000, 1), host(0x0a000007, port, inside_end(1)), tcp, true, source_is_first);
}

struct Table {
  explicit Table(const FlowLimits& limits)
      : entries(limits.entries()), buckets(limits.buckets()), identity_flows(limits.max_identities) {
    rcu.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, rte_rcu_qsbr_get_memsize(limits.workers))));
    rte_rcu_qsbr_init(rcu.get(), limits.workers);
    flows.emplace(limits, FlowTable::Memory{entries.data(), buckets.data(), identity_flows.data()}, rcu.get(),
                  std::array<std::uint64_t, 4>{0x1234567890abcdef, 0xfedcba0987654321, 0x0f1e2d3c4b5a6978, 7});
  }

  FlowTable::Creation create(const FlowKey& key, std::uint32_t identity = 0, std::uint16_t worker = 0,
                             std::uint32_t rule = 1) {
    return flows->create(worker, key, flows->hash(key), identity, [rule](FlowEntry& entry) {
      entry.forward.rule.store(rule, std::memory_order_relaxed);
      entry.started_tsc.store(rule, std::memory_order_relaxed);
    });
  }
  FlowEntry* find(const FlowKey& key) { return flows->find(key, flows->hash(key)); }
  void remove(const FlowEntry* entry) { flows->remove(flows->number_of(*entry)); }
  // What housekeeping does in a turn.
  void turn() {
    flows->reclaim(1024, [](FlowEntry&) { return true; });
    flows->refill();
  }
  std::uint32_t published() const {
    std::uint32_t count = 0;
    for (std::uint32_t number = 0; number < flows->entry_count(); ++number) count += flows->is_published(number);
    return count;
  }

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::vector<FlowEntry> entries;
  std::vector<FlowBucket> buckets;
  std::vector<std::atomic<std::uint32_t>> identity_flows;
  std::unique_ptr<rte_rcu_qsbr, Free> rcu;
  std::optional<FlowTable> flows;
};

constexpr FlowLimits small{.max_flows = 1024, .workers = 1, .max_identities = 16};

TEST(FlowKey, IsTheSameForBothDirections) {
  std::mt19937 random(1);
  for (unsigned i = 0; i < 10'000; ++i) {
    // Few values, so that endpoints often differ in one thing alone, or in nothing.
    const auto any = [&] { return static_cast<std::uint32_t>(random() % 3); };
    const FlowEndpoint a{.address = {any(), any()}, .end = any(), .port = static_cast<std::uint16_t>(any())};
    const FlowEndpoint b{.address = {any(), any()}, .end = any(), .port = static_cast<std::uint16_t>(any())};
    bool a_is_first, b_is_first;
    const FlowKey there = FlowKey::of(a, b, tcp, false, a_is_first);
    const FlowKey back = FlowKey::of(b, a, tcp, false, b_is_first);
    ASSERT_TRUE(there == back);
    if (a != b) { ASSERT_NE(a_is_first, b_is_first); }
    const unsigned of_a = a_is_first ? 0 : 1;
    ASSERT_EQ(there.ends[of_a], a.end);
    ASSERT_EQ(there.ports[of_a], a.port);
    ASSERT_EQ(there.addresses[2 * of_a], a.address[0]);
  }
}

TEST(FlowTable, HashesEveryPartOfTheKey) {
  Table table(small);
  const FlowKey key = key_of(5);
  const std::uint64_t hash = table.flows->hash(key);
  for (unsigned bit = 0; bit < 8 * sizeof key; ++bit) {
    FlowKey other = key;
    reinterpret_cast<std::uint8_t*>(&other)[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const int changed = __builtin_popcountll(hash ^ table.flows->hash(other));
    EXPECT_GT(changed, 12) << "bit " << bit;
  }
}

TEST(FlowTable, SpreadsNeighbouringFlowsEvenly) {
  Table table({.max_flows = 65536, .workers = 1, .max_identities = 256});
  for (std::uint32_t i = 0; i < 65'000; ++i) {
    const FlowKey key = key_of(0x0a080000 + (i & 0xff), static_cast<std::uint16_t>(i >> 8));
    ASSERT_EQ(table.create(key, i & 0xff).how, Created::created) << i;
    if (i % 1024 == 0) table.turn();
  }
}

TEST(FlowTable, FindsWhatWasCreatedAndNothingElse) {
  Table table(small);
  EXPECT_EQ(table.find(key_of(1)), nullptr);
  const auto made = table.create(key_of(1), 0, 0, 77);
  ASSERT_EQ(made.how, Created::created);
  EXPECT_EQ(table.find(key_of(1)), made.entry);
  EXPECT_EQ(made.entry->forward.rule.load(), 77U);
  EXPECT_EQ(table.find(key_of(2)), nullptr);
  EXPECT_EQ(table.find(key_of(1, 81)), nullptr);
  FlowKey other = key_of(1);
  other.ends[1] = inside_end(2);
  EXPECT_EQ(table.find(other), nullptr) << "another port of the gateway";
  EXPECT_EQ(table.flows->live(), 1U);
}

TEST(FlowTable, CreatesAFlowOnce) {
  Table table(small);
  const auto first = table.create(key_of(1));
  const auto second = table.create(key_of(1));
  EXPECT_EQ(second.how, Created::existed);
  EXPECT_EQ(second.entry, first.entry);
  EXPECT_EQ(table.identity_flows[0].load(), 2U) << "until the twin is taken away";
  for (std::uint32_t number = 0; number < table.flows->entry_count(); ++number)
    if (table.flows->is_published(number) && table.entries[number].end.load() != abi::FlowEnd::none)
      table.flows->remove(number);
  table.turn();
  EXPECT_EQ(table.identity_flows[0].load(), 1U);
  EXPECT_EQ(table.find(key_of(1)), first.entry);
}

TEST(FlowTable, AnEndedFlowIsPassedByAndItsSuccessorFound) {
  Table table(small);
  const auto first = table.create(key_of(1));
  first.entry->end.store(abi::FlowEnd::revoked);
  EXPECT_EQ(table.find(key_of(1)), nullptr);
  const auto second = table.create(key_of(1));
  ASSERT_EQ(second.how, Created::created);
  EXPECT_NE(second.entry, first.entry);
  table.remove(first.entry);
  EXPECT_EQ(table.find(key_of(1)), second.entry) << "the removal took the right slot";
  EXPECT_EQ(first.entry->end.load(), abi::FlowEnd::revoked) << "why it ended is kept";
}

// Flows that all meet the same sixteen slots.
TEST(FlowTable, FullBucketsRefuseWithoutLosingAnEntry) {
  Table table({.max_flows = 64, .workers = 1, .max_identities = 1});
  const std::uint32_t bucket_mask = static_cast<std::uint32_t>(table.buckets.size()) - 1;
  std::vector<FlowKey> keys;
  const auto buckets_of = [&](const FlowKey& key) {
    const std::uint64_t hash = table.flows->hash(key);
    const std::uint32_t first = static_cast<std::uint32_t>(hash) & bucket_mask;
    const std::uint32_t second = (first ^ (static_cast<std::uint32_t>(hash >> 32) * 0x9e3779b1U | 1U)) & bucket_mask;
    return std::pair(std::min(first, second), std::max(first, second));
  };
  const auto wanted = buckets_of(key_of(0));
  for (std::uint32_t number = 0; keys.size() < 20; ++number)
    if (buckets_of(key_of(number)) == wanted) keys.push_back(key_of(number));
  for (unsigned i = 0; i < 16; ++i) ASSERT_EQ(table.create(keys[i]).how, Created::created) << i;
  const std::uint32_t in_use = table.flows->live();
  for (unsigned tries = 0; tries < 200; ++tries) ASSERT_EQ(table.create(keys[16]).how, Created::full);
  EXPECT_LE(table.flows->live(), in_use + 1) << "one entry waits for the next try";
  for (unsigned i = 0; i < 16; ++i) EXPECT_NE(table.find(keys[i]), nullptr) << i;
  table.remove(table.find(keys[3]));
  EXPECT_EQ(table.create(keys[17]).how, Created::created) << "by the spare entry";
  EXPECT_EQ(table.find(keys[16]), nullptr);
  EXPECT_NE(table.find(keys[17]), nullptr);
}

TEST(FlowTable, RefusesWhenNoEntryIsLeft) {
  Table table({.max_flows = 1, .workers = 1, .max_identities = 1000});
  std::uint32_t created = 0;
  for (std::uint32_t number = 0; number < 200; ++number)
    created += table.create(key_of(number), number).how == Created::created;
  EXPECT_EQ(created, 64U) << "what lay in the worker's ring";
  EXPECT_EQ(table.create(key_of(999), 999).how, Created::full);
}

TEST(FlowTable, AnIdentityGetsNoMoreThanIsLeft) {
  Table table(small);
  const auto fill = [&](std::uint32_t identity) {
    std::uint32_t created = 0;
    for (std::uint32_t port = 1; port < 4096; ++port) {
      const auto how = table.create(key_of(identity, static_cast<std::uint16_t>(port)), identity).how;
      if (how == Created::over_quota) break;
      created += how == Created::created;
      table.flows->refill();
    }
    return created;
  };
  EXPECT_NEAR(fill(0), 512, 2) << "half of the table";
  EXPECT_NEAR(fill(1), 256, 2) << "half of what was left";
  EXPECT_NEAR(fill(2), 128, 2);
  EXPECT_EQ(fill(3), 64U);
  EXPECT_EQ(fill(4), 64U) << "the least that anybody has";
}

TEST(FlowTable, GivesTheQuotaBackWithTheFlow) {
  Table table(small);
  std::vector<FlowEntry*> made;
  for (std::uint32_t port = 1; port <= 64; ++port)
    made.push_back(table.create(key_of(1, static_cast<std::uint16_t>(port)), 3).entry);
  EXPECT_EQ(table.identity_flows[3].load(), 64U);
  for (const FlowEntry* entry : made) table.remove(entry);
  EXPECT_EQ(table.identity_flows[3].load(), 0U);
}

TEST(FlowTable, KeepsARemovedEntryUntilNoWorkerCanHoldIt) {
  Table table(small);
  rte_rcu_qsbr_thread_register(table.rcu.get(), 0);
  rte_rcu_qsbr_thread_online(table.rcu.get(), 0);
  const FlowEntry* entry = table.create(key_of(1)).entry;
  table.remove(entry);
  EXPECT_EQ(table.find(key_of(1)), nullptr);
  unsigned looks = 0;
  const auto last_look = [&](FlowEntry& seen) {
    EXPECT_EQ(&seen, entry);
    ++looks;
    return true;
  };
  table.flows->reclaim(1024, last_look);
  EXPECT_EQ(looks, 0U) << "a worker is in the middle of its turn";
  rte_rcu_qsbr_quiescent(table.rcu.get(), 0);
  table.flows->reclaim(1024, last_look);
  EXPECT_EQ(looks, 1U);
  table.flows->reclaim(1024, last_look);
  EXPECT_EQ(looks, 1U);
  rte_rcu_qsbr_thread_unregister(table.rcu.get(), 0);
}

TEST(FlowTable, AsksAgainForAnEntryWhoseEndCouldNotBeTold) {
  Table table({.max_flows = 64, .workers = 1, .max_identities = 1});
  std::vector<FlowEntry*> made;
  for (std::uint32_t number = 0; number < 10; ++number) made.push_back(table.create(key_of(number)).entry);
  for (const FlowEntry* entry : made) table.remove(entry);
  unsigned room_for_events = 0;
  std::vector<const FlowEntry*> told;
  const auto tell = [&](FlowEntry& entry) {
    if (room_for_events == 0) return false;
    --room_for_events;
    told.push_back(&entry);
    return true;
  };
  table.flows->reclaim(1024, tell);
  EXPECT_EQ(table.flows->untold(), 10U);
  room_for_events = 4;
  table.flows->reclaim(1024, tell);
  EXPECT_EQ(told.size(), 4U);
  EXPECT_EQ(table.flows->untold(), 6U);
  room_for_events = 100;
  table.flows->reclaim(1024, tell);
  std::sort(told.begin(), told.end());
  std::sort(made.begin(), made.end());
  EXPECT_TRUE(std::equal(told.begin(), told.end(), made.begin(), made.end())) << "each once";
  EXPECT_EQ(table.flows->live(), 0U);
}

TEST(FlowTable, EveryEntryComesBack) {
  Table table({.max_flows = 128, .workers = 1, .max_identities = 1000});
  for (unsigned round = 0; round < 50; ++round) {
    std::vector<FlowEntry*> made;
    for (std::uint32_t number = 0;; ++number) {
      table.flows->refill();
      const auto creation = table.create(key_of(number), number % 1000);
      if (creation.how != Created::created) break;
      made.push_back(creation.entry);
    }
    ASSERT_EQ(made.size(), table.flows->entry_count()) << round;
    for (const FlowEntry* entry : made) table.remove(entry);
    table.turn();
    ASSERT_EQ(table.flows->live(), 0U);
  }
}

TEST(FlowTable, RemembersWhichEntriesWereEverInUse) {
  Table table({.max_flows = 100'000, .workers = 1, .max_identities = 1});
  EXPECT_EQ(table.flows->high_water(), 4096U) << "the worker's ring";
  for (std::uint32_t number = 0; number < 10; ++number) static_cast<void>(table.create(key_of(number)));
  table.turn();
  EXPECT_EQ(table.flows->high_water(), 4106U) << "a pass over the entries looks at few of 100,000";
}

TEST(FlowTable, AgreesWithAMapUnderRandomOperations) {
  Table table({.max_flows = 512, .workers = 1, .max_identities = 8});
  struct Model {
    FlowEntry* entry;
    std::uint32_t rule;
    std::uint32_t identity;
  };
  std::map<std::uint32_t, Model> model;
  std::array<std::uint32_t, 8> counts{};
  std::mt19937 random(2);
  for (std::uint32_t step = 1; step < 300'000; ++step) {
    const std::uint32_t number = static_cast<std::uint32_t>(random() % 700);
    const FlowKey key = key_of(number);
    const auto known = model.find(number);
    FlowEntry* const found = table.find(key);
    ASSERT_EQ(found, known != model.end() ? known->second.entry : nullptr);
    if (found != nullptr) { ASSERT_EQ(found->forward.rule.load(), known->second.rule); }
    switch (random() % 3) {
      case 0: {
        const auto identity = static_cast<std::uint32_t>(random() % 8);
        const auto creation = table.create(key, identity, 0, step);
        if (known != model.end()) {
          // A worker looks before it creates, so this is the race of two. Whichever stands first stays.
          ASSERT_TRUE(creation.how != Created::existed || creation.entry == known->second.entry);
          if (creation.how == Created::created) {
            ASSERT_NE(known->second.entry->end.load(), abi::FlowEnd::none);
            --counts[known->second.identity];
            ++counts[identity];
            known->second = {creation.entry, step, identity};
          }
          for (std::uint32_t i = 0; i < table.flows->high_water(); ++i)
            if (table.flows->is_published(i) && table.entries[i].end.load() != abi::FlowEnd::none)
              table.flows->remove(i);
        } else if (creation.how == Created::created) {
          model[number] = {creation.entry, step, identity};
          ++counts[identity];
        } else {
          ASSERT_NE(creation.how, Created::existed);
        }
        break;
      }
      case 1:
        if (known != model.end()) {
          table.remove(found);
          --counts[known->second.identity];
          model.erase(known);
        }
        break;
      case 2:
        table.turn();
        ASSERT_EQ(table.flows->live(), model.size());
        break;
    }
    for (unsigned identity = 0; identity < 8; ++identity)
      ASSERT_EQ(table.identity_flows[identity].load(), counts[identity]);
  }
}

// --- threads ---

TEST(FlowTableThreads, OneOfTwoThatInsertTheSameFlowRemains) {
  constexpr unsigned rounds = 300, keys_per_round = 80;  // few meetings: each waits for the scheduler
  Table table({.max_flows = 4096, .workers = 2, .max_identities = 2});
  std::array<std::array<FlowTable::Creation, keys_per_round>, 2> made;
  std::barrier together(3);
  std::vector<std::thread> workers;
  for (std::uint16_t worker = 0; worker < 2; ++worker)
    workers.emplace_back([&, worker] {
      for (std::uint32_t round = 0; round < rounds; ++round) {
        together.arrive_and_wait();
        for (std::uint32_t i = 0; i < keys_per_round; ++i)
          made[worker][i] = table.create(key_of(round * keys_per_round + i), worker, worker);
        together.arrive_and_wait();
      }
    });
  unsigned collisions = 0;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    together.arrive_and_wait();
    together.arrive_and_wait();
    for (std::uint32_t i = 0; i < keys_per_round; ++i) {
      const FlowKey key = key_of(round * keys_per_round + i);
      FlowEntry* const found = table.find(key);
      EXPECT_NE(found, nullptr);
      unsigned live = 0;
      for (const auto& of_worker : made) {
        EXPECT_TRUE(of_worker[i].how == Created::created || of_worker[i].how == Created::existed);
        live += of_worker[i].how == Created::created && of_worker[i].entry->end.load() == abi::FlowEnd::none;
        collisions += of_worker[i].how == Created::existed;
      }
      EXPECT_EQ(live, 1U) << "round " << round;
    }
    for (std::uint32_t number = 0; number < table.flows->high_water(); ++number)
      if (table.flows->is_published(number)) table.flows->remove(number);
    table.turn();
    EXPECT_EQ(table.flows->live(), 0U);
    if (testing::Test::HasFailure()) break;
  }
  if (testing::Test::HasFailure()) std::exit(1);  // the threads wait at the barrier
  for (auto& worker : workers) worker.join();
  RecordProperty("collisions", static_cast<int>(collisions));
  EXPECT_EQ(table.identity_flows[0].load() + table.identity_flows[1].load(), 0U);
}

// Workers look up, create and end; housekeeping takes away. An entry that a worker found is the one that it asked for
// until its next quiescent state: the key is written again in between only if the grace period was not kept.
TEST(FlowTableThreads, AnEntryStaysWhatItWasWhileAWorkerMayHoldIt) {
  constexpr std::uint16_t worker_count = 3;
  Table table({.max_flows = 256, .workers = worker_count, .max_identities = worker_count});
  std::atomic<unsigned> running = worker_count;
  std::atomic<std::uint64_t> wrong = 0, created = 0;
  std::vector<std::thread> workers;
  for (std::uint16_t worker = 0; worker < worker_count; ++worker)
    workers.emplace_back([&, worker] {
      rte_rcu_qsbr_thread_register(table.rcu.get(), worker);
      rte_rcu_qsbr_thread_online(table.rcu.get(), worker);
      std::mt19937 random(worker);
      std::vector<std::pair<FlowKey, FlowEntry*>> held;
      for (unsigned turn = 0; turn < 20'000; ++turn) {
        held.clear();
        for (unsigned i = 0; i < 8; ++i) {
          const FlowKey key = key_of(static_cast<std::uint32_t>(random() % 64));
          FlowEntry* entry = table.find(key);
          if (entry == nullptr) {
            const auto creation = table.create(key, worker, worker);
            if (creation.how == Created::created) created.fetch_add(1, std::memory_order_relaxed);
            entry = creation.entry;
          }
          if (entry == nullptr) continue;
          held.emplace_back(key, entry);
          if (random() % 4 == 0) {
            abi::FlowEnd none = abi::FlowEnd::none;
            entry->end.compare_exchange_strong(none, abi::FlowEnd::closed, std::memory_order_relaxed);
          }
        }
        for (const auto& [key, entry] : held)
          if (!(entry->key == key)) wrong.fetch_add(1, std::memory_order_relaxed);
        rte_rcu_qsbr_quiescent(table.rcu.get(), worker);
        if (turn % 16 == 0) std::this_thread::yield();
      }
      rte_rcu_qsbr_thread_offline(table.rcu.get(), worker);
      rte_rcu_qsbr_thread_unregister(table.rcu.get(), worker);
      running.fetch_sub(1);
    });
  const auto pass = [&] {
    std::size_t room = table.flows->room_to_remove();
    for (std::uint32_t number = 0; number < table.flows->high_water() && room > 0; ++number) {
      if (!table.flows->is_published(number) || table.entries[number].end.load() == abi::FlowEnd::none) continue;
      table.flows->remove(number);
      --room;
    }
    table.turn();
  };
  while (running.load() != 0) {
    pass();
    std::this_thread::yield();
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_GT(created.load(), 10'000U) << "entries went round";
  pass();
  EXPECT_LE(table.published(), 64U) << "one for each key";
  EXPECT_EQ(table.flows->live(), table.published());
}

}  // namespace
}  // namespace sallyport::dataplane::flow_table_test
