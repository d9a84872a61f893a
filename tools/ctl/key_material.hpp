// WireGuard keys in the hands of a command: made, read, turned into text, and wiped afterwards.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/base/base64.hpp"
#include "config/base/secret.hpp"
#include "tools/ctl/terminal.hpp"

namespace sallyport::ctl {

// Random and clamped (RFC 7748, 5), as `wg genkey` makes them.
[[nodiscard]] Secret<key_bytes> generate_private_key();
[[nodiscard]] Secret<key_bytes> generate_preshared_key();
[[nodiscard]] PublicKey public_key_of(const Secret<key_bytes>& private_key);

// 44 characters of base64 with white space around.
[[nodiscard]] std::optional<Secret<key_bytes>> read_key_text(std::string_view text);

// A key in a file that others can read is no secret. Said, not refused: the file may be moved in a moment.
void warn_if_others_can_read(const Terminal& terminal);

// The base64 text of a secret, wiped when it goes.
class SecretText {
 public:
  explicit SecretText(const Secret<key_bytes>& secret);
  ~SecretText();
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  [[nodiscard]] std::string_view view() const { return text_; }

 private:
  std::string text_;
};

}  // namespace sallyport::ctl
