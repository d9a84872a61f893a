#include "tests/unit/sallyctl/tls_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <thread>

namespace sallyport {
namespace {

constexpr std::size_t longest_request = 1 << 20;

void use_pem(SSL_CTX* context, const TestIdentity& identity) {
  BIO* certificate_text = ::BIO_new_mem_buf(identity.certificate.data(), -1);
  BIO* key_text = ::BIO_new_mem_buf(identity.key.data(), -1);
  X509* certificate = ::PEM_read_bio_X509(certificate_text, nullptr, nullptr, nullptr);
  EVP_PKEY* key = ::PEM_read_bio_PrivateKey(key_text, nullptr, nullptr, nullptr);
  if (::SSL_CTX_use_certificate(context, certificate) != 1 || ::SSL_CTX_use_PrivateKey(context, key) != 1) std::abort();
  ::X509_free(certificate);
  ::EVP_PKEY_free(key);
  ::BIO_free_all(certificate_text);
  ::BIO_free_all(key_text);
}

void ask_for_certificates(SSL_CTX* context, const std::string& ca) {
  BIO* text = ::BIO_new_mem_buf(ca.data(), -1);
  X509* certificate = ::PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
  ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context), certificate);
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  ::X509_free(certificate);
  ::BIO_free_all(text);
}

std::string subject_of_client(SSL* tls) {
  X509* certificate = ::SSL_get1_peer_certificate(tls);
  if (certificate == nullptr) return {};
  BIO* memory = ::BIO_new(::BIO_s_mem());
  ::X509_NAME_print_ex(memory, ::X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string subject(data, static_cast<std::size_t>(size));
  ::BIO_free_all(memory);
  ::X509_free(certificate);
  return subject;
}

std::size_t announced_length(const std::string& head) {
  const std::size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

bool read_request(SSL* tls, TlsRequest& request) {
  std::string text;
  char piece[16 * 1024];
  for (;;) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end != std::string::npos && text.size() >= end + 4 + announced_length(text.substr(0, end))) {
      request.head = text.substr(0, end);
      request.body = text.substr(end + 4);
      request.method = text.substr(0, text.find(' '));
      const std::size_t target = request.method.size() + 1;
      request.target = text.substr(target, text.find(' ', target) - target);
      request.client_subject = subject_of_client(tls);
      return true;
    }
    const int got = ::SSL_read(tls, piece, sizeof piece);
    if (got <= 0 || text.size() > longest_request) return false;
    text.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

class TlsServer::Impl {
 public:
  Impl(const TestIdentity& identity, Handler handler, const std::string& client_ca)
      : handler_(std::move(handler)), context_(::SSL_CTX_new(::TLS_server_method())), wake_(::eventfd(0, EFD_CLOEXEC)) {
    use_pem(context_, identity);
    if (!client_ca.empty()) ask_for_certificates(context_, client_ca);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Impl() {
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) != sizeof one) std::abort();
    thread_.join();
    ::close(listener_);
    ::close(wake_);
    ::SSL_CTX_free(context_);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::vector<TlsRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    sigset_t broken;
    ::sigemptyset(&broken);
    ::sigaddset(&broken, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken, nullptr);
    for (;;) {
      pollfd ready[2] = {{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
      (void)::poll(ready, 2, -1);
      if (ready[1].revents != 0) return;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      const timeval ten_seconds{.tv_sec = 10, .tv_usec = 0};
      ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &ten_seconds, sizeof ten_seconds);
      ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &ten_seconds, sizeof ten_seconds);
      SSL* tls = ::SSL_new(context_);
      ::SSL_set_fd(tls, client);
      if (::SSL_accept(tls) == 1) answer(tls);
      ::SSL_shutdown(tls);
      ::SSL_free(tls);
      ::close(client);
    }
  }

  void answer(SSL* tls) {
    TlsRequest request;
    if (!read_request(tls, request)) return;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    handler_(request, [tls](std::string_view bytes) {
      return ::SSL_write(tls, bytes.data(), static_cast<int>(bytes.size())) > 0;
    });
  }

  Handler handler_;
  SSL_CTX* context_;
  int wake_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;  // guards requests_
  std::vector<TlsRequest> requests_;
  std::thread thread_;
};

TlsServer::TlsServer(const TestIdentity& identity, Handler handler, const std::string& client_ca)
    : impl_(std::make_unique<Impl>(identity, std::move(handler), client_ca)) {}
TlsServer::~TlsServer() = default;
std::uint16_t TlsServer::port() const {
  return impl_->port();
}
std::vector<TlsRequest> TlsServer::requests() const {
  return impl_->requests();
}

std::string http_answer(unsigned status, std::string_view body, std::string_view content_type,
                        std::string_view more_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + std::string(content_type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more_headers) + "\r\n" +
         std::string(body);
}

}  // namespace sallyport
