// The enrolment API as a client sees it: one call a request, one sentence for whatever goes wrong.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "tools/ctl/enroll/grant.hpp"
#include "tools/ctl/enroll/https_exchange.hpp"
#include "tools/ctl/enroll/proof_source.hpp"
#include "tools/ctl/enroll/requests.hpp"

namespace sallyport::ctl {

struct Refusal {
  enum class Kind : std::uint8_t {
    refused,      // of the proof, or of a session that is gone
    unavailable,  // not now: too many requests, no free address, ...
    unreachable,  // nobody answers
    senseless,    // an answer that makes no sense, or of somebody who is not the gateway
    local,        // something here: the token cannot be read, ...
    declined,     // people were asked for a token, and gave none
    stopped,
  };
  Kind kind = Kind::senseless;
  std::string message;  // printable, one line
  std::optional<std::chrono::seconds> retry_after;
};

class EnrolmentClient {
 public:
  template <typename Value>
  using Answer = tl::expected<Value, Refusal>;

  EnrolmentClient(HttpsSettings settings, ProofSource& proof, std::string instance)
      : settings_(std::move(settings)), proof_(proof), instance_(std::move(instance)) {}

  [[nodiscard]] Answer<Grant> enroll(const PublicKey& key);
  // The session goes on with `new_key`, if there is one.
  [[nodiscard]] Answer<Grant> renew(const PublicKey& key, const std::optional<PublicKey>& new_key);
  [[nodiscard]] Answer<void> send_posture(const WipedText& session_token, const Posture& posture,
                                          std::chrono::seconds time_to_live, const std::optional<TunnelView>& view);
  [[nodiscard]] Answer<void> end_session(const WipedText& session_token);

  void set_mark(std::uint32_t mark) {
    settings_.mark = mark;
    proof_.set_mark(mark);
  }
  void forget_stop_descriptor() { settings_.stop_descriptor = -1; }  // to take leave after the signal
  void set_timeout(std::chrono::milliseconds timeout) { settings_.timeout = timeout; }

 private:
  [[nodiscard]] Answer<std::string> ask(std::string_view method, std::string_view target,
                                        std::string_view session_token, std::string_view body) const;
  [[nodiscard]] Answer<Grant> ask_for_grant(std::string_view target, GrantOf of, const PublicKey& key,
                                            const WipedText& body) const;

  HttpsSettings settings_;
  ProofSource& proof_;
  std::string instance_;
};

}  // namespace sallyport::ctl
