// Watches peers.d/ with inotify, and looks at all of it every few seconds in case the kernel said nothing (network file
// systems, a parent folder that was exchanged). The folder may come, go, or be another one behind the same symbolic
// link. Events are gathered for 20 ms, so that a thousand files are a few batches.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class PeerFolderWatch {
 public:
  using OnChanged = std::function<void(const std::set<std::string>& names)>;
  using OnRescan = std::function<void()>;

  static constexpr std::chrono::milliseconds batch_interval{20};
  // A file that was created and not closed since may be a link, or one that is written slowly.
  static constexpr std::chrono::milliseconds created_wait{200};
  static constexpr std::chrono::seconds rescan_interval{5};

  // Told on the loop: these files may have changed; anything may have.
  PeerFolderWatch(boost::asio::io_context& loop, std::filesystem::path folder, OnChanged on_changed,
                  OnRescan on_rescan);
  ~PeerFolderWatch();
  PeerFolderWatch(const PeerFolderWatch&) = delete;
  PeerFolderWatch& operator=(const PeerFolderWatch&) = delete;

  // The first look at the folder is the caller's, after this.
  void start();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
