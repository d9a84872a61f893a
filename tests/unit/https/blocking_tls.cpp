#include "tests/unit/https/blocking_tls.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace sallyport::controlplane {
namespace {

int connect_tcp(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address);
  return descriptor;
}

void show(SSL_CTX* context, const TestIdentity& identity) {
  const auto chain = certificates_of(identity.certificate_pem, 1000).value();
  SSL_CTX_use_certificate(context, chain.front().get());
  for (std::size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(context, chain[i].get());
  SSL_CTX_use_PrivateKey(context, private_key_of(identity.key_pem).value().get());
}

}  // namespace

BlockingTls::BlockingTls(int descriptor, SSL_CTX* context) : tls_(SSL_new(context)), descriptor_(descriptor) {
  std::signal(SIGPIPE, SIG_IGN);
  const timeval ten_seconds{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &ten_seconds, sizeof ten_seconds);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &ten_seconds, sizeof ten_seconds);
  SSL_set_fd(tls_.get(), descriptor_);
}

BlockingTls BlockingTls::connect(std::uint16_t port, const TestIdentity* identity, int version_max) {
  const std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_max_proto_version(context.get(), version_max);
  SSL_CTX_set_max_cert_list(context.get(), 1 << 20);
  if (identity != nullptr) show(context.get(), *identity);
  BlockingTls tls(connect_tcp(port), context.get());
  tls.open_ = SSL_connect(tls.native()) == 1;
  tls.version_ = SSL_get_version(tls.native());
  return tls;
}

BlockingTls BlockingTls::accept(int descriptor, const TlsServerContext& context) {
  BlockingTls tls(descriptor, context.native());
  tls.open_ = SSL_accept(tls.native()) == 1;
  return tls;
}

bool BlockingTls::send(std::string_view bytes) {
  return open_ && SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
}

bool BlockingTls::drip(std::string_view bytes) {
  for (const char& byte : bytes) {
    if (!send({&byte, 1})) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // so that each comes on its own
  }
  return true;
}

std::string BlockingTls::receive() {
  char buffer[16384];
  const int got = open_ ? SSL_read(tls_.get(), buffer, sizeof buffer) : 0;
  return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
}

std::string BlockingTls::receive_until(std::string_view end) {
  std::string all;
  while (all.find(end) == std::string::npos) {
    const std::string piece = receive();
    if (piece.empty()) break;
    all += piece;
  }
  return all;
}

std::string BlockingTls::receive_all() {
  std::string all;
  for (std::string piece = receive(); !piece.empty(); piece = receive()) all += piece;
  return all;
}

void BlockingTls::end() {
  if (open_) SSL_shutdown(tls_.get());
  close();
}

void BlockingTls::close() {
  open_ = false;
  tls_.reset();
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

}  // namespace sallyport::controlplane
