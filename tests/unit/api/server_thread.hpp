// An event loop in a thread of its own, with the admin server and its backend on it: what a client in the test's thread
// talks to. The backend is touched only through on_loop().
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "tests/unit/api/fake_backend.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace sallyport::controlplane {

class ServerThread {
 public:
  ServerThread();
  ~ServerThread();
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;

  [[nodiscard]] std::string socket() const { return folder_.file("control.sock"); }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }
  // Runs on the loop's thread and waits for it.
  void on_loop(const std::function<void(FakeBackend&)>& action);

 private:
  class Impl;
  TemporaryFolder folder_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
