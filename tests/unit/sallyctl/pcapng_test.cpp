#include "controlplane/api/pcapng.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "controlplane/api/capture.hpp"
#include "tests/unit/api/drain.hpp"
#include "tests/unit/api/fake_backend.hpp"
#include "tests/unit/temporary_folder.hpp"
#include "tools/ctl/capture_output.hpp"

namespace sallyport::controlplane::pcapng_test {
namespace {

// IPv4, 10.8.0.2 to 10.0.0.10, ICMP echo request without data. RFC 791, 792.
constexpr std::string_view echo_request(
    "\x45\x00\x00\x1c\x00\x01\x00\x00\x40\x01\x66\xd5\x0a\x08\x00\x02\x0a\x00\x00\x0a\x08\x00\xf7\xfd\x00\x01\x00\x01",
    28);

// What a program makes of a file; nothing when it is not installed.
std::optional<std::string> output_of(const std::string& program, const std::string& command) {
  if (std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) != 0) return std::nullopt;
  std::string output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, got);
  EXPECT_EQ(::pclose(pipe), 0) << output;
  return output;
}

// A capture of three packets: inner sent, dropped, and one with an Ethernet header.
std::string sample_capture() {
  FakeBackend backend;
  CaptureRequest request;
  request.command.snap_bytes = 2000;
  const RequestTime time{.boottime_ns = FakeBackend::now_ns, .wall_ns = 1'700'000'001'123'456'789};
  HttpResponse response;
  response.stream = std::move(*start_capture(request, backend, time));
  auto packet = FakeBackend::packet(abi::CapturePoint::inner_sent, echo_request);
  packet.peer_id = 0;
  packet.port_index = 1;
  backend.capture_sink(packet);
  packet.point = abi::CapturePoint::dropped;
  packet.drop_reason = abi::DropReason::foreign_source;
  packet.original_bytes = 1400;
  backend.capture_sink(packet);
  auto frame = FakeBackend::packet(
      abi::CapturePoint::outer_received,
      std::string("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00", 14) + std::string(echo_request));
  frame.link_type = 0;
  frame.peer_id = abi::no_peer;
  backend.capture_sink(frame);
  backend.capture_end();
  return drain(response);
}

std::string written_to(const TemporaryFolder& folder, const std::string& bytes) {
  const std::string path = folder.file("capture.pcapng");
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

TEST(Pcapng, IsReadByTshark) {
  const TemporaryFolder folder;
  const std::string path = written_to(folder, sample_capture());
  const auto fields = output_of("tshark", "tshark -r " + path +
                                              " -T fields -E separator='|' -e frame.time_epoch -e frame.interface_name "
                                              "-e frame.len -e ip.src -e frame.comment");
  if (!fields && std::getenv("CI") != nullptr) FAIL() << "tshark is not installed";
  if (!fields) GTEST_SKIP() << "tshark is not installed";
  EXPECT_NE(fields->find("1700000000.123456789|lan (inner)|28|10.8.0.2|point=inner_sent port=lan peer=ann-laptop\n"),
            std::string::npos)
      << *fields;
  EXPECT_NE(fields->find("|1400|10.8.0.2|point=dropped port=lan peer=ann-laptop drop=foreign_source\n"),
            std::string::npos)
      << *fields;
  EXPECT_NE(fields->find("|wan|42|10.8.0.2|point=outer_received port=wan\n"), std::string::npos) << *fields;
}

TEST(Pcapng, IsReadByTcpdumpWhenAllPacketsHaveOneLinkType) {
  const TemporaryFolder folder;
  std::string bytes;
  append_section_header(bytes, "test");
  append_interface(bytes, LinkType::raw_ip, 2000, "inner");
  const std::span data(reinterpret_cast<const std::uint8_t*>(echo_request.data()), echo_request.size());
  append_packet(bytes, {.wall_ns = 1, .original_bytes = 28, .data = data, .lost_before = 3, .comment = "a comment"});
  const auto text = output_of("tcpdump", "tcpdump -nr " + written_to(folder, bytes));
  if (!text && std::getenv("CI") != nullptr) FAIL() << "tcpdump is not installed";
  if (!text) GTEST_SKIP() << "tcpdump is not installed";
  EXPECT_NE(text->find("10.8.0.2 > 10.0.0.10: ICMP echo request"), std::string::npos) << *text;
}

TEST(Pcapng, BlocksAreCountedHoweverTheyAreCut) {
  const std::string bytes = sample_capture();
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{100}, bytes.size()}) {
    ctl::PcapngCounter counter;
    for (std::size_t at = 0; at < bytes.size(); at += size)
      EXPECT_TRUE(counter.feed(std::string_view(bytes).substr(at, size)));
    EXPECT_EQ(counter.packets(), 3U);
    EXPECT_TRUE(counter.complete());
  }
  EXPECT_FALSE(ctl::PcapngCounter().feed("HTTP is not a block type"));
}

TEST(Pcapng, CutsTextsThatDoNotFitAnOption) {
  std::string bytes;
  append_section_header(bytes, std::string(100'000, 'x'));
  EXPECT_LT(bytes.size(), 2000U);
}

}  // namespace
}  // namespace sallyport::controlplane::pcapng_test
