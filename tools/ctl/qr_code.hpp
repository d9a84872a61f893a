// A text as a QR code (ISO/IEC 18004, by libqrencode) that a phone reads from the terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::ctl {

// Two modules to a character, in half blocks of UTF-8, light on dark with a quiet zone. With `colours` the terminal is
// told black and white, whatever its theme. Nothing if the text is too long for a QR code (2,953 bytes).
[[nodiscard]] std::optional<std::string> qr_code(std::string_view text, bool colours);

}  // namespace sallyport::ctl
