// What a machine proves itself with: a token in a file or an environment variable, or a TLS client certificate. Files
// are read anew each time: a service account's volume swaps a symbolic link, an agent renews a certificate.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "config/read_file.hpp"
#include "tools/ctl/enroll/wiped_text.hpp"

namespace sallyport::ctl {

inline constexpr std::size_t longest_token_bytes = 32 * 1024;

struct ProofSettings {
  std::string token_file, token_variable;              // one of them, or
  std::string certificate_file, certificate_key_file;  // both of these
};

class ProofSource {
 public:
  using Environment = std::function<std::optional<std::string>(const char*)>;
  ProofSource(ProofSettings settings, Environment environment);

  // The token as it is now; empty: the certificate is the proof. The error names the file or variable.
  [[nodiscard]] tl::expected<WipedText, std::string> token();
  // Whether a file is another one than when token() was called last. A file that is away for a moment is no change.
  [[nodiscard]] bool changed() const;
  [[nodiscard]] const ProofSettings& settings() const { return settings_; }

 private:
  [[nodiscard]] const std::string& watched_file() const;

  ProofSettings settings_;
  Environment environment_;
  std::optional<config::FileStamp> seen_;
};

// Visible ASCII without quote and backslash, as every token is (RFC 6750, 2.1): it needs no escape anywhere.
[[nodiscard]] bool is_token(std::string_view text);

}  // namespace sallyport::ctl
