// Connections over TLS.
#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "controlplane/http/http_exchange.hpp"
#include "controlplane/https/tls_server_context.hpp"

namespace sallyport::controlplane {
namespace {

using TlsBytes = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

class TlsStream {
 public:
  TlsStream(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& context)
      : address_(client_address(socket)), bytes_(std::make_unique<TlsBytes>(std::move(socket), context)) {}

  TlsBytes& bytes() { return *bytes_; }
  boost::asio::ip::tcp::socket& socket() { return bytes_->next_layer(); }

  template <typename Handler>
  void open(Handler&& handler) {
    bytes_->async_handshake(boost::asio::ssl::stream_base::server, std::forward<Handler>(handler));
  }
  // close_notify, and the client's. An error means that there is nobody to tell.
  template <typename Handler>
  void end(Handler&& handler) {
    bytes_->async_shutdown(
        [handler = std::forward<Handler>(handler)](const boost::system::error_code&) mutable { handler(); });
  }
  void describe(HttpRequest& request) {
    request.address = address_;
    SSL* tls = bytes_->native_handle();
    if (const char* group = SSL_group_to_name(tls, static_cast<int>(SSL_get_negotiated_group(tls))))
      request.key_exchange = group;
    add_certificate(request, SSL_get0_peer_certificate(bytes_->native_handle()));
    // Of a server's connection the chain comes without the leaf.
    const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(bytes_->native_handle());
    for (int i = 0; i < sk_X509_num(chain); ++i) add_certificate(request, sk_X509_value(chain, i));
  }

 private:
  static void add_certificate(HttpRequest& request, const X509* certificate) {
    if (certificate == nullptr) return;
    unsigned char* der = nullptr;
    const int length = i2d_X509(certificate, &der);
    if (length > 0) request.certificates.emplace_back(der, der + length);
    OPENSSL_free(der);
  }

  IpAddress address_;
  std::unique_ptr<TlsBytes> bytes_;
};

}  // namespace

std::shared_ptr<HttpConnection> make_tls_connection(boost::asio::ip::tcp::socket socket,
                                                    std::shared_ptr<HttpConnectionOwner> owner,
                                                    const TlsServerContext& context) {
  try {
    SSL_CTX_up_ref(context.native());
    boost::asio::ssl::context counted(context.native());  // takes that reference
    return std::make_shared<HttpExchange<TlsStream>>(TlsStream(std::move(socket), counted), std::move(owner));
  } catch (const std::exception&) { return nullptr; }
}

}  // namespace sallyport::controlplane
