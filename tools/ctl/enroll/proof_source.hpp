// What a machine proves itself with: a token in a file or an environment variable, a TLS client certificate, or a token
// that people get it in the device flow. Files are read anew each time: a service account's volume swaps a symbolic
// link, an agent renews a certificate.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/read_file.hpp"
#include "tools/ctl/enroll/device_flow.hpp"
#include "tools/ctl/enroll/wiped_text.hpp"

namespace sallyport::ctl {

inline constexpr std::size_t longest_token_bytes = 32 * 1024;

struct ProofSettings {
  std::string token_file, token_variable;              // one of them, or
  std::string certificate_file, certificate_key_file;  // both of these, or
  DeviceFlow::Settings device;                         // this
};

class ProofSource {
 public:
  using Environment = std::function<std::optional<std::string>(const char*)>;
  // `device`: if the settings have one.
  ProofSource(ProofSettings settings, Environment environment, std::optional<DeviceFlow> device = {});

  // The token as it is now; empty: the certificate is the proof. The error names the file or variable.
  [[nodiscard]] tl::expected<WipedText, std::string> token();
  // The same, where it may also be people who give it: for an enrolment, bound to the key where the identity provider
  // can do that; for a renewal without asking anybody.
  enum class For : std::uint8_t { enroll, renew };
  [[nodiscard]] tl::expected<WipedText, ProofError> token_for(For purpose, const PublicKey& key);
  // What people gave was believed or refused: the next enrolment asks them again.
  void settle() { held_ = {}; }
  void set_mark(std::uint32_t mark) {
    if (device_) device_->set_mark(mark);
  }
  // Whether a file is another one than when token() was called last. A file that is away for a moment is no change.
  [[nodiscard]] bool changed() const;
  [[nodiscard]] const ProofSettings& settings() const { return settings_; }

 private:
  [[nodiscard]] const std::string& watched_file() const;

  ProofSettings settings_;
  Environment environment_;
  std::optional<DeviceFlow> device_;
  WipedText held_;  // of people, while the gateway has not answered
  std::optional<config::FileStamp> seen_;
};

// Visible ASCII without quote and backslash, as every token is (RFC 6750, 2.1): it needs no escape anywhere.
[[nodiscard]] bool is_token(std::string_view text);

}  // namespace sallyport::ctl
