#include "config/location.hpp"

#include <algorithm>

namespace sallyport::config {

std::string Location::to_string() const {
  std::string text = file ? *file : "configuration";
  if (line != 0) text += ':' + std::to_string(line) + ':' + std::to_string(column);
  return text;
}

std::string to_string(const Error& error) {
  return error.location.to_string() + ": " + error.message;
}

std::vector<Error> ErrorList::take_sorted() {
  std::stable_sort(errors_.begin(), errors_.end(), [](const Error& a, const Error& b) {
    return Position{a.location.line, a.location.column} < Position{b.location.line, b.location.column};
  });
  return std::move(errors_);
}

}  // namespace sallyport::config
