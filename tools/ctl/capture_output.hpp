// Where the bytes of a capture go: a pcapng file, or lines for people. Fed piece by piece, as they arrive.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace sallyport::ctl {

// Follows the blocks of a pcapng stream, to count packets and to notice an answer that is none.
class PcapngCounter {
 public:
  // False when the bytes are not pcapng.
  [[nodiscard]] bool feed(std::string_view bytes);
  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  // No block is cut in the middle.
  [[nodiscard]] bool complete() const { return header_.empty() && remaining_ == 0; }

 private:
  std::string header_;  // of the block that comes, as far as it is here: type and length
  std::uint64_t remaining_ = 0;
  std::uint64_t packets_ = 0;
};

// Lines of JSON, each of which becomes a line for people (or stays as it is).
class PacketLines {
 public:
  PacketLines(std::ostream& out, bool as_json) : out_(out), as_json_(as_json) {}
  // False when a line is too long to be one, or the output is gone.
  [[nodiscard]] bool feed(std::string_view bytes);
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  void print(std::string_view line);

  std::ostream& out_;
  bool as_json_;
  std::string pending_;
  std::uint64_t packets_ = 0;
};

}  // namespace sallyport::ctl
