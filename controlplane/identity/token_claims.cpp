#include "controlplane/identity/token_claims.hpp"

#include <algorithm>
#include <cmath>

#include "config/toml/value.hpp"

namespace sallyport::controlplane {
namespace {

using policy::Issuer;
using policy::TimePoint;

constexpr double latest_s = 253'402'300'799;  // 9999-12-31T23:59:59Z, the last that RFC 3339 can write

std::string in_seconds(TimePoint at, TimePoint now) {
  return std::to_string((at - now).count()) + " s from now";
}

}  // namespace

tl::unexpected<RefusedProof> refuse(const Issuer& issuer, ProofRefusal reason, std::string detail) {
  return tl::unexpected(RefusedProof{reason, issuer.name, std::move(detail)});
}

Checked<std::string> required_text(const Json& object, std::string_view name, const Issuer& issuer) {
  const Json* value = member(object, name);
  const std::string claim(name);
  if (value == nullptr) return refuse(issuer, ProofRefusal::missing_claim, "no " + claim);
  const auto* text = value->get_ptr<const std::string*>();
  if (text == nullptr)
    return refuse(issuer, ProofRefusal::missing_claim,
                  claim + " is " + std::string(kind_of(*value)) + ", expected a string");
  if (text->empty()) return refuse(issuer, ProofRefusal::missing_claim, claim + " is empty");
  return *text;
}

Checked<std::size_t> check_audience(const Json& claims, const Issuer& issuer) {
  const Json* value = member(claims, "aud");
  const auto is_text = [](const Json& entry) { return entry.is_string(); };
  const bool list = value != nullptr && value->is_array() && !value->empty();
  if (value == nullptr || (!value->is_string() && !(list && std::all_of(value->begin(), value->end(), is_text))))
    return refuse(issuer, ProofRefusal::missing_claim, "aud is no string and no list of strings");
  const auto is_ours = [&](const Json& entry) { return !issuer.audience.empty() && entry == issuer.audience; };
  if (list ? std::any_of(value->begin(), value->end(), is_ours) : is_ours(*value)) return list ? value->size() : 1;
  const auto& first = (list ? value->front() : *value).get_ref<const std::string&>();
  return refuse(issuer, ProofRefusal::wrong_audience,
                "aud is " + config::in_quotes(first) + (list && value->size() > 1 ? " and others" : "") +
                    ", expected " + config::in_quotes(issuer.audience));
}

// RFC 7519, section 2: seconds since 1970, which may have a fraction.
Checked<std::optional<TimePoint>> optional_time(const Json& claims, std::string_view name, const Issuer& issuer) {
  const Json* value = member(claims, name);
  if (value == nullptr) return std::nullopt;
  const std::string claim(name);
  if (!value->is_number())
    return refuse(issuer, ProofRefusal::missing_claim,
                  claim + " is " + std::string(kind_of(*value)) + ", expected a number");
  const double seconds = std::floor(value->get<double>());
  if (!(seconds >= 0 && seconds <= latest_s))
    return refuse(issuer, ProofRefusal::missing_claim, claim + " is no time from 1970 to 9999");
  return TimePoint(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

TimePoint session_end(const Issuer& issuer, TimePoint from, TimePoint until) {
  return issuer.max_session ? std::min(until, from + *issuer.max_session) : until;
}

Checked<TokenTimes> check_times(const Json& claims, const Issuer& issuer, TimePoint now) {
  const auto expires_at = optional_time(claims, "exp", issuer);
  const auto not_before = optional_time(claims, "nbf", issuer);
  const auto issued_at = optional_time(claims, "iat", issuer);
  for (const auto* time : {&expires_at, &not_before, &issued_at})
    if (!*time) return tl::unexpected(time->error());
  if (!*expires_at) return refuse(issuer, ProofRefusal::missing_claim, "no exp");
  if (now >= **expires_at) return refuse(issuer, ProofRefusal::expired, "exp was " + in_seconds(**expires_at, now));
  for (const auto& [name, time] : {std::pair("nbf", *not_before), std::pair("iat", *issued_at)})
    if (time && *time > now + clock_skew_max)
      return refuse(issuer, ProofRefusal::not_yet_valid, std::string(name) + " is " + in_seconds(*time, now));
  std::optional<TimePoint> issued;
  if (*issued_at) issued = std::min(**issued_at, now);
  const TimePoint end = session_end(issuer, issued.value_or(now), **expires_at);
  if (now >= end)
    return refuse(issuer, ProofRefusal::expired,
                  "issued longer ago than max_session, which ended " + in_seconds(end, now));
  return TokenTimes{issued, end};
}

}  // namespace sallyport::controlplane
