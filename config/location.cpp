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

void sort_by_position(std::vector<Error>& errors) {
  std::stable_sort(errors.begin(), errors.end(), [](const Error& a, const Error& b) {
    return Position{a.location.line, a.location.column} < Position{b.location.line, b.location.column};
  });
}

std::vector<Error> ErrorList::take_sorted() {
  sort_by_position(errors_);
  return std::move(errors_);
}

}  // namespace sallyport::config
