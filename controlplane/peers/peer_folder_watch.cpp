#include "controlplane/peers/peer_folder_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "config/base/log.hpp"
#include "controlplane/runtime/loop_timer.hpp"

namespace sallyport::controlplane {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t folder_events =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t parent_events = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR;
constexpr int no_watch = -1;
// Events of one turn of the loop; the rest comes with the next.
constexpr unsigned reads_per_turn = 16;

}  // namespace

struct PeerFolderWatch::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& loop, std::filesystem::path path, OnChanged tell_changed, OnRescan tell_rescan)
      : folder(std::move(path)),
        descriptor(loop),
        on_changed(std::move(tell_changed)),
        on_rescan(std::move(tell_rescan)),
        batch_timer(loop, [this] { flush(); }),
        rescan_timer(loop, [this] {
          rescan_wanted = true;
          flush();
          rescan_timer.fire_after(rescan_interval);
        }) {}

  void start() {
    const int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (inotify < 0)
      log_warning("peers.d is not watched",
                  {{"error", std::strerror(errno)}, {"consequence", "changes are seen within seconds"}});
    else
      descriptor.assign(inotify);
    (void)watch();
    wait();
    rescan_timer.fire_after(rescan_interval);
  }

  void stop() {
    on_changed = nullptr;
    on_rescan = nullptr;
    batch_timer.cancel();
    rescan_timer.cancel();
    boost::system::error_code ignored;
    descriptor.close(ignored);
  }

  void wait() {
    if (!descriptor.is_open()) return;
    descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& error) {
                            if (error || !self->on_changed) return;
                            self->take_events();
                            self->wait();
                          });
  }

  // Watches what is at the paths now; true if the folder is another one than before. The same folder again keeps its
  // number.
  bool watch() {
    if (!descriptor.is_open()) return false;
    const int inotify = descriptor.native_handle();
    parent_watch = inotify_add_watch(inotify, folder.parent_path().c_str(), parent_events);
    const int now = inotify_add_watch(inotify, folder.c_str(), folder_events);
    if (now == folder_watch) return false;
    if (folder_watch != no_watch) inotify_rm_watch(inotify, folder_watch);
    folder_watch = now;
    return true;
  }

  void take_events() {
    alignas(inotify_event) std::array<char, 65536> buffer;
    for (unsigned reads = 0; reads < reads_per_turn; ++reads) {
      const ssize_t got = read(descriptor.native_handle(), buffer.data(), buffer.size());
      if (got <= 0) return;
      for (ssize_t at = 0; at < got;) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + at, sizeof event);
        on_event(event, event.len == 0 ? "" : buffer.data() + at + sizeof event);
        at += static_cast<ssize_t>(sizeof event + event.len);
      }
    }
  }

  void on_event(const inotify_event& event, const std::string& name) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      rescan_wanted = true;
    } else if (event.wd == folder_watch) {
      if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
        if ((event.mask & IN_IGNORED) != 0) folder_watch = no_watch;
        watch_wanted = true;
      } else if (name.starts_with("..")) {
        rescan_wanted = true;  // how a mounted ConfigMap exchanges all of its files at once
      } else if (event.mask == IN_CREATE) {
        created.try_emplace(name, Clock::now() + created_wait);
      } else {
        created.erase(name);
        changed.insert(name);
      }
    } else if (event.wd == parent_watch && name == folder.filename().string()) {
      watch_wanted = true;
    } else {
      return;
    }
    if (!batch_timer.armed()) batch_timer.fire_after(batch_interval);
  }

  void flush() {
    if (!on_changed) return;
    if (std::exchange(watch_wanted, false) || rescan_wanted || folder_watch == no_watch) rescan_wanted |= watch();
    const Clock::time_point now = Clock::now();
    for (auto entry = created.begin(); entry != created.end();) {
      if (entry->second > now) {
        ++entry;
        continue;
      }
      changed.insert(entry->first);
      entry = created.erase(entry);
    }
    if (!created.empty()) batch_timer.fire_after(created_wait);
    const std::set<std::string> names = std::exchange(changed, {});
    if (std::exchange(rescan_wanted, false))
      on_rescan();
    else if (!names.empty())
      on_changed(names);
    // A folder that went: what was in it is gone.
    if (was_there && folder_watch == no_watch && on_rescan) on_rescan();
    was_there = folder_watch != no_watch;
  }

  const std::filesystem::path folder;
  boost::asio::posix::stream_descriptor descriptor;
  OnChanged on_changed;
  OnRescan on_rescan;
  LoopTimer batch_timer;
  LoopTimer rescan_timer;
  int folder_watch = no_watch;
  int parent_watch = no_watch;
  bool was_there = false;
  bool watch_wanted = false;
  bool rescan_wanted = false;
  std::set<std::string> changed;
  std::map<std::string, Clock::time_point> created;
};

PeerFolderWatch::PeerFolderWatch(boost::asio::io_context& loop, std::filesystem::path folder, OnChanged on_changed,
                                 OnRescan on_rescan)
    : impl_(std::make_shared<Impl>(loop, std::move(folder), std::move(on_changed), std::move(on_rescan))) {}

PeerFolderWatch::~PeerFolderWatch() {
  impl_->stop();
}

void PeerFolderWatch::start() {
  impl_->start();
}

}  // namespace sallyport::controlplane
