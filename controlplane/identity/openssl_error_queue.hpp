// OpenSSL keeps the errors of a thread until somebody asks. A TLS connection on the same thread would take ours for its
// own, so whoever calls OpenSSL on hostile input leaves the queue empty.
#pragma once

#include <openssl/err.h>

namespace sallyport::controlplane {

struct CleanErrorQueue {
  CleanErrorQueue() { ERR_clear_error(); }
  ~CleanErrorQueue() { ERR_clear_error(); }
  CleanErrorQueue(const CleanErrorQueue&) = delete;
  CleanErrorQueue& operator=(const CleanErrorQueue&) = delete;
};

}  // namespace sallyport::controlplane
