#include "dataplane/crypto/engine_selection.hpp"

#include <gtest/gtest.h>

#include "dataplane/crypto/ipsec_mb_engine.hpp"
#include "dataplane/crypto/known_answer_tests.hpp"
#include "libsodium_engine.hpp"

namespace sallyport::dataplane::engine_selection_test {
namespace {

enum class Fault {
  none,
  accepts_every_tag,
  leaves_plaintext,
  reports_first_for_all,
  writes_behind,
  wrong_at_1337,
  wiped_key
};

// libsodium with one mistake.
template <Fault fault>
class FaultyEngine final : public LibsodiumEngine {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "faulty"; }

  void seal(std::span<AeadJob> jobs) noexcept override {
    LibsodiumEngine::seal(jobs);
    for (AeadJob& job : jobs) {
      if (fault == Fault::writes_behind && job.ok) job.data[job.length_bytes + aead_tag_bytes] = 0;
      if (fault == Fault::wrong_at_1337 && job.length_bytes == 1337) job.data[1000] ^= 1;
      if (fault == Fault::wiped_key) job.ok = true;
    }
  }

  void open(std::span<AeadJob> jobs) noexcept override {
    std::vector<std::vector<std::uint8_t>> before;
    for (const AeadJob& job : jobs) before.emplace_back(job.data, job.data + job.length_bytes);
    LibsodiumEngine::open(jobs);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (fault == Fault::accepts_every_tag) jobs[i].ok = true;
      if (fault == Fault::leaves_plaintext && !jobs[i].ok) std::copy(before[i].begin(), before[i].end(), jobs[i].data);
      if (fault == Fault::reports_first_for_all) jobs[i].ok = jobs[0].ok;
    }
  }
};

template <Fault fault>
tl::expected<std::unique_ptr<AeadEngine>, std::string> make_faulty() {
  return std::make_unique<FaultyEngine<fault>>();
}

tl::expected<std::unique_ptr<AeadEngine>, std::string> make_unsupported() {
  return tl::unexpected(std::string("this processor is too old"));
}

TEST(KnownAnswerTests, PassForEveryEngineAndForTheOracle) {
  for (const EngineDescriptor& descriptor : all_engines()) {
    const auto engine = descriptor.create();
    ASSERT_TRUE(engine) << engine.error();
    EXPECT_EQ((*engine)->name(), descriptor.name);
    const auto proof = run_known_answer_tests(**engine);
    EXPECT_TRUE(proof) << proof.error();
  }
  const auto proof = run_known_answer_tests(**make_libsodium_engine());
  EXPECT_TRUE(proof) << proof.error();
}

TEST(KnownAnswerTests, FindEveryKindOfFault) {
  const auto error_of = [](auto make) {
    const auto proof = run_known_answer_tests(**make());
    return proof ? std::string("passed") : proof.error();
  };
  EXPECT_EQ(error_of(make_faulty<Fault::none>), "passed");
  EXPECT_EQ(error_of(make_faulty<Fault::accepts_every_tag>), "chacha20poly1305: refusing a forged packet");
  EXPECT_EQ(error_of(make_faulty<Fault::leaves_plaintext>), "chacha20poly1305: refusing a forged packet");
  EXPECT_EQ(error_of(make_faulty<Fault::reports_first_for_all>),
            "chacha20poly1305: opening a good packet beside a forged one");
  EXPECT_EQ(error_of(make_faulty<Fault::writes_behind>),
            "chacha20poly1305: opening a batch of lengths from 0 bytes on");
  EXPECT_EQ(error_of(make_faulty<Fault::wrong_at_1337>),
            "chacha20poly1305: sealing a batch of lengths from 1280 bytes on");
  EXPECT_EQ(error_of(make_faulty<Fault::wiped_key>), "chacha20poly1305: refusing to seal with a wiped key");
}

TEST(EngineSelection, ChoosesAnEngineThatWorks) {
  const auto selection = select_engine("auto");
  ASSERT_TRUE(selection) << selection.error();
  const auto engine = selection->engine.create();
  ASSERT_TRUE(engine);
  ASSERT_EQ(selection->reports.size(), all_engines().size());
  for (const EngineReport& report : selection->reports) {
    EXPECT_EQ(report.error, "");
    EXPECT_GT(report.cycles_64_bytes, 0);
    EXPECT_GT(report.cycles_1420_bytes, report.cycles_64_bytes);
  }
}

TEST(EngineSelection, TakesTheFastestAndReportsTheFailing) {
  // A faulty engine and one that this machine cannot run; of the others the faster wins.
  const std::array<EngineDescriptor, 4> engines = {{{"unsupported", make_unsupported},
                                                    {"forger", make_faulty<Fault::accepts_every_tag>},
                                                    {"libsodium", make_libsodium_engine},
                                                    {"ipsec_mb", make_ipsec_mb_engine}}};
  const auto selection = select_engine("auto", engines);
  ASSERT_TRUE(selection) << selection.error();
  ASSERT_EQ(selection->reports.size(), 4U);
  EXPECT_EQ(selection->reports[0].error, "this processor is too old");
  EXPECT_EQ(selection->reports[1].error, "known-answer test failed: chacha20poly1305: refusing a forged packet");
  const auto& [name, create] = selection->engine;
  const bool libsodium_faster = selection->reports[2].cost() < selection->reports[3].cost();
  EXPECT_EQ(name, libsodium_faster ? "libsodium" : "ipsec_mb");
}

TEST(EngineSelection, ObeysTheConfiguredName) {
  const std::array<EngineDescriptor, 2> engines = {
      {{"libsodium", make_libsodium_engine}, {"ipsec_mb", make_ipsec_mb_engine}}};
  for (const EngineDescriptor& engine : engines) {
    const auto selection = select_engine(engine.name, engines);
    ASSERT_TRUE(selection) << selection.error();
    EXPECT_EQ(selection->engine.name, engine.name);
    EXPECT_EQ(selection->reports.size(), 1U);
  }
}

TEST(EngineSelection, ErrorsSayWhatWasExpected) {
  const std::array<EngineDescriptor, 2> engines = {
      {{"unsupported", make_unsupported}, {"forger", make_faulty<Fault::accepts_every_tag>}}};
  EXPECT_EQ(select_engine("ipsec-mb").error(),
            "crypto = \"ipsec-mb\": no such engine; expected one of \"auto\", \"vector\", \"ipsec_mb\"");
  EXPECT_EQ(select_engine("forger", engines).error(),
            "the configured crypto engine cannot be used: forger: known-answer test failed: chacha20poly1305: refusing "
            "a forged packet.");
  EXPECT_EQ(select_engine("auto", engines).error(),
            "no crypto engine can be used: unsupported: this processor is too old; forger: known-answer test failed: "
            "chacha20poly1305: refusing a forged packet.");
}

}  // namespace
}  // namespace sallyport::dataplane::engine_selection_test
