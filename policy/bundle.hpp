// The files of a policy, read at one moment: what is parsed, hashed, stored and sent is this, never a file again.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "policy/model.hpp"

namespace sallyport::policy {

struct BundleFile {
  std::string name;  // as messages show it
  std::string text;
  friend bool operator==(const BundleFile&, const BundleFile&) = default;
};

struct Bundle {
  std::vector<BundleFile> files;  // in the order of their names; the order means nothing
  // Of names (without folders) and texts: 32 hexadecimal digits of a SHA-256.
  [[nodiscard]] std::string etag() const;
  friend bool operator==(const Bundle&, const Bundle&) = default;
};

// A directory stands for its *.toml files (hidden ones left out, no recursion). A file that changes while it is read is
// read again, a few times, then it is an error; so is a file that is no regular file, too large, or unreadable.
[[nodiscard]] tl::expected<Bundle, std::vector<Error>> read_bundle(std::span<const std::filesystem::path> paths);

}  // namespace sallyport::policy
