// What following a cluster needs of the world: a clock, a timer, and requests to its API server. cluster_watch.cpp has
// the event loop and HTTPS behind it, tests have neither.
#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "controlplane/https/https_client.hpp"
#include "controlplane/wireguard/instant.hpp"

namespace sallyport::controlplane {

class ClusterEnvironment {
 public:
  using Time = wireguard::BootTime;
  // Why a request could not be made: a token that cannot be read, say.
  using Begun = tl::expected<std::unique_ptr<HttpsCall>, std::string>;

  virtual ~ClusterEnvironment() = default;
  [[nodiscard]] virtual Time now() const = 0;
  // Calls ClusterFollower::wake() then; takes the place of the call before.
  virtual void wake_at(Time time) = 0;
  // `target` is a path below the API server's own, with its query. Callbacks come later, never from within.
  [[nodiscard]] virtual Begun get(const std::string& target, HttpsClient::OnAnswer on_answer) = 0;
  [[nodiscard]] virtual Begun stream(const std::string& target, HttpsClient::StreamEvents events) = 0;
};

}  // namespace sallyport::controlplane
