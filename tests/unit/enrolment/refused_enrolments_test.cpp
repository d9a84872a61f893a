#include "controlplane/enrolment/refused_enrolments.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::controlplane::refused_enrolments_test {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint noon{std::chrono::seconds(1'800'000'000)};

IpAddress source_of(std::uint32_t number) {
  return IpAddress::v4(198, 51, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

TEST(RefusedEnrolments, KnowWhoWasRefusedAndWhy) {
  RefusedEnrolments refused;
  refused.note(RefusedProof{ProofRefusal::wrong_audience, "prod", "aud is \"other\""}, source_of(7), noon);
  refused.note(EnrolmentFailure::pool_is_empty, source_of(8), noon + 1s);
  const auto list = refused.list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].reason, "pool_is_empty");
  EXPECT_EQ(list[0].explanation, "no address is free");
  EXPECT_EQ(list[1].reason, "wrong_audience");
  EXPECT_EQ(list[1].issuer, "prod");
  EXPECT_EQ(list[1].detail, "aud is \"other\"");
  EXPECT_EQ(list[1].source, source_of(7));
}

TEST(RefusedEnrolments, CountWhatComesAgainAsOne) {
  RefusedEnrolments refused;
  for (unsigned i = 0; i < 100; ++i)
    refused.note(RefusedProof{ProofRefusal::expired, "prod", std::to_string(i)}, source_of(1), noon + i * 1s);
  refused.note(RefusedProof{ProofRefusal::expired, "prod", ""}, source_of(2), noon);
  const auto list = refused.list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].times, 100U);
  EXPECT_EQ(list[1].detail, "99");
  EXPECT_EQ(list[1].first_at, noon);
  EXPECT_EQ(list[1].last_at, noon + 99s);
}

TEST(RefusedEnrolments, AreBoundedAndForgetTheOldest) {
  RefusedEnrolments refused;
  for (std::uint32_t i = 0; i < RefusedEnrolments::kept_max + 10; ++i)
    refused.note(RefusedProof{ProofRefusal::expired, {}, {}}, source_of(i), noon + i * 1s);
  EXPECT_EQ(refused.list().size(), RefusedEnrolments::kept_max);
  EXPECT_EQ(refused.list().back().source, source_of(10));
  refused.note(RefusedProof{ProofRefusal::expired, {}, {}}, source_of(10), noon);  // it comes again: the newest
  EXPECT_EQ(refused.list().front().source, source_of(10));
  EXPECT_EQ(refused.list().back().source, source_of(11));
}

}  // namespace
}  // namespace sallyport::controlplane::refused_enrolments_test
