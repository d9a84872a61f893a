#include "controlplane/trust/trust_source.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::controlplane {
namespace {

// As which a JWKS is served: RFC 7517, 8.5, and what stores of plain files say. Empty: nothing was said.
constexpr std::array<std::string_view, 4> json_types{"", "application/json", "application/octet-stream", "text/plain"};

bool may_be_json(std::string_view type) {
  for (const std::string_view known : json_types)
    if (type == known) return true;
  return type.starts_with("application/") && type.ends_with("+json");
}

// Of a stranger, for a message.
std::string type_in_words(std::string_view type) {
  const bool plain =
      type.size() <= 64 && std::all_of(type.begin(), type.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  return plain ? std::string(type) : "of an unreadable type";
}

std::filesystem::path beside(const policy::Location& location, const std::filesystem::path& folder,
                             const std::string& name) {
  const std::filesystem::path policy_file = location.file ? *location.file : std::string();
  const auto& base = policy_file.has_parent_path() ? policy_file.parent_path() : folder;
  return (base / name).lexically_normal();
}

}  // namespace

bool TrustSource::look_at_file(policy::TimePoint now) {
  const auto stamp = config::stamp_of(place_.file);
  if (!stamp) {
    stamp_.reset();
    problem_ = stamp.error();
    return false;
  }
  if (stamp_ == *stamp) return false;
  auto read = config::read_file(place_.file, place_.certificates ? TrustBundle::bytes_max : KeySet::bytes_max);
  if (!read) {
    problem_ = read.error();
    return false;
  }
  stamp_ = read->stamp;
  return take(std::move(read->text), now);
}

bool TrustSource::take_answer(const tl::expected<HttpsAnswer, std::string>& answer, policy::TimePoint now) {
  if (!answer)
    problem_ = answer.error();
  else if (answer->status >= 300 && answer->status < 400)
    problem_ = "the answer is a redirect, " + std::to_string(answer->status) + "; none is followed";
  else if (answer->status != 200)
    problem_ = "the answer has status " + std::to_string(answer->status) + ", expected 200";
  else if (!may_be_json(answer->content_type))
    problem_ = "the answer is " + type_in_words(answer->content_type) + ", expected application/json";
  else
    return take(std::string(answer->body), now);
  return false;
}

bool TrustSource::take(std::string&& text, policy::TimePoint now) {
  const bool same = read_at_ && text == text_;
  if (!same) {
    if (const auto judged = judge(text); !judged) {
      problem_ = judged.error();
      return false;
    }
  }
  problem_.clear();
  read_at_ = now;
  text_ = std::move(text);
  return !same;
}

tl::expected<void, std::string> TrustSource::judge(std::string_view text) {
  if (place_.certificates) {
    auto bundle = TrustBundle::parse(text);
    if (!bundle) return tl::unexpected(bundle.error());
    bundle_ = std::move(*bundle);
  } else {
    auto keys = KeySet::parse(text);
    if (!keys) return tl::unexpected(keys.error());
    keys_ = std::move(*keys);
  }
  return {};
}

TrustSourceStatus TrustSource::status() const {
  TrustSourceStatus status{.issuer = place_.issuer, .trust_domain = place_.trust_domain, .source = name()};
  if (keys_) status.keys = keys_->keys();
  if (bundle_) status.certificates = bundle_->certificates();
  status.read_at = read_at_;
  status.problem = problem_;
  return status;
}

std::vector<TrustSource::Place> places_of(const policy::Issuer& issuer, const std::filesystem::path& folder) {
  std::vector<TrustSource::Place> places;
  if (!issuer.jwks_url.empty()) {
    TrustSource::Place place{.issuer = issuer.name, .url = issuer.jwks_url};
    if (!issuer.jwks_ca_file.empty()) place.ca_file = beside(issuer.location, folder, issuer.jwks_ca_file);
    places.push_back(std::move(place));
  } else if (!issuer.jwks_file.empty()) {
    places.push_back({.issuer = issuer.name, .file = beside(issuer.location, folder, issuer.jwks_file)});
  }
  for (const auto& [trust_domain, file] : issuer.bundles)
    places.push_back({.issuer = issuer.name,
                      .trust_domain = trust_domain,
                      .certificates = issuer.type == policy::IssuerType::spiffe_x509,
                      .file = beside(issuer.location, folder, file)});
  return places;
}

}  // namespace sallyport::controlplane
