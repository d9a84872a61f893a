#include "controlplane/trust/trust_sources.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "config/base/log.hpp"
#include "controlplane/trust/fetch_schedule.hpp"
#include "controlplane/trust/trust_source.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t ca_bytes_max = 1024 * 1024;

struct Entry {
  Entry(TrustSource::Place place, std::uint64_t seed)
      : source(std::move(place)),
        schedule({.refresh = TrustSources::refresh_interval,
                  .retry = TrustSources::retry_interval,
                  .unknown_key = TrustSources::unknown_key_interval},
                 seed) {}
  [[nodiscard]] bool is_url() const { return !source.place().url.empty(); }

  TrustSource source;
  FetchSchedule schedule;           // of a URL
  std::unique_ptr<HttpsCall> call;  // under way
};

// What is fetched, or why it cannot even be asked for. The CAs are read anew each time: they are renewed, too.
tl::expected<HttpsRequest, std::string> request_for(const TrustSource::Place& place) {
  HttpsRequest request;
  auto url = parse_https_url(place.url);
  if (!url) return tl::unexpected(url.error());
  request.url = std::move(*url);
  request.accept = "application/json,application/jwk-set+json";
  request.body_bytes_max = KeySet::bytes_max;
  if (!place.ca_file.empty()) {
    auto ca = config::read_file(place.ca_file, ca_bytes_max);
    if (!ca) return tl::unexpected(place.ca_file.string() + ": " + ca.error());
    request.ca_pem = std::move(ca->text);
  }
  return request;
}

// A change for the better or the worse, once.
void tell(const TrustSource& source, const std::string& former_problem, bool changed) {
  const auto& place = source.place();
  if (changed)
    log_info("issuer's keys read", {{"issuer", place.issuer}, {"source", source.name()}});
  else if (source.problem() != former_problem && !source.problem().empty())
    log_warning("issuer's keys not read", {{"issuer", place.issuer},
                                           {"source", source.name()},
                                           {"error", source.problem()},
                                           {"former_keys_stay", source.status().read_at.has_value()}});
}

}  // namespace

class TrustSources::Impl {
 public:
  Impl(boost::asio::io_context& loop, OnChanged on_changed) : client_(loop), on_changed_(std::move(on_changed)) {
    make_store();
  }

  void set_issuers(const std::vector<policy::Issuer>& issuers, const std::filesystem::path& folder,
                   policy::TimePoint now);
  void tick(policy::TimePoint now);
  void refresh(const std::string& issuer, policy::TimePoint now);

