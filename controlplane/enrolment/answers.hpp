// What the enrolment API answers, as HTTP: every status and body that it has, but the ones that http_server makes of
// broken HTTP. No I/O.
#pragma once

#include <chrono>
#include <string_view>

#include "controlplane/enrolment/requests.hpp"
#include "controlplane/http/http_message.hpp"

namespace sallyport::controlplane {

[[nodiscard]] HttpResponse answer_with(const Granted& granted);
[[nodiscard]] HttpResponse answer_with(const PostureTaken& taken);
[[nodiscard]] HttpResponse answer_with(const SessionState& state);
[[nodiscard]] HttpResponse answer_with(const Ended& ended);
[[nodiscard]] HttpResponse answer_with(EnrolmentFailure failure);
[[nodiscard]] HttpResponse answer_with(const EnrolmentResult& result);

// The very same bytes for every RefusedProof: a client does not learn why.
[[nodiscard]] HttpResponse refused_answer();
[[nodiscard]] HttpResponse error_answer(unsigned status, std::string_view sentence);
[[nodiscard]] HttpResponse too_many_requests_answer(std::chrono::nanoseconds until_next);

}  // namespace sallyport::controlplane
