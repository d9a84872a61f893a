// The enrolment server's certificate, private key and CAs of clients as files. What was good stays until something
// better is there: a pair that does not fit, as in the middle of a renewal, is a problem and nothing else. One thread.
#pragma once

#include <sys/types.h>
#include <chrono>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/read_file.hpp"
#include "controlplane/https/tls_server_context.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane {

class TlsFiles {
 public:
  TlsFiles(std::filesystem::path certificate, std::filesystem::path private_key,
           std::vector<std::filesystem::path> client_cas, std::optional<uid_t> reader = std::nullopt);

  // A context of what the files hold now. An error names the file; then what was read before is still context().
  tl::expected<void, std::string> read(bool ask_for_certificate);
  // Reads them if they changed, if the last reading failed, or if clients were not asked as they should be. True:
  // context() is another one.
  bool look(bool ask_for_certificate);

  [[nodiscard]] const std::shared_ptr<TlsServerContext>& context() const { return context_; }
  [[nodiscard]] std::vector<Problem> problems(std::chrono::sys_seconds now) const;

  static constexpr std::size_t bytes_max = 1024 * 1024;  // of one file

 private:
  using Stamps = std::vector<std::optional<config::FileStamp>>;
  [[nodiscard]] Stamps stamps() const;
  [[nodiscard]] tl::expected<std::shared_ptr<TlsServerContext>, std::string> load(bool ask_for_certificate) const;

  const std::filesystem::path certificate_, private_key_;
  const std::vector<std::filesystem::path> client_cas_;
  const std::optional<uid_t> reader_;  // of the private key, if not this process
  Stamps seen_;                        // at the last reading
  bool asks_ = false;
  std::string problem_;
  std::shared_ptr<TlsServerContext> context_;
};

}  // namespace sallyport::controlplane
