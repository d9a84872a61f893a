#include "controlplane/state/state_keeper.hpp"

#include <utility>

#include "config/base/log.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {

StateKeeper::~StateKeeper() {
  if (writer_) writer_->write(std::move(pending_));
}

tl::expected<StoredState, std::string> StateKeeper::open(const std::filesystem::path& file,
                                                         const std::vector<PublicKey>& tunnels) {
  file_ = file;
  auto store = Store::open(file);
  if (!store) return tl::unexpected(store.error());
  auto loaded = store->load(wall_now());
  if (!loaded) return tl::unexpected("state file " + file.string() + ": " + loaded.error());
  floors_ = loaded->reservations;
  reserved_at_start_ = floors_;
  ran_before_ = !floors_.empty();
  is_new_ = store->is_new();
  if (store->was_emptied()) note_lost("it was empty at the start");
  reserve(*store, tunnels);
  writer_ = std::make_unique<StateWriter>(
      loop_, std::move(*store), [this](const StoreChange& written) { on_written(written); },
      [this](const std::string& why, std::uint64_t ticket) { on_failed(why, ticket); });
  return loaded;
}

void StateKeeper::note_lost(const std::string& how) {
  if (!lost_.empty()) return;
  lost_ = how +
          " and is begun anew: the peers' greatest timestamps (handshakes recorded within the last 24 h could be "
          "replayed), the last good policy, enrolments, revocations and the audit trail are gone";
  log_error("state begun anew", {{"file", file_.string()}, {"reason", lost_}});
}

void StateKeeper::reserve(Store& store, const std::vector<PublicKey>& tunnels) {
  StoreChange reservations;
  for (const PublicKey& tunnel : tunnels) {
    const auto floor = floors_.find(tunnel);
    const wireguard::TimestampSource source(floor == floors_.end() ? wireguard::Tai64n{} : floor->second);
    if (const auto until = source.reservation_wanted(wall_now())) reservations.set.reservations[tunnel] = *until;
  }
  if (auto written = store.write(reservations, wall_now()); !written) {
    // What is known is of use without it. It is tried again every second; until then we call no peer ourselves.
    failure_ = written.error();
    ++failures_;
    log_error("state cannot be written",
              {{"error", failure_}, {"consequence", "peers are answered, but not called, until it can"}});
    pending_.merge(std::move(reservations));
    return;
  }
  for (const auto& [tunnel, until] : reservations.set.reservations) reserved_at_start_[tunnel] = until;
}

void StateKeeper::on_written(const StoreChange& written) {
  if (!failure_.empty()) log_info("state is written again");
  failure_.clear();
  for (const auto& [tunnel, until] : written.set.reservations) {
    floors_[tunnel] = until;
    on_reserved_(tunnel, until);
  }
  call_waiting(written.ticket, true);
}

void StateKeeper::on_failed(const std::string& why, std::uint64_t ticket) {
  call_waiting(ticket, false);
  ++failures_;
  if (failure_ != why) log_error("state cannot be written", {{"error", why}, {"consequence", "none yet"}});
  failure_ = why;
}

void StateKeeper::write() {
  if (writer_) writer_->write(std::exchange(pending_, {}));
}

void StateKeeper::save(std::function<void(bool stored)> done) {
  if (!writer_) {
    if (done) done(false);
    return;
  }
  if (done) {
    pending_.ticket = ++last_ticket_;
    waiting_[pending_.ticket] = std::move(done);
  }
  write();
}

void StateKeeper::call_waiting(std::uint64_t ticket, bool stored) {
  while (!waiting_.empty() && waiting_.begin()->first <= ticket) {
    const auto done = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    done(stored);
  }
}

std::vector<Problem> StateKeeper::problems() const {
  std::vector<Problem> list;
  if (!failure_.empty()) list.push_back({"state file " + file_.string(), failure_});
  if (!lost_.empty()) list.push_back({"state file " + file_.string(), lost_});
  return list;
}

std::vector<NamedCounter> StateKeeper::counters() const {
  return {{"state_write_failures", "transactions that could not be written to the state file", failures_}};
}

}  // namespace sallyport::controlplane
