#include "controlplane/https/media_type.hpp"

#include <algorithm>

namespace sallyport::controlplane {

std::string media_type(std::string_view header) {
  std::string type(header.substr(0, header.find(';')));
  const auto last = type.find_last_not_of(" \t");
  type.resize(last == std::string::npos ? 0 : last + 1);
  type.erase(0, std::min(type.find_first_not_of(" \t"), type.size()));
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return type;
}

}  // namespace sallyport::controlplane
