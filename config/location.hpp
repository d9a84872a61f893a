// Where something stands in a file that an operator wrote, and what was wrong there. Every object of the configuration
// keeps its Location, so that a later complaint (a key file that cannot be read, say) can point at the line too.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::config {

// Line and column count from 1, columns in characters; line 0 means the file as a whole.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

struct Location {
  std::shared_ptr<const std::string> file;  // as the operator named it; shared by all locations of one load
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  // "gateway.toml:12:3", or "gateway.toml" for the file as a whole.
  [[nodiscard]] std::string to_string() const;

  // A location never makes two objects different: a peer that only moved down a line has not changed.
  friend bool operator==(const Location&, const Location&) noexcept { return true; }
};

struct Error {
  Location location;
  std::string message;  // one line, control bytes escaped
};

// "gateway.toml:12:3: mtu: expected an integer from 1280 to 9216, got the integer 100"
[[nodiscard]] std::string to_string(const Error& error);

// Into the order of the file; those of one place stay as they are.
void sort_by_position(std::vector<Error>& errors);

// Collects what is wrong with one file.
class ErrorList {
 public:
  explicit ErrorList(std::string file) : file_(std::make_shared<const std::string>(std::move(file))) {}

  void add(Position at, std::string message) { errors_.push_back({locate(at), std::move(message)}); }
  [[nodiscard]] Location locate(Position at) const { return {file_, at.line, at.column}; }
  [[nodiscard]] bool empty() const noexcept { return errors_.empty(); }
  // All of them in the order of the file.
  [[nodiscard]] std::vector<Error> take_sorted();

 private:
  std::shared_ptr<const std::string> file_;
  std::vector<Error> errors_;
};

}  // namespace sallyport::config
