#include "policy/bundle.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>

#include "config/base/check.hpp"
#include "config/read_file.hpp"
#include "config/toml/safe_text.hpp"
#include "policy/limits.hpp"

namespace sallyport::policy {
namespace {

namespace fs = std::filesystem;
using config::FileStamp;
using config::FileText;

std::string name_of(const fs::path& path) {
  return config::escaped(path.string(), config::limits::path_characters);
}

Error error_at(const fs::path& path, std::string message) {
  return config::Error{config::ErrorList(name_of(path)).locate({}), std::move(message)};
}

// What a directory stands for, sorted.
tl::expected<std::vector<fs::path>, Error> toml_files_in(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path name = entry->path().filename();
    if (name.extension() == ".toml" && !name.native().starts_with('.')) files.push_back(entry->path());
    if (files.size() > limits::files) break;
  }
  if (error) return tl::make_unexpected(error_at(folder, "cannot be read: " + error.message()));
  if (files.empty()) return tl::make_unexpected(error_at(folder, "expected at least one file *.toml in this folder"));
  std::sort(files.begin(), files.end());
  return files;
}

// One look at everything.
class Reading {
 public:
  explicit Reading(std::span<const fs::path> paths) {
    for (const fs::path& path : paths) {
      std::error_code error;
      if (!fs::is_directory(path, error)) {
        names_.push_back(path);
      } else if (auto files = toml_files_in(path)) {
        names_.insert(names_.end(), files->begin(), files->end());
      } else {
        errors_.push_back(files.error());
      }
    }
  }

  void read_files() {
    if (names_.size() > limits::files) {
      errors_.push_back(error_at(names_[limits::files],
                                 "expected at most " + std::to_string(limits::files) + " policy files together"));
      return;
    }
    std::size_t left = limits::bundle_bytes;
    for (const fs::path& name : names_) {
      auto read = config::read_file(name);
      if (!read) {
        errors_.push_back(error_at(name, read.error()));
      } else if (read->text.size() > left) {
        errors_.push_back(error_at(name, "all policy files together are " + config::too_large(limits::bundle_bytes)));
        return;
      } else {
        left -= read->text.size();
        files_.push_back(std::move(*read));
      }
    }
  }

  // The same files with the same stamps as when they were read: together they are one moment.
  [[nodiscard]] bool still_true(std::span<const fs::path> paths) const {
    if (Reading(paths).names_ != names_) return false;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const auto stamp = config::stamp_of(names_[i]);
      if (!stamp || *stamp != files_[i].stamp) return false;
    }
    return true;
  }

  // A file that is named twice, by its folder and by itself, counts once.
  [[nodiscard]] Bundle take_bundle() {
    Bundle bundle;
    std::vector<FileStamp> taken;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (std::find(taken.begin(), taken.end(), files_[i].stamp) != taken.end()) continue;
      taken.push_back(files_[i].stamp);
      bundle.files.push_back({name_of(names_[i]), std::move(files_[i].text)});
    }
    std::sort(bundle.files.begin(), bundle.files.end(),
              [](const BundleFile& a, const BundleFile& b) { return a.name < b.name; });
    return bundle;
  }

  [[nodiscard]] const std::vector<Error>& errors() const { return errors_; }

 private:
  std::vector<fs::path> names_;
  std::vector<FileText> files_;  // one for each name, if there are no errors
  std::vector<Error> errors_;
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    SP_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
  }
  ~Sha256() { EVP_MD_CTX_free(context_); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  // With its length before it, so that no two lists of texts are one.
  void add(std::string_view text) {
    const std::string length = std::to_string(text.size()) + ':';
    SP_CHECK(EVP_DigestUpdate(context_, length.data(), length.size()) == 1);
    SP_CHECK(EVP_DigestUpdate(context_, text.data(), text.size()) == 1);
  }
  [[nodiscard]] std::string first_hexadecimal_digits(std::size_t count) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    SP_CHECK(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
      text += "0123456789abcdef"[i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15];
    return text;
  }

 private:
  EVP_MD_CTX* context_;
};

}  // namespace

std::string Bundle::etag() const {
  std::vector<std::pair<std::string_view, std::string_view>> texts;
  for (const BundleFile& file : files)
    texts.emplace_back(std::string_view(file.name).substr(file.name.rfind('/') + 1), file.text);
  std::sort(texts.begin(), texts.end());
  Sha256 hash;
  for (const auto& [name, text] : texts) {
    hash.add(name);
    hash.add(text);
  }
  return hash.first_hexadecimal_digits(32);
}

tl::expected<Bundle, std::vector<Error>> read_bundle(std::span<const fs::path> paths) {
  for (unsigned attempt = 0; attempt < config::read_attempts; ++attempt) {
    if (attempt > 0) config::pause_before_reading_again();
    Reading reading(paths);
    if (reading.errors().empty()) reading.read_files();
    if (!reading.errors().empty()) return tl::make_unexpected(reading.errors());
    if (reading.still_true(paths)) return reading.take_bundle();
  }
  return tl::make_unexpected(
      std::vector{error_at(paths.empty() ? fs::path() : paths.front(), "changes while it is read")});
}

}  // namespace sallyport::policy
