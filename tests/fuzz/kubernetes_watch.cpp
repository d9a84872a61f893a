// Bytes as what an API server says, cut at the first zero byte: pages of a list (after a first byte of 'P' cut into
// several at each byte of value 1), then the stream of a watch, handed over in pieces. Whatever it is, the machine ends
// in a state from which it goes on, within its bounds, and every endpoint that it makes of it is one that may be.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "config/base/check.hpp"
#include "controlplane/kubernetes/list_watch.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::controlplane;
using namespace std::chrono_literals;

const std::set<std::string> wanted{"shop/backend", "bank/vault"};

void check_hosts(const std::vector<IpPrefix>& hosts) {
  SP_CHECK(std::is_sorted(hosts.begin(), hosts.end()));
  for (const IpPrefix& host : hosts) {
    SP_CHECK(host.valid() && host.is_host());
    SP_CHECK(!host.address.is_loopback() && !host.address.is_multicast() && !host.address.is_unspecified());
  }
}

void check_slices(const ClusterSlices& cluster) {
  SP_CHECK(cluster.slices.size() <= EndpointSlices::slices_max);
  for (const std::string& service : wanted) {
    const LiveEndpoints live = cluster.slices.endpoints(service);
    check_hosts(live.ready);
    check_hosts(live.draining);
    for (const IpPrefix& host : live.ready)
      SP_CHECK(!std::binary_search(live.draining.begin(), live.draining.end(), host));
  }
}

// Every list that this server is asked for gets the next page; one page at least, even if it is empty.
void answer_lists(ListWatch& watch, std::string_view pages, bool several, ListWatch::Time& now) {
  for (bool more = true; more;) {
    now = std::max(now, *watch.due());
    const auto request = watch.next_request(now);
    SP_CHECK(request.has_value());
    if (request->watch) return;
    const auto cut = several ? pages.find('\1') : std::string_view::npos;
    watch.on_answer(200, pages.substr(0, cut), now);
    more = cut != std::string_view::npos;
    pages.remove_prefix(more ? cut + 1 : pages.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool several = text.starts_with('P');
  if (several) text.remove_prefix(1);
  const auto cut = text.find('\0');
  const std::string_view stream = cut == std::string_view::npos ? std::string_view() : text.substr(cut + 1);

  ClusterSlices cluster{.wanted = wanted};
  ListWatch::Time now{1s};
  ListWatch watch(size % 2 == 0 ? "" : "shop", cluster, WatchTiming::of(5s), {Backoff(1), now});
  answer_lists(watch, text.substr(0, cut), several, now);
  check_slices(cluster);
  if (!watch.under_way()) {
    // The pages were none: a good list, so that the stream is read in any case.
    now = std::max(now, *watch.due());
    if (!watch.next_request(now)->watch) {
      watch.on_answer(200, R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":[]})", now);
      now += 1s;
      SP_CHECK(watch.next_request(now)->watch);
    }
  }
  watch.on_open(now);
  const std::size_t piece = size % 61 + 1;
  for (std::size_t at = 0; at < stream.size(); at += piece) watch.on_piece(stream.substr(at, piece), now);
  watch.on_end("", now);
  check_slices(cluster);
  SP_CHECK(!watch.under_way() && watch.due().has_value());
  SP_CHECK(watch.next_request(*watch.due()).has_value());
  return 0;
}
