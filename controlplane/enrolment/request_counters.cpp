#include "controlplane/enrolment/request_counters.hpp"

#include <string>

namespace sallyport::controlplane {
namespace {

struct Words {
  std::string_view name, text;
};
constexpr std::array<Words, proof_refusal_count> refusals{{
#define SALLYPORT_WORDS(name, text) {#name, text},
    SALLYPORT_PROOF_REFUSALS(SALLYPORT_WORDS)
#undef SALLYPORT_WORDS
}};

}  // namespace

std::vector<NamedCounter> RequestCounters::read() const {
  std::vector<NamedCounter> list;
  const auto tell = [&](std::string name, std::string text, const Count& count) {
    list.push_back({"enrolment_" + std::move(name), std::move(text), count.load(std::memory_order_relaxed)});
  };
  for (const Route& route : routes)
    tell("requests_" + std::string(route.name),
         "requests to " + std::string(route.method) + ' ' + std::string(route.path),
         requests[static_cast<std::size_t>(route.endpoint)]);
  tell("requests_elsewhere", "requests to a path or with a method that there is not", elsewhere);
  tell("rate_limited", "requests over the rate of their source", rate_limited);
  tell("not_handed_over", "requests that found as many unanswered ones as there may be", not_handed_over);
  for (const unsigned digit : {2U, 4U, 5U})
    tell("answers_" + std::to_string(digit) + "xx", "answers with a status of this class", answers[digit]);
  for (std::size_t i = 0; i < refused.size(); ++i)
    tell("refused_" + std::string(refusals[i].name), std::string(refusals[i].text), refused[i]);
  return list;
}

}  // namespace sallyport::controlplane