  [[nodiscard]] const std::shared_ptr<const TrustStore>& store() const { return store_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Entry>>& entries() const { return entries_; }

 private:
  [[nodiscard]] bool look_at(Entry& entry);
  void fetch(Entry& entry);
  void on_answer(Entry& entry, const tl::expected<HttpsAnswer, std::string>& answer);
  void make_store();

  HttpsClient client_;
  OnChanged on_changed_;
  std::mt19937_64 seeds_{std::random_device{}()};
  policy::TimePoint now_;
  std::vector<policy::Issuer> issuers_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::shared_ptr<const TrustStore> store_;
};

void TrustSources::Impl::set_issuers(const std::vector<policy::Issuer>& issuers, const std::filesystem::path& folder,
                                     policy::TimePoint now) {
  now_ = now;
  issuers_ = issuers;
  std::vector<std::unique_ptr<Entry>> former = std::exchange(entries_, {});
  for (const policy::Issuer& issuer : issuers_) {
    for (TrustSource::Place& place : places_of(issuer, folder)) {
      const auto known = std::find_if(former.begin(), former.end(), [&](const std::unique_ptr<Entry>& entry) {
        return entry && entry->source.place() == place;
      });
      entries_.push_back(known != former.end() ? std::move(*known)
                                               : std::make_unique<Entry>(std::move(place), seeds_()));
    }
  }
  for (const auto& entry : entries_) (void)look_at(*entry);
  make_store();
  on_changed_(store_);
}

void TrustSources::Impl::tick(policy::TimePoint now) {
  now_ = now;
  bool changed = false;
  for (const auto& entry : entries_) changed |= look_at(*entry);
  if (!changed) return;
  make_store();
  on_changed_(store_);
}

void TrustSources::Impl::refresh(const std::string& issuer, policy::TimePoint now) {
  now_ = now;
  for (const auto& entry : entries_)
    if (entry->is_url() && entry->source.place().issuer == issuer && !entry->call && entry->schedule.may_hurry(now))
      fetch(*entry);
}

// True: what is known is another thing than before. What is fetched comes later.
bool TrustSources::Impl::look_at(Entry& entry) {
  if (entry.is_url()) {
    if (!entry.call && entry.schedule.due(now_)) fetch(entry);
    return false;
  }
  const std::string problem = entry.source.problem();
  const bool changed = entry.source.look_at_file(now_);
  tell(entry.source, problem, changed);
  return changed;
}

void TrustSources::Impl::fetch(Entry& entry) {
  entry.schedule.on_started(now_);
  auto request = request_for(entry.source.place());
  if (request) {
    entry.call = client_.get(std::move(*request), [this, &entry](const tl::expected<HttpsAnswer, std::string>& answer) {
      on_answer(entry, answer);
    });
    return;
  }
  const std::string problem = entry.source.problem();
  entry.source.fail(request.error());
  entry.schedule.on_failed(now_);
  tell(entry.source, problem, false);
}

void TrustSources::Impl::on_answer(Entry& entry, const tl::expected<HttpsAnswer, std::string>& answer) {
  entry.call.reset();
  const std::string problem = entry.source.problem();
  const bool changed = entry.source.take_answer(answer, now_);
  entry.source.problem().empty() ? entry.schedule.on_good(now_) : entry.schedule.on_failed(now_);
  tell(entry.source, problem, changed);
  if (!changed) return;
  make_store();
  on_changed_(store_);
}

void TrustSources::Impl::make_store() {
  std::vector<IssuerTrust> trusts;
  for (const policy::Issuer& issuer : issuers_) {
    IssuerTrust trust{.issuer = issuer, .keys = nullptr, .domain_keys = {}, .bundles = {}};
    for (const auto& entry : entries_) {
      const TrustSource& source = entry->source;
      if (source.place().issuer != issuer.name) continue;
      if (source.bundle())
        trust.bundles[source.place().trust_domain] = source.bundle();
      else if (source.keys() && !source.place().trust_domain.empty())
        trust.domain_keys[source.place().trust_domain] = source.keys();
      else if (source.keys())
        trust.keys = source.keys();
    }
    trusts.push_back(std::move(trust));
  }
  store_ = std::make_shared<const TrustStore>(std::move(trusts));
}

TrustSources::TrustSources(boost::asio::io_context& loop, OnChanged on_changed)
    : impl_(std::make_unique<Impl>(loop, std::move(on_changed))) {}

TrustSources::~TrustSources() = default;

void TrustSources::set_issuers(const std::vector<policy::Issuer>& issuers, const std::filesystem::path& folder,
                               policy::TimePoint now) {
  impl_->set_issuers(issuers, folder, now);
}

void TrustSources::tick(policy::TimePoint now) {
  impl_->tick(now);
}

void TrustSources::refresh(const std::string& issuer, policy::TimePoint now) {
  impl_->refresh(issuer, now);
}

std::shared_ptr<const TrustStore> TrustSources::store() const {
  return impl_->store();
}

std::vector<TrustSourceStatus> TrustSources::status() const {
  std::vector<TrustSourceStatus> all;
  for (const auto& entry : impl_->entries()) all.push_back(entry->source.status());
  return all;
}

std::vector<Problem> TrustSources::problems() const {
  std::vector<Problem> problems;
  for (const auto& entry : impl_->entries()) {
    const TrustSource& source = entry->source;
    if (source.problem().empty()) continue;
    const auto& place = source.place();
    problems.push_back({.what = "issuer " + place.issuer +
                                (place.trust_domain.empty() ? std::string() : ", trust domain " + place.trust_domain),
                        .why = source.name() + ": " + source.problem()});
  }
  return problems;
}

}  // namespace sallyport::controlplane
