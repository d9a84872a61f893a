// The whole body of an answer, streams included.
#pragma once

#include <string>

#include "controlplane/http/http_message.hpp"

namespace sallyport::controlplane {

// As far as it goes without waiting, at most `most_steps` pieces.
inline std::string drain(HttpResponse& response, unsigned most_steps = 100'000) {
  if (!response.stream) return response.body;
  std::string body, piece;
  while (most_steps-- > 0) {
    piece.clear();
    const auto next = response.stream->next(piece);
    body += piece;
    if (next == BodySource::Next::done || (next == BodySource::Next::wait && piece.empty())) break;
  }
  return body;
}

}  // namespace sallyport::controlplane
