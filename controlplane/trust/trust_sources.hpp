// Where the keys and bundles of issuers come from: files, looked at once a second, and JWKS URLs, fetched, refreshed
// and kept when they cannot be. Makes a new TrustStore whenever something changed. What was good stays good until
// something better is there: a file that breaks or a URL that fails changes nothing but a problem and a metric.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/https/https_client.hpp"
#include "controlplane/identity/trust_store.hpp"
#include "controlplane/runtime/report.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

// One file or URL of an issuer, as `sallyctl trust` and the metrics show it.
struct TrustSourceStatus {
  std::string issuer;
  std::string trust_domain;  // empty: none
  std::string source;        // the file or the URL
  std::vector<KeySet::KeyInfo> keys;
  std::vector<TrustBundle::CertificateInfo> certificates;
  std::optional<policy::TimePoint> read_at;  // when what is in use was read; nullopt: nothing could be had yet
  std::string problem;                       // empty: the newest attempt was good
};

class TrustSources {
 public:
  using OnChanged = std::function<void(std::shared_ptr<const TrustStore>)>;
  TrustSources(boost::asio::io_context& loop, OnChanged on_changed);
  ~TrustSources();
  TrustSources(const TrustSources&) = delete;
  TrustSources& operator=(const TrustSources&) = delete;

  // The issuers of the policy in force; relative names of files are beside the policy file that names them, or in
  // `folder` if that is not known (Location::file without a folder). Files are read now, URLs soon; what is known of an
  // issuer that stays is kept. Calls on_changed before it returns.
  void set_issuers(const std::vector<policy::Issuer>& issuers, const std::filesystem::path& folder,
                   policy::TimePoint now);
  // Once a second: files that changed, URLs that are due.
  void tick(policy::TimePoint now);
  // A token named a key that the issuer does not have: fetches at once, at most every 10 s an issuer.
  void refresh(const std::string& issuer, policy::TimePoint now);

  [[nodiscard]] std::shared_ptr<const TrustStore> store() const;
  [[nodiscard]] std::vector<TrustSourceStatus> status() const;
  [[nodiscard]] std::vector<Problem> problems() const;

  static constexpr std::chrono::seconds refresh_interval{300};
  static constexpr std::chrono::seconds retry_interval{15};
  static constexpr std::chrono::seconds unknown_key_interval{10};

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
