#include "tools/ctl/enroll/enroll_report.hpp"

#include <chrono>
#include <ostream>

#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

template <typename List>
Json texts_of(const List& list) {
  Json texts = Json::array();
  for (const auto& element : list) texts.push_back(element.to_string());
  return texts;
}

// The session's token and preshared key stay here: whoever reads the output may not end the session.
Json to_json(std::string_view event, const Grant& grant) {
  const TunnelPlan& tunnel = grant.tunnel;
  return {{"event", event},
          {"session", grant.session},
          {"identity", grant.identity},
          {"public_key", encode_key(grant.public_key)},
          {"addresses", texts_of(tunnel.addresses)},
          {"gateway", {{"public_key", encode_key(tunnel.gateway_key)}, {"endpoint", tunnel.endpoint}}},
          {"dns", texts_of(tunnel.dns)},
          {"routes", texts_of(tunnel.routes)},
          {"mtu", tunnel.mtu},
          {"persistent_keepalive_s", tunnel.persistent_keepalive_s},
          {"post_quantum", grant.post_quantum},
          {"expires_at", time_text(grant.expires_at)}};
}

}  // namespace

// Now, and on a line of its own: a program that reads along shows it.
void EnrollReport::confirm(const DeviceCode& code) {
  std::ostream& out = call_.terminal.out;
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(code.expires_in).count();
  if (call_.json) {
    Json event = {{"event", "confirm"},
                  {"verification_uri", code.verification_uri},
                  {"user_code", code.user_code},
                  {"expires_in_s", code.expires_in.count()}};
    if (!code.verification_uri_complete.empty()) event["verification_uri_complete"] = code.verification_uri_complete;
    out << event.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    return;
  }
  out << "To give this machine a tunnel, open\n\n    " << printable(code.verification_uri)
      << "\n\nand enter the code\n\n    " << printable(code.user_code) << "\n\nwithin " << minutes
      << (minutes == 1 ? " minute." : " minutes.") << std::endl;
}

void EnrollReport::granted(std::string_view event, const Grant& grant) {
  std::ostream& out = call_.terminal.out;
  const Json document = to_json(event, grant);
  if (call_.json) {
    out << (many_ ? document.dump(-1, ' ', false, Json::error_handler_t::replace) : to_text(document)) << std::endl;
    return;
  }
  out << event << " session=" << grant.session << " identity=" << printable(grant.identity)
      << " public_key=" << encode_key(grant.public_key) << " addresses=" << joined(document["addresses"], ",")
      << " gateway=" << grant.tunnel.endpoint << " expires_at=" << time_text(grant.expires_at)
      << " post_quantum=" << (grant.post_quantum ? "yes" : "no") << std::endl;
}

void EnrollReport::ended(std::string_view session) {
  if (call_.json) {
    call_.terminal.out << Json({{"event", "ended"}, {"session", session}}).dump() << std::endl;
  } else {
    call_.terminal.out << "ended session=" << session << std::endl;
  }
}

void EnrollReport::notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) call_.terminal.err << "note: " << printable(note) << '\n';
  call_.terminal.err.flush();
}

void EnrollReport::problem(const std::string& message) {
  if (message == last_problem_) return;
  last_problem_ = message;
  call_.terminal.err << "sallyctl enroll: " << printable(message) << std::endl;
}

}  // namespace sallyport::ctl
