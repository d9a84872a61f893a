#include "dataplane/io/dpdk_log.hpp"

#include <rte_log.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string_view>

#include "config/base/log.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::size_t kept_lines = 4;
constexpr std::size_t longest_line = 512;

// Said by memif and TAP without multi-process support, by AF_XDP without a BPF file system and by TAP without multiq.
constexpr std::array<std::string_view, 5> harmless = {"Failed to register mp action", "tap_mp_req_on_rxtx", "bpffs",
                                                      "qdisc", "Disabling rte flow support"};

struct Lines {
  std::mutex mutex;  // drivers may log from any thread; never on the packet path
  std::string partial;
  std::deque<std::string> last;
};

Lines& lines() {
  static Lines all;
  return all;
}

void on_line(Lines& all, const std::string& line) {
  const auto is_in = [&](std::string_view text) { return line.find(text) != std::string::npos; };
  if (line.empty() || std::any_of(harmless.begin(), harmless.end(), is_in)) return;
  log_warning("dpdk", {{"message", line}});
  all.last.push_back(line);
  if (all.last.size() > kept_lines) all.last.pop_front();
}

ssize_t write_log(void*, const char* text, std::size_t length) {
  Lines& all = lines();
  const std::lock_guard guard(all.mutex);
  for (const char c : std::string_view(text, length)) {
    if (c != '\n' && all.partial.size() < longest_line) all.partial += c;
    if (c != '\n') continue;
    on_line(all, all.partial);
    all.partial.clear();
  }
  return static_cast<ssize_t>(length);
}

}  // namespace

void capture_dpdk_log() {
  static FILE* const stream =
      fopencookie(nullptr, "w", {.read = nullptr, .write = write_log, .seek = nullptr, .close = nullptr});
  if (stream == nullptr) return;
  setvbuf(stream, nullptr, _IOLBF, longest_line);
  rte_openlog_stream(stream);
}

std::string take_dpdk_log() {
  Lines& all = lines();
  const std::lock_guard guard(all.mutex);
  std::string joined;
  for (const std::string& line : all.last) joined += (joined.empty() ? "" : "; ") + line;
  all.last.clear();
  return joined;
}

}  // namespace sallyport::dataplane
