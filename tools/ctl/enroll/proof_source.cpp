#include "tools/ctl/enroll/proof_source.hpp"

#include <algorithm>
#include <utility>

#include "tools/ctl/enroll/client_key.hpp"

namespace sallyport::ctl {
namespace {

void trim(std::string& text) {
  constexpr std::string_view space = " \t\r\n";
  text.erase(text.find_last_not_of(space) + 1);
  text.erase(0, text.find_first_not_of(space));
}

tl::expected<WipedText, std::string> checked(std::string&& text, const std::string& where) {
  trim(text);
  if (is_token(text)) return WipedText(std::move(text));
  const bool empty = text.empty();
  WipedText::wipe(text);
  return tl::make_unexpected(where + (empty ? " holds no token" : " holds something that is no token"));
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= longest_token_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

ProofSource::ProofSource(ProofSettings settings, Environment environment, std::optional<DeviceFlow> device)
    : settings_(std::move(settings)), environment_(std::move(environment)), device_(std::move(device)) {}

tl::expected<WipedText, ProofError> ProofSource::token_for(For purpose, const PublicKey& key) {
  if (!device_) {
    auto read = token();
    if (!read) return tl::unexpected(ProofError{std::move(read.error()), ProofError::Kind::local});
    return std::move(*read);
  }
  if (purpose == For::renew) return device_->refresh();
  if (held_.empty()) {
    auto given = device_->sign_in(nonce_of(key));
    if (!given) return given;
    held_ = std::move(*given);
  }
  return WipedText(std::string(held_.expose()));
}

const std::string& ProofSource::watched_file() const {
  return settings_.token_file.empty() ? settings_.certificate_file : settings_.token_file;
}

tl::expected<WipedText, std::string> ProofSource::token() {
  if (!settings_.token_variable.empty()) {
    auto value = environment_(settings_.token_variable.c_str());
    if (!value) return tl::unexpected("$" + settings_.token_variable + " is not set");
    return checked(std::move(*value), '$' + settings_.token_variable);
  }
  if (settings_.token_file.empty()) {
    const auto stamp = config::stamp_of(settings_.certificate_file);
    if (!stamp) return tl::unexpected(settings_.certificate_file + ": " + stamp.error());
    seen_ = *stamp;
    return WipedText();
  }
  // Seen also when it cannot be read, so that it is another file's turn next.
  if (const auto stamp = config::stamp_of(settings_.token_file)) seen_ = *stamp;
  auto file = config::read_file(settings_.token_file, longest_token_bytes);
  if (!file) return tl::unexpected(settings_.token_file + ": " + file.error());
  seen_ = file->stamp;
  return checked(std::move(file->text), settings_.token_file);
}

bool ProofSource::changed() const {
  if (watched_file().empty() || !seen_) return false;
  const auto stamp = config::stamp_of(watched_file());
  return stamp && *stamp != *seen_;
}

}  // namespace sallyport::ctl
