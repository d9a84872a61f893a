// A control plane's socket whose answers a test writes down: METHOD and target -> status and body.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/http/raw_socket.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace sallyport {

class ScriptedGateway {
 public:
  struct Request {
    std::string line, body;  // "GET /v1/pins"
  };

  ScriptedGateway() : listener_(RawSocket::listen_unix(socket())), thread_([this] { serve(); }) {}
  ~ScriptedGateway() {
    stopping_ = true;
    (void)RawSocket::connect_unix(socket());  // wakes it
    thread_.join();
  }
  ScriptedGateway(const ScriptedGateway&) = delete;
  ScriptedGateway& operator=(const ScriptedGateway&) = delete;

  void answer(const std::string& line, std::string body, unsigned status = 200) {
    const std::lock_guard lock(mutex_);
    answers_[line] = {status, std::move(body)};
  }
  [[nodiscard]] Request last() const {
    const std::lock_guard lock(mutex_);
    return requests_.empty() ? Request{} : requests_.back();
  }
  [[nodiscard]] std::string socket() const { return folder_.file("control.sock"); }

 private:
  void serve() {
    for (;;) {
      const RawSocket client = listener_.accept();
      if (stopping_) return;
      if (client.is_open()) serve(client);
    }
  }
  void serve(const RawSocket& client) {
    std::string text = client.receive_until("\r\n\r\n");
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos) return;
    const std::size_t length_at = text.find("Content-Length: ");
    const std::size_t length = length_at == std::string::npos ? 0 : std::stoul(text.substr(length_at + 16));
    while (text.size() < head + 4 + length) {
      const std::string piece = client.receive();
      if (piece.empty()) return;
      text += piece;
    }
    const Request request{text.substr(0, text.find(" HTTP/")), text.substr(head + 4)};
    std::pair<unsigned, std::string> answer = {404, R"({"error":"no such thing"})"};
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (const auto found = answers_.find(request.line); found != answers_.end()) answer = found->second;
    }
    client.send("HTTP/1.1 " + std::to_string(answer.first) +
                " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(answer.second.size()) +
                "\r\n\r\n" + answer.second);
  }

  TemporaryFolder folder_;
  RawSocket listener_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, std::pair<unsigned, std::string>> answers_;
  std::vector<Request> requests_;
  std::thread thread_;
};

}  // namespace sallyport
