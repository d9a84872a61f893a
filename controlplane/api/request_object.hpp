// The body of a request as one JSON object, read strictly: a member that is not known, of another type, out of its
// bounds or there twice is an error that says what was expected.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/http/json_array.hpp"

namespace sallyport::controlplane {

class RequestObject {
 public:
  // `expected` is how the whole object looks, for people: {"kind": TEXT, ...}.
  [[nodiscard]] static tl::expected<RequestObject, std::string> parse(const std::string& body,
                                                                      std::span<const std::string_view> known,
                                                                      std::string_view expected);

  // Each of them remembers the first thing that was wrong and goes on with an empty value; ask problem() at the end.
  // Texts are UTF-8 without control characters.
  [[nodiscard]] std::string text(std::string_view key, std::size_t most_bytes);           // must be there, not empty
  [[nodiscard]] std::string optional_text(std::string_view key, std::size_t most_bytes);  // empty: not there
  [[nodiscard]] std::vector<std::string> texts(std::string_view key, std::size_t most, std::size_t most_bytes);
  [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t lowest, std::uint64_t highest);
  // Not there, or null.
  [[nodiscard]] std::optional<std::uint64_t> optional_number(std::string_view key, std::uint64_t lowest,
                                                             std::uint64_t highest);

  // Empty: nothing was wrong.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  explicit RequestObject(Json object) : object_(std::move(object)) {}
  [[nodiscard]] const Json* find(std::string_view key) const;
  void complain(std::string_view key, const std::string& expected, const Json* got);

  Json object_;
  std::string problem_;
};

}  // namespace sallyport::controlplane
