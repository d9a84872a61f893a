#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ostream>

#include "config/toml/suggest.hpp"
#include "tools/ctl/capture_output.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

// What an operator may write, and the points of the API that it means.
struct PointWord {
  std::string_view word;
  std::array<std::string_view, 2> points;
};
constexpr std::array point_words = {PointWord{"outer", {"outer_received", "outer_sent"}},
                                    PointWord{"inner", {"inner_received", "inner_sent"}},
                                    PointWord{"received", {"outer_received", "inner_received"}},
                                    PointWord{"sent", {"outer_sent", "inner_sent"}},
                                    PointWord{"outer-received", {"outer_received", ""}},
                                    PointWord{"outer-sent", {"outer_sent", ""}},
                                    PointWord{"inner-received", {"inner_received", ""}},
                                    PointWord{"inner-sent", {"inner_sent", ""}},
                                    PointWord{"dropped", {"dropped", ""}}};

// A message instead, if a word is not known.
tl::expected<Json, std::string> read_points(const std::vector<std::string>& words) {
  Json points = Json::array();
  for (std::string word : words) {
    std::replace(word.begin(), word.end(), '_', '-');
    const auto found = std::find_if(point_words.begin(), point_words.end(),
                                    [&](const PointWord& candidate) { return candidate.word == word; });
    if (found == point_words.end()) {
      std::vector<std::string_view> names;
      for (const PointWord& candidate : point_words) names.push_back(candidate.word);
      return tl::unexpected("--point: there is no point '" + word + "'" + config::did_you_mean(word, names));
    }
    for (const std::string_view point : found->points)
      if (!point.empty() && std::find(points.begin(), points.end(), point) == points.end()) points.push_back(point);
  }
  return points;
}

tl::expected<std::string, std::string> request_body(const Invocation& call, bool pcapng) {
  Json request = {{"format", pcapng ? "pcapng" : "json"}};
  const auto points = read_points(list_option(call, "point"));
  if (!points) return tl::unexpected(points.error());
  if (!points->empty()) request["points"] = *points;
  if (call.has("peer")) request["peer"] = call.text("peer");
  if (call.has("port")) request["port"] = call.text("port");
  if (call.has("drop")) request["drop_reason"] = call.text("drop");
  const auto count = number_option(call, "count", 1, 100'000'000);
  const auto snap = number_option(call, "snap", 1, 2000);
  if (!count || !snap) return tl::unexpected(count ? snap.error() : count.error());
  if (*count) request["max_packets"] = **count;
  if (*snap) request["snap_bytes"] = **snap;
  return to_text(request);
}

// A file for packets, which hold what tunnels hide: a new one, for its owner alone. A file of that name goes first,
// since others may read it or have it open; what is no plain file, a symbolic link for one, is not ours to write
// through.
class PacketFile {
 public:
  explicit PacketFile(const std::string& path) {
    struct ::stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) (void)::unlink(path.c_str());
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  }
  ~PacketFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  PacketFile(const PacketFile&) = delete;
  PacketFile& operator=(const PacketFile&) = delete;
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  [[nodiscard]] bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

 private:
  int descriptor_ = -1;
};

ExitCode finish(const Invocation& call, const tl::expected<HttpAnswer, TransportError>& answer, std::uint64_t packets,
                const std::string& trouble) {
  call.terminal.out.flush();
  if (!answer) return report(call, answer.error());
  if (answer->status != 200) return report_refusal(call, *answer);
  call.terminal.err << packets << (packets == 1 ? " packet" : " packets") << '\n';
  if (trouble.empty()) return ExitCode::success;
  call.terminal.err << "sallyctl capture: " << trouble << '\n';
  return ExitCode::failed;
}

ExitCode capture_lines(const Invocation& call, const std::string& body) {
  PacketLines lines(call.terminal.out, call.json);
  std::string trouble;
  const auto answer = http_stream(call.socket, "POST", "/v1/capture", body, [&](std::string_view piece) {
    if (lines.feed(piece)) return true;
    trouble = "the answer makes no sense, or the output is gone";
    return false;
  });
  return finish(call, answer, lines.packets(), trouble);
}

ExitCode capture_file(const Invocation& call, const std::string& body, const std::string& path) {
  const bool to_output = path == "-";
  if (to_output && call.terminal.out_is_terminal)
    return usage_error(call.terminal, "capture", "pcapng is not for a terminal: write to a file or a pipe");
  std::optional<PacketFile> file;
  PcapngCounter counter;
  std::string trouble;
  // Made when the gateway has agreed, so that a refusal leaves the file of the last capture alone.
  const auto answer = http_stream(call.socket, "POST", "/v1/capture", body, [&](std::string_view piece) {
    if (!to_output && !file) file.emplace(path);
    if (!to_output && (!file->is_open() || !file->write(piece)))
      trouble = "cannot write " + printable(path) + ": " + std::strerror(errno);
    else if (to_output && !call.terminal.out.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush())
      trouble = "cannot write the output";
    else if (!counter.feed(piece))
      trouble = "the answer is not pcapng";
    return trouble.empty();
  });
  return finish(call, answer, counter.packets(), trouble);
}

ExitCode run_capture(const Invocation& call) {
  const bool to_file = call.has("write");
  if (to_file && call.json) return usage_error(call.terminal, "capture", "--json and --write exclude each other");
  const auto body = request_body(call, to_file);
  if (!body) return usage_error(call.terminal, "capture", body.error());
  return to_file ? capture_file(call, *body, call.text("write")) : capture_lines(call, *body);
}

void capture_options(AddOptions add) {
  add("point,p", words("P"),
      "where to look; several are possible: outer, inner, received, sent, outer-received, outer-sent, inner-received, "
      "inner-sent, dropped. Default: everywhere but dropped");
  add("peer", word("NAME"), "only packets of this peer");
  add("port", word("NAME"), "only packets of this port");
  add("drop,d", word("REASON"), "only packets dropped for this reason ('sallyctl counters --all' lists them), or any");
  add("count,c", word("N"), "end after so many packets; default 10000");
  add("snap,s", word("N"), "bytes of each packet, at most 2000");
  add("write,w", word("FILE"), "write pcapng to this file, or to the output (-)");
}

}  // namespace

std::span<const Command> capture_commands() {
  static constexpr std::array list = {
      Command{
          "capture", "", 0, 0, "Packets as they pass or fall, for people or as pcapng",
          "Outer packets are what is on the wire, inner ones what tunnels carry: they are readable, so a file is made "
          "for\n"
          "its owner alone. In pcapng each packet's comment says the point, the port, the peer and the drop reason. "
          "The\n"
          "gateway never waits for a capture; what it could not copy is counted. One capture runs at a time.",
          "  sallyctl capture --peer ann-laptop --point inner\n  sallyctl capture --drop any --count 20\n"
          "  sallyctl capture --port wan -w wan.pcapng\n  sallyctl capture -w - | tshark -r -",
          capture_options, run_capture},
  };
  return list;
}

}  // namespace sallyport::ctl
