#include "tools/ctl/qr_code.hpp"

#include <qrencode.h>

#include <memory>

namespace sallyport::ctl {
namespace {

constexpr int quiet_zone_modules = 4;  // ISO/IEC 18004, 6.3.8
constexpr std::size_t longest_text_bytes = 2953;

struct FreeCode {
  void operator()(QRcode* code) const { QRcode_free(code); }
};

bool is_dark(const QRcode& code, int row, int column) {
  if (row < 0 || column < 0 || row >= code.width || column >= code.width) return false;
  return (code.data[row * code.width + column] & 1) != 0;
}

// Light modules are drawn, dark ones left out.
const char* two_modules(bool upper_dark, bool lower_dark) {
  if (upper_dark) return lower_dark ? " " : "\u2584";
  return lower_dark ? "\u2580" : "\u2588";
}

}  // namespace

std::optional<std::string> qr_code(std::string_view text, bool colours) {
  if (text.empty() || text.size() > longest_text_bytes) return std::nullopt;
  const std::unique_ptr<QRcode, FreeCode> code(QRcode_encodeData(
      static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0, QR_ECLEVEL_L));
  if (code == nullptr) return std::nullopt;
  std::string drawing;
  const int end = code->width + quiet_zone_modules;
  for (int row = -quiet_zone_modules; row < end; row += 2) {
    if (colours) drawing += "\033[40;97m";
    for (int column = -quiet_zone_modules; column < end; ++column)
      drawing += two_modules(is_dark(*code, row, column), is_dark(*code, row + 1, column));
    drawing += colours ? "\033[0m\n" : "\n";
  }
  return drawing;
}

}  // namespace sallyport::ctl
