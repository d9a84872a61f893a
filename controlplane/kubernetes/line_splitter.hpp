// Cuts a stream that comes in pieces into lines, each with a bound. The line feed is not part of a line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::controlplane {

class LineSplitter {
 public:
  explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  // Calls on_line(std::string_view) for each line that is complete now; it may answer false to stop there. False:
  // it did, or a line is longer than the bound; the stream is of no use any more then.
  template <typename OnLine>
  [[nodiscard]] bool feed(std::string_view piece, OnLine on_line) {
    while (!piece.empty()) {
      const std::size_t end = piece.find('\n');
      const std::string_view part = piece.substr(0, end);
      if (part.size() > line_bytes_max_ - begun_.size()) return false;
      begun_ += part;
      if (end == std::string_view::npos) return true;
      piece.remove_prefix(end + 1);
      const std::string line = std::exchange(begun_, {});
      if (!on_line(std::string_view(line))) return false;
    }
    return true;
  }

  // Something came after the last line feed.
  [[nodiscard]] bool has_half_a_line() const { return begun_.find_first_not_of(" \t\r") != std::string::npos; }
  void clear() { begun_.clear(); }

 private:
  std::size_t line_bytes_max_;
  std::string begun_;
};

}  // namespace sallyport::controlplane
