// The enrolment API's messages on arbitrary bytes. The first byte says of what kind; what is read must keep every bound
// that the rest relies on, and what is refused must be answered with JSON.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/read/scalars.hpp"
#include "controlplane/enrolment/answers.hpp"
#include "controlplane/enrolment/messages.hpp"
#include "controlplane/identity/strict_json.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::controlplane;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_problem(const std::string& why) {
  require(!why.empty() && why.size() < 512);
  require(parse_json_object(error_answer(400, why).body).has_value());
}

void check(const EnrollBody& body) {
  require(body.instance.empty() || config::is_name(body.instance));
  require(decode_key(encode_key(body.public_key)) == body.public_key);
}

void check(const RenewBody& body) {
  require(decode_key(encode_key(body.public_key)) == body.public_key);
}

void check(const PostureBody& body) {
  require(body.posture.size() <= posture_values_max);
  require(body.time_to_live.count() >= 1 && body.time_to_live <= posture_time_to_live_max);
  for (const auto& [name, value] : body.posture) {
    require(config::is_name(name));
    if (const auto* text = std::get_if<std::string>(&value)) require(text->size() <= posture_text_bytes_max);
    if (const auto* real = std::get_if<double>(&value)) require(*real < 1e19 && *real > -1e19);
  }
  if (body.view) require(body.view->endpoint.size() <= view_endpoint_characters_max);
}

void check(const std::string& token) {
  require(token.find_first_of(" \t\r\n\"") == std::string::npos);
}

template <typename Parse>
void run(Parse parse, std::string_view text) {
  const auto parsed = parse(text);
  parsed ? check(*parsed) : check_problem(parsed.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'e':
      run(parse_enroll, text);
      break;
    case 'r':
      run(parse_renew, text);
      break;
    case 'p':
      run(parse_posture, text);
      break;
    case 'a':
      run(parse_authorization, text);
      break;
    case 's':
      run(parse_session_authorization, text);
      break;
    default:
      break;
  }
  return 0;
}
