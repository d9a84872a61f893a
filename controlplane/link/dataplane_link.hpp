// The link to the dataplane: connects, stays connected, and hands over what arrives. If the dataplane is not there, or
// goes, or breaks a ring, it tries again after 100 ms, later after a second at the most. What arrives is taken in turns
// of bounded size, events first, then proven handshakes, then the others, so that timers are never starved.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "controlplane/link/dataplane_connection.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

// Told on the event loop.
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  virtual void on_connected(DataplaneConnection& connection) = 0;
  // The connection is still mapped during the call.
  virtual void on_disconnected(DataplaneConnection& connection, const std::string& why) = 0;
  // Could not connect, for the first time or for another reason than last time.
  virtual void on_connect_failed(const std::string& why) = 0;
  virtual void on_event(const abi::Event& event) = 0;
  // How many packets it would take now. The others wait in their ring, where the dataplane sees them: a backlog is its
  // sign that the gateway is under load.
  [[nodiscard]] virtual std::size_t packet_room(bool proven) const = 0;
  virtual void on_packet(const abi::PacketUp& packet, bool proven) = 0;
  virtual void on_captured(const abi::CapturedPacket& packet) = 0;
  // After a turn in which anything arrived.
  virtual void on_turn_done() = 0;
};

class DataplaneLink {
 public:
  DataplaneLink(boost::asio::io_context& loop, std::filesystem::path socket, LinkListener& listener);
  // Does not tell the listener.
  ~DataplaneLink();
  DataplaneLink(const DataplaneLink&) = delete;
  DataplaneLink& operator=(const DataplaneLink&) = delete;

  void start();
  // Null while there is none.
  [[nodiscard]] DataplaneConnection* connection() const noexcept;
  // Closes the connection and opens a new one soon. Safe from a listener's call.
  void reopen(const std::string& why);
  // Looks for arrivals now, woken or not.
  void poll();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
