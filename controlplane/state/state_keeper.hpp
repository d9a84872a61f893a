// The state file of a running control plane: opened and read at the start, written once a second or at once, never by
// the event loop itself. What is to be written next gathers in pending(). A file that cannot be written stops nothing;
// problems() says so until it can.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/runtime/report.hpp"
#include "controlplane/state/state_writer.hpp"
#include "controlplane/state/store.hpp"
#include "controlplane/wireguard/tai64n.hpp"

namespace sallyport::controlplane {

class StateKeeper {
 public:
  using Reservations = std::map<PublicKey, wireguard::Tai64n>;  // by the interface's public key
  // On disk now: our own timestamps up to here may be used.
  using OnReserved = std::function<void(const PublicKey& tunnel, const wireguard::Tai64n& until)>;

  StateKeeper(boost::asio::io_context& loop, OnReserved on_reserved)
      : loop_(loop), on_reserved_(std::move(on_reserved)) {}
  // Writes what is pending, once.
  ~StateKeeper();

  // Reads everything, and reserves timestamps for these interfaces: the first initiations must not wait for the first
  // write. An error: the file is nothing that can be gone on with.
  [[nodiscard]] tl::expected<StoredState, std::string> open(const std::filesystem::path& file,
                                                            const std::vector<PublicKey>& tunnels);
  // What the next write takes along.
  [[nodiscard]] StoreChange& pending() { return pending_; }
  // Once a second. With nothing pending it tries again what failed.
  void write();
  // Writes at once. `done` hears on the loop whether it is on disk.
  void save(std::function<void(bool stored)> done = {});

  // Up to where an earlier process, or this one, may have used timestamps.
  [[nodiscard]] const Reservations& floors() const { return floors_; }
  // Those of them that this process may use from the start on.
  [[nodiscard]] const Reservations& reserved_at_start() const { return reserved_at_start_; }
  // Another process has used this file before.
  [[nodiscard]] bool ran_before() const { return ran_before_; }
  // Its file was not there at the start.
  [[nodiscard]] bool is_new() const { return is_new_; }
  // What it should have held is gone, as was seen elsewhere: logged, and a problem of this run. `how`: "it was ...".
  void note_lost(const std::string& how);
  [[nodiscard]] std::vector<Problem> problems() const;
  [[nodiscard]] std::vector<NamedCounter> counters() const;

 private:
  void reserve(Store& store, const std::vector<PublicKey>& tunnels);
  void on_written(const StoreChange& written);
  void on_failed(const std::string& why, std::uint64_t ticket);
  void call_waiting(std::uint64_t ticket, bool stored);

  boost::asio::io_context& loop_;
  const OnReserved on_reserved_;
  std::filesystem::path file_;
  StoreChange pending_;
  Reservations floors_, reserved_at_start_;
  bool ran_before_ = false, is_new_ = false;
  std::uint64_t last_ticket_ = 0;
  std::map<std::uint64_t, std::function<void(bool stored)>> waiting_;  // by ticket
  std::string failure_;  // why it could not be written last; empty: it could
  std::string lost_;     // what it should have held and does not
  std::uint64_t failures_ = 0;
  std::unique_ptr<StateWriter> writer_;
};

}  // namespace sallyport::controlplane
