// An ID token by the device flow of OAuth 2 (RFC 8628): for people at a machine without a browser. They are shown an
// address and a code, open it wherever they like, and say yes; meanwhile we ask the identity provider, as often as it
// wants.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "tools/ctl/enroll/device_answers.hpp"
#include "tools/ctl/enroll/https_exchange.hpp"

namespace sallyport::ctl {

struct ProofError {
  enum class Kind : std::uint8_t {
    local,     // here, or of the identity provider
    declined,  // somebody said no, or nobody came
    stopped,
  };
  std::string message;
  Kind kind = Kind::local;
};

class DeviceFlow {
 public:
  struct Settings {
    std::string issuer;  // its URL, as tokens have it in iss; empty: no device flow
    std::string client_id;
    std::string scope = "openid email";
    std::string ca_file;  // who may vouch for the identity provider; empty: the system's CAs
  };
  struct Surroundings {
    std::function<void(const DeviceCode&)> show;          // to people
    std::function<bool(std::chrono::milliseconds)> wait;  // true: stop
    int stop_descriptor = -1;
  };

  DeviceFlow(Settings settings, Surroundings surroundings);

  // Asks people. `nonce`: that the token shall be bound to; a provider that does not know it leaves it out.
  [[nodiscard]] tl::expected<WipedText, ProofError> sign_in(const std::string& nonce);
  // Another token without asking anybody, if the provider gave a refresh token (RFC 6749, 6).
  [[nodiscard]] tl::expected<WipedText, ProofError> refresh();
  void set_mark(std::uint32_t mark) { mark_ = mark; }

 private:
  [[nodiscard]] tl::expected<HttpsAnswer, HttpsError> ask(std::string_view method, const HttpsPlace& place,
                                                          std::string_view body) const;
  [[nodiscard]] tl::expected<void, ProofError> find_endpoints();
  [[nodiscard]] tl::expected<DeviceCode, ProofError> request_code(const std::string& nonce) const;
  [[nodiscard]] tl::expected<WipedText, ProofError> poll(const DeviceCode& code);
  [[nodiscard]] tl::expected<WipedText, ProofError> take(TokenAnswer answer);

  Settings settings_;
  Surroundings surroundings_;
  std::optional<ProviderEndpoints> endpoints_;
  WipedText refresh_token_;
  std::uint32_t mark_ = 0;
};

}  // namespace sallyport::ctl
