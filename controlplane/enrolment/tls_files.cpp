#include "controlplane/enrolment/tls_files.hpp"

#include <utility>

#include <sodium.h>

#include "config/limits.hpp"
#include "config/secret_files.hpp"
#include "config/toml/safe_text.hpp"

namespace sallyport::controlplane {
namespace {

std::string name_of(const std::filesystem::path& path) {
  return config::escaped(path.string(), config::limits::path_characters);
}

}  // namespace

TlsFiles::TlsFiles(std::filesystem::path certificate, std::filesystem::path private_key,
                   std::vector<std::filesystem::path> client_cas, std::optional<uid_t> reader)
    : certificate_(std::move(certificate)),
      private_key_(std::move(private_key)),
      client_cas_(std::move(client_cas)),
      reader_(reader) {}

TlsFiles::Stamps TlsFiles::stamps() const {
  Stamps stamps;
  const auto add = [&](const std::filesystem::path& path) {
    const auto stamp = config::stamp_of(path);
    stamps.push_back(stamp ? std::optional(*stamp) : std::nullopt);
  };
  add(certificate_);
  add(private_key_);
  for (const auto& path : client_cas_) add(path);
  return stamps;
}

tl::expected<std::shared_ptr<TlsServerContext>, std::string> TlsFiles::load(bool ask_for_certificate) const {
  const auto unreadable = [](const std::filesystem::path& path, const std::string& why) {
    return tl::make_unexpected(name_of(path) + ": " + why);
  };
  const auto certificate = config::read_file(certificate_, bytes_max);
  if (!certificate) return unreadable(certificate_, certificate.error());
  std::vector<std::string> cas;
  for (const auto& path : client_cas_) {
    auto file = config::read_file(path, bytes_max);
    if (!file) return unreadable(path, file.error());
    cas.push_back(std::move(file->text));
  }
  auto key = config::read_secret_file(private_key_, bytes_max, reader_);
  if (!key) return tl::unexpected(key.error());
  auto made =
      TlsServerContext::make(certificate->text, *key, {.client_cas = cas, .ask_for_certificate = ask_for_certificate});
  sodium_memzero(key->data(), key->size());
  if (!made) return tl::unexpected(name_of(certificate_) + ", " + name_of(private_key_) + ": " + made.error());
  return made;
}

tl::expected<void, std::string> TlsFiles::read(bool ask_for_certificate) {
  seen_ = stamps();
  auto loaded = load(ask_for_certificate);
  problem_ = loaded ? std::string() : loaded.error();
  if (!loaded) return tl::unexpected(problem_);
  asks_ = ask_for_certificate;
  context_ = std::move(*loaded);
  return {};
}

bool TlsFiles::look(bool ask_for_certificate) {
  if (problem_.empty() && asks_ == ask_for_certificate && seen_ == stamps()) return false;
  return read(ask_for_certificate).has_value();
}

std::vector<Problem> TlsFiles::problems(std::chrono::sys_seconds now) const {
  std::vector<Problem> list;
  if (!problem_.empty()) list.push_back({"enrolment: certificate", problem_ + "; the former one stays"});
  const std::string warning = context_ ? context_->warning(now) : std::string();
  if (!warning.empty()) list.push_back({"enrolment: certificate", name_of(certificate_) + ": " + warning});
  return list;
}

}  // namespace sallyport::controlplane
