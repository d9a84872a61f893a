// An EnrolmentServer on loopback with files of its own, issuers whom it believes, and a hand-over that grants.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "controlplane/enrolment/enrolment_server.hpp"
#include "tests/unit/enrolment_server/desk_lab.hpp"
#include "tests/unit/https/blocking_tls.hpp"
#include "tests/unit/https/test_certificates.hpp"
#include "tests/unit/identity/certificate_maker.hpp"
#include "tests/unit/identity/issuers.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace sallyport::controlplane {

inline policy::TimePoint real_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

inline std::string private_pem(const TestKey& key) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

// Of the issuer "corp", good now.
inline Claims current_claims() {
  Claims claims = corp_claims();
  claims["iat"] = seconds_of(real_now()) - 60;
  claims["exp"] = seconds_of(real_now()) + 3600;
  return claims;
}

// A SPIFFE authority of prod.example.org and a workload of it.
struct Mesh {
  TestCertificate root = self_signed(authority("mesh root", real_now()), TestKey::ec("P-256", 40));
  TestCertificate leaf =
      signed_by(root, workload("spiffe://prod.example.org/ns/shop/sa/web", real_now()), TestKey::ec("P-256", 41));
  [[nodiscard]] TestIdentity client() const { return {leaf.pem(), private_pem(leaf.key)}; }
  [[nodiscard]] IssuerTrust trust() const {
    IssuerTrust trust;
    trust.issuer.name = "mesh";
    trust.issuer.type = policy::IssuerType::spiffe_x509;
    trust.bundles["prod.example.org"] = TrustBundle::parse(root.pem()).value();
    return trust;
  }
};

inline std::shared_ptr<const TrustStore> trust_of(std::vector<IssuerTrust> issuers) {
  return std::make_shared<const TrustStore>(std::move(issuers));
}
inline IssuerTrust corp_trust() {
  return trust_in(corp_issuer(), {corp_key().jwk("2026-11")});
}

inline TcpListener local_listener() {
  return TcpListener::listen({.address = IpAddress::v4(127, 0, 0, 1)}, TcpListener::Address::exists).value();
}

class EnrolmentLab {
 public:
  using Settings = EnrolmentServer::Settings;

  explicit EnrolmentLab(const std::function<void(Settings&)>& adjust = {}) : settings_(default_settings()) {
    if (adjust) adjust(settings_);
    install(ca.issue());
    server = std::make_unique<EnrolmentServer>(
        settings_,
        [this](EnrolmentRequest request, EnrolmentServer::Reply reply) { take(std::move(request), std::move(reply)); },
        [this](const RefusedProof& why, const IpAddress&) {
          const std::lock_guard lock(mutex);
          refused.emplace_back(name_of(why.reason));
        },
        [this](const std::string& issuer) {
          const std::lock_guard lock(mutex);
          unknown_keys.push_back(issuer);
        });
    server->set_trust(trust_of({corp_trust()}));
  }
  void start() {
    const auto started = server->start(local_listener());
    ASSERT_TRUE(started) << started.error();
  }

  [[nodiscard]] Settings default_settings() const {
    return {.certificate_file = folder.file("certificate.pem"),
            .private_key_file = folder.file("key.pem"),
            .requests_per_s_of_source = 1e6,
            .burst_of_source = 1e6,
            .connections_of_source = 1024};
  }
  void write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    // As good tools do: a new file takes the old one's place.
    const std::string path = folder.file(name), made = path + ".new";
    std::ofstream(made) << text;
    ::chmod(made.c_str(), mode);
    std::filesystem::rename(made, path);
  }
  void install(const TestIdentity& identity) const {
    write("certificate.pem", identity.certificate_pem);
    write("key.pem", identity.key_pem);
  }

  [[nodiscard]] BlockingTls connect(const TestIdentity* identity = nullptr) const {
    return BlockingTls::connect(server->port(), identity);
  }
  static std::string http(const std::string& line, const std::string& body = {}, const std::string& headers = {}) {
    return line + " HTTP/1.1\r\nHost: gateway\r\n" + headers +
           (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body;
  }
  // The whole answer, on a connection of its own.
  [[nodiscard]] std::string ask(const std::string& request, const TestIdentity* identity = nullptr) const {
    BlockingTls client = connect(identity);
    client.send(request);
    return client.receive_until("}");
  }
  [[nodiscard]] std::string enroll(const std::string& token, const TestIdentity* identity = nullptr) const {
    return ask(enrolment(token), identity);
  }
  static std::string enrolment(const std::string& token) {
    return http("POST /v1/enroll", DeskLab::enroll(token).body);
  }
  [[nodiscard]] std::uint64_t counter(const std::string& name) const {
    for (const NamedCounter& counter : server->counters())
      if (counter.name == "enrolment_" + name) return counter.value;
    return UINT64_MAX;
  }
  static bool eventually(const std::function<bool()>& holds) {
    for (unsigned i = 0; i < 10'000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
  [[nodiscard]] std::size_t kept_replies() {
    const std::lock_guard lock(mutex);
    return replies.size();
  }

  TemporaryFolder folder;
  TestCa ca;
  std::mutex mutex;  // of what the server's thread writes
  std::vector<std::string> refused, unknown_keys;
  std::optional<EnrolmentRequest> last;
  std::vector<EnrolmentServer::Reply> replies;  // with `keep`, in place of answers
  std::atomic<bool> keep = false;
  std::atomic<unsigned> granted = 0;
  std::optional<RefusedProof> service_refuses;
  std::unique_ptr<EnrolmentServer> server;

 private:
  void take(EnrolmentRequest request, EnrolmentServer::Reply reply) {
    const std::lock_guard lock(mutex);
    last = std::move(request);
    if (keep) {
      replies.push_back(std::move(reply));
      return;
    }
    if (service_refuses) return reply(tl::unexpected(EnrolmentRefusal(*service_refuses)));
    ++granted;
    reply(EnrolmentAnswer(example_grant()));
  }

  Settings settings_;
};

}  // namespace sallyport::controlplane
