// The command line of `sallyctl enroll`, understood.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "tools/ctl/command.hpp"
#include "tools/ctl/enroll/https_exchange.hpp"
#include "tools/ctl/enroll/posture.hpp"
#include "tools/ctl/enroll/proof_source.hpp"
#include "tools/ctl/enroll/tunnel_target.hpp"

namespace sallyport::ctl {

struct EnrollSettings {
  HttpsSettings https;
  ProofSettings proof;
  TunnelTarget::Settings target;
  std::string instance;
  bool stay = false;
  Posture posture;
  std::vector<std::string> posture_command;  // its words; empty: none
  std::chrono::seconds posture_ttl{300};
  std::optional<std::chrono::seconds> key_age;  // --rotate-key

  [[nodiscard]] bool sends_posture() const { return !posture.empty() || !posture_command.empty(); }
};

void describe_enroll_options(boost::program_options::options_description_easy_init add);

// The error is for usage_error().
[[nodiscard]] tl::expected<EnrollSettings, std::string> read_enroll_settings(const Invocation& call);

}  // namespace sallyport::ctl
