#include "controlplane/enrolment/requests.hpp"

#include <array>

namespace sallyport::controlplane {
namespace {

struct Words {
  std::string_view name, sentence;
};
constexpr std::array<Words, enrolment_failure_count> words = {{
    {"pool_is_empty", "no address is free"},
    {"too_many_sessions", "this identity has as many sessions as it may have; end one first"},
    {"gateway_is_full", "the gateway has as many peers as it can hold"},
    {"not_stored", "the gateway cannot write its state now; try again later"},
    {"switched_off", "the gateway does not enrol anybody now"},
    {"busy", "the gateway is busy; try again later"},
}};

}  // namespace

std::string_view name_of(EnrolmentFailure failure) {
  return words.at(static_cast<std::size_t>(failure)).name;
}

std::string_view explain(EnrolmentFailure failure) {
  return words.at(static_cast<std::size_t>(failure)).sentence;
}

}  // namespace sallyport::controlplane
