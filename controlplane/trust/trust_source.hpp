// One file or URL of an issuer: what was read from it last, and what is wrong with it now. What is new is judged first;
// what is worse than what was there changes nothing but the problem.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/read_file.hpp"
#include "controlplane/https/https_client.hpp"
#include "controlplane/trust/trust_sources.hpp"

namespace sallyport::controlplane {

class TrustSource {
 public:
  // Two sources of one place hold the same.
  struct Place {
    std::string issuer;
    std::string trust_domain;   // of SPIFFE
    bool certificates = false;  // a bundle in PEM; otherwise a JWKS
    std::filesystem::path file;
    std::string url;                // empty: the file
    std::filesystem::path ca_file;  // of the URL
    friend bool operator==(const Place&, const Place&) = default;
  };
  explicit TrustSource(Place place) : place_(std::move(place)) {}

  // Each returns whether what is known of the issuer is another thing than before.
  bool look_at_file(policy::TimePoint now);
  bool take_answer(const tl::expected<HttpsAnswer, std::string>& answer, policy::TimePoint now);
  void fail(std::string why) { problem_ = std::move(why); }

  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::shared_ptr<const KeySet>& keys() const { return keys_; }
  [[nodiscard]] const std::shared_ptr<const TrustBundle>& bundle() const { return bundle_; }
  [[nodiscard]] TrustSourceStatus status() const;
  [[nodiscard]] std::string name() const { return place_.url.empty() ? place_.file.string() : place_.url; }

 private:
  [[nodiscard]] bool take(std::string&& text, policy::TimePoint now);
  [[nodiscard]] tl::expected<void, std::string> judge(std::string_view text);

  const Place place_;
  std::optional<config::FileStamp> stamp_;  // of the file that was read last, be it good or not
  std::string text_;                        // that the keys or the bundle are from
  std::shared_ptr<const KeySet> keys_;
  std::shared_ptr<const TrustBundle> bundle_;
  std::optional<policy::TimePoint> read_at_;
  std::string problem_;
};

// The places that an issuer of the policy names; `folder` is for a policy file of which no folder is known.
[[nodiscard]] std::vector<TrustSource::Place> places_of(const policy::Issuer& issuer,
                                                        const std::filesystem::path& folder);

}  // namespace sallyport::controlplane
