#include "controlplane/api/diagnose/client_checks.hpp"

#include <algorithm>

#include "policy/describe.hpp"

namespace sallyport::controlplane::diagnose {

// Both ends count other bytes (headers, padding, since when), so only nothing is told from something.
Check check_client(const ClientSeen& seen) {
  constexpr std::string_view name = "client";
  if (!seen.view) return {name, Result::unknown, "its client says nothing of its end of the tunnel"};
  const EnrolledSession::ClientView& client = *seen.view;
  const auto age = std::max(std::chrono::seconds(0), std::chrono::seconds(seen.now - client.at));
  const std::string said = policy::duration_words(age) + " ago its client said that ";
  const std::string to = client.endpoint.empty() ? "" : " to " + client.endpoint;
  if (client.sent_bytes > 0 && seen.rx_bytes == 0)
    return {name, Result::failed,
            said + "it had sent " + counted(client.sent_bytes, "byte") + to +
                ", and none has come here: they are lost on the way, or go elsewhere"};
  if (client.received_bytes == 0 && seen.tx_bytes > 0)
    return {name, Result::failed,
            said + "it had received nothing, and " + counted(seen.tx_bytes, "byte") +
                " were sent to it: they are lost on the way, at a firewall or a NAT before it"};
  if (!client.last_handshake_age_s && !seen.latest_handshake_age)
    return {name, Result::failed, said + "no handshake had been completed" + to + ", and none has been here"};
  return {name, Result::ok,
          said + "it had received " + counted(client.received_bytes, "byte") + " and sent " +
              std::to_string(client.sent_bytes) + to + "; here " + std::to_string(seen.rx_bytes) +
              " were received and " + std::to_string(seen.tx_bytes) + " sent"};
}

}  // namespace sallyport::controlplane::diagnose
