// The enrolment API on TLS, on a thread and an event loop of its own: TLS handshakes, request bodies and signatures
// cost the gateway's own loop nothing, however many there are. What is verified is handed over; the answer comes back
// the same way. docs: openapi.json beside this file.
//
//   TLS, HTTP ─▶ limits by source ─▶ messages: JSON ─▶ TrustStore: the proof ─▶ HandOver ═▶ EnrolmentService (the
//   gateway's loop) ═▶ the answer
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/ip.hpp"
#include "controlplane/enrolment/requests.hpp"
#include "controlplane/http/tcp_listener.hpp"
#include "controlplane/identity/trust_store.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane {

class EnrolmentServer {
 public:
  struct Settings {
    std::filesystem::path certificate_file, private_key_file;
    std::vector<std::filesystem::path> client_ca_files;  // whose names clients are shown
    double requests_per_s_of_source = 10;                // an IPv4 address or an IPv6 /64
    double burst_of_source = 50;
    bool require_post_quantum = false;
    unsigned connections = 1024;
    unsigned connections_of_source = 64;
    friend bool operator==(const Settings&, const Settings&) = default;
  };
  // Called on the server's thread with what was verified, at most `handed_over_max` unanswered ones at a time. The
  // reply may be called from any thread, once; not calling it is a leak.
  using Reply = std::function<void(EnrolmentResult)>;
  using HandOver = std::function<void(EnrolmentRequest, Reply)>;
  // A proof that was refused before it was handed over: for the log. On the server's thread.
  using OnRefused = std::function<void(const RefusedProof&, const IpAddress& source)>;
  // An issuer whose keys may be out of date: on the server's thread.
  using OnUnknownKey = std::function<void(const std::string& issuer)>;

  EnrolmentServer(Settings settings, HandOver hand_over, OnRefused on_refused, OnUnknownKey on_unknown_key);
  ~EnrolmentServer();
  EnrolmentServer(const EnrolmentServer&) = delete;
  EnrolmentServer& operator=(const EnrolmentServer&) = delete;

  // Reads certificate and key, and serves whom the listener accepts. An error names the file.
  [[nodiscard]] tl::expected<void, std::string> start(TcpListener listener);
  // Any thread. Until the first one nobody is believed.
  void set_trust(std::shared_ptr<const TrustStore> trust);
  // Certificate and key are read again when their files change, looked at when this is called (once a second). Any
  // thread. Problems: the former ones stay.
  void look_at_files();
  [[nodiscard]] std::vector<Problem> problems() const;       // any thread
  [[nodiscard]] std::vector<NamedCounter> counters() const;  // any thread
  [[nodiscard]] std::uint16_t port() const;                  // tests

  static constexpr unsigned handed_over_max = 1024;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
