// The admin API on arbitrary bytes: as a whole HTTP request, or, after a first byte of 'M', as METHOD TARGET\nBODY, so
// that the fuzzer reaches the routes without making HTTP first. Whatever answer comes is made to its end.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "controlplane/api/admin_api.hpp"
#include "controlplane/http/http_server.hpp"
#include "tests/unit/api/drain.hpp"
#include "tests/unit/api/fake_backend.hpp"
#include "tools/ctl/capture_output.hpp"
#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/packet_summary.hpp"

namespace {

using namespace sallyport::controlplane;
namespace abi = sallyport::abi;

constexpr HttpLimits limits{.header_bytes = 4096, .body_bytes = 16 * 1024};

HttpRequest plain_request(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::string_view method = line.substr(0, line.find(' '));
  const std::string_view target = method.size() < line.size() ? line.substr(method.size() + 1) : std::string_view();
  const std::string_view body = line.size() < text.size() ? text.substr(line.size() + 1) : std::string_view();
  return {std::string(method), std::string(target), std::string(body)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::optional<FakeBackend> kept;
  if (!kept) kept.emplace();
  FakeBackend& backend = *kept;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  HttpRequest request;
  if (text.starts_with('M')) {
    request = plain_request(text.substr(1));
  } else if (auto parsed = parse_http_request(text, limits)) {
    request = std::move(*parsed);
    const auto is_plain = [](char c) { return c != ';' && (c < 'A' || c > 'Z'); };
    if (!std::all_of(request.content_type.begin(), request.content_type.end(), is_plain)) std::abort();
    if (request.authorization.find_first_of("\r\n") != std::string::npos) std::abort();
  } else {
    return 0;
  }
  HttpResponse response =
      handle_admin_request(request, backend, {.boottime_ns = FakeBackend::now_ns, .wall_ns = FakeBackend::now_ns});
  if (backend.capture) {
    // A packet whose bytes are the input, and whose every field may lie.
    auto packet = FakeBackend::packet(abi::CapturePoint::dropped, text.substr(0, abi::capture_snap_bytes));
    packet.port_index = size > 0 ? data[size - 1] : 0;
    packet.drop_reason = static_cast<abi::DropReason>(packet.port_index);
    packet.captured_bytes = static_cast<std::uint16_t>(size * 7);
    backend.capture_sink(packet);
  }
  if (backend.listing) {
    // A flow whose every field may lie, and both ends that a listing can have.
    abi::FlowRecord flow{};
    std::memcpy(static_cast<void*>(&flow), data, std::min(size, sizeof flow));
    backend.flow_sink(flow);
    if (size % 2 == 0) backend.flow_end(true);
    if (size % 2 != 0) backend.flow_end(tl::unexpected(std::string("the dataplane went away")));
    backend.listing.reset();
  }
  const std::string answer = drain(response);
  const bool is_json = response.content_type == "application/json";
  if (is_json && !sallyport::ctl::parse_json(answer)) std::abort();
  if (response.content_type == "application/x-pcapng") {
    sallyport::ctl::PcapngCounter counter;
    if (!counter.feed(answer) || !counter.complete()) std::abort();
  }
  response = {};
  // An input must not change what the next one finds.
  if (backend.version.generation != 1 || !backend.live_endpoints.empty() || !backend.revocation_list.empty() ||
      !backend.key_list.empty())
    kept.emplace();
  (void)sallyport::ctl::packet_summary({data, size}, size % 2 == 0);
  return 0;
}
