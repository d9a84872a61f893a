// What a policy costs, by its size: cycles per packet of the policy stage and of the whole pipeline for packets of a
// known flow and for packets that open one, the time to compile and to publish an image, and its memory. One gateway
// with 10,000 peers for all of them; only the image changes. Rounds of all images take turns, so that a busy machine
// falls upon all alike.
//
//   policy [--repetitions N] [--rounds N] [--images abcd] [--traffic 012]
#include <malloc.h>
#include <rte_cycles.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/check.hpp"
#include "config/base/clock.hpp"
#include "dataplane/io/memory.hpp"
#include "dataplane/stages/stages.hpp"
#include "perf/bench.hpp"
#include "perf/policy_images.hpp"
#include "tests/integration/lab.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::integration;
using namespace sallyport::perf;
using dataplane::Packet;

constexpr unsigned burst = 64;
constexpr unsigned many_flows = 4096;
constexpr std::uint32_t max_flows = 262'144;
constexpr std::size_t inner_bytes = 64, ip_udp_bytes = 28;

std::size_t resident_bytes() {
  malloc_trim(0);
  std::size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// --- the gateway ---

enum Traffic : unsigned { one_flow, several_flows, new_flows, traffic_count };
constexpr std::array<const char*, traffic_count> traffic_names = {"known, 1 flow", "known, 4k flows", "new flows"};

struct Samples {
  std::vector<double> policy, whole;
};

class Bench {
 public:
  Bench()
      : lab_({.max_peers = identities + 64, .max_sessions = 2048, .adjust = [](config::Config& configuration) {
                configuration.dataplane.max_classes = policy_classes_max;
                configuration.dataplane.max_flows = max_flows;
              }}) {
    lab_.connect();
    lab_.set_up();
    for (std::uint32_t i = 0; i < identities; ++i) {
      lab_.add_peer(make_peer(first_peer_id + i));
      if (i % 256 == 255) lab_.settle();
    }
    lab_.control->push(abi::SetRoute{.prefix = *IpPrefix::parse("10.16.0.0/12"),
                                     .route_kind = abi::RouteKind::via,
                                     .via = IpAddress::v4(10, 0, 0, 10)});
    begin_session();
    receive(one_flow);
    turn();
    (void)lab_.sent();
  }

  // Milliseconds from the first command to the commit.
  double put(PolicyImage& image) {
    const std::uint64_t number = lab_.next_image();
    for (abi::Command& command : image.commands) std::memcpy(command.payload.data(), &number, sizeof number);
    const auto start = std::chrono::steady_clock::now();
    for (abi::Command& command : image.commands) {
      command.header.sequence = lab_.control->next_sequence();
      while (lab_.control->push_slot(command) == 0) lab_.gateway->housekeeping().run_once();
    }
    const auto& header = lab_.gateway->statistics().header();
    while (header.applied_sequence.load() + 1 != lab_.control->next_sequence()) lab_.gateway->housekeeping().run_once();
    const double took_ms = ms_since(start);
    SP_CHECK(header.policy_image.load() == number && lab_.control->events_of<abi::CommandRefused>().empty());
    return took_ms;
  }

  void measure(Traffic traffic, unsigned repetitions, Samples& samples) {
    begin_session();
    next_flow_ = 0;
    // The caches know the path, and known flows are known.
    const unsigned warm_up = traffic == several_flows ? many_flows / burst : 8;
    const std::uint64_t sent_before = lab_.counter(Counter::sent);
    for (unsigned i = 0; i < warm_up + repetitions; ++i) {
      receive(traffic);
      double policy_cycles = 0;
      const double whole_cycles = run(policy_cycles);
      turn();
      if (i < warm_up) continue;
      samples.policy.push_back(policy_cycles);
      samples.whole.push_back(whole_cycles);
    }
    // A figure for packets that were dropped on the way would be worth nothing.
    const std::uint64_t sent = lab_.counter(Counter::sent) - sent_before;
    if (sent < std::uint64_t{warm_up + repetitions} * burst) {
      std::fprintf(stderr, "only %llu packets got through: %s\n", static_cast<unsigned long long>(sent),
                   lab_.drops().c_str());
      std::exit(1);
    }
    end_flows();
  }

 private:
  void begin_session() {
    lab_.give_session(sender_);
    lab_.settle();
  }

  void receive(Traffic traffic) {
    for (Packet*& packet : packets_) {
      const std::uint32_t flow = traffic == one_flow        ? 0
                                 : traffic == several_flows ? next_flow_++ % many_flows
                                                            : next_flow_++;
      const IpEndpoint from{.address = sender_.v4, .port = static_cast<std::uint16_t>(1024 + flow % 32768)};
      const IpEndpoint to{.address = IpAddress::v4(10, 16, 0, 5),
                          .port = static_cast<std::uint16_t>(5000 + flow / 32768)};
      const Bytes inner = udp_packet(from, to, Bytes(inner_bytes - ip_udp_bytes));
      const Bytes frame =
          ethernet(port_mac(wan), far_mac(wan), type_ipv4,
                   udp_packet(sender_.endpoint, lab_.gateway_endpoint(IpFamily::v4), sender_.seal(inner)));
      packet = rte_pktmbuf_alloc(&lab_.gateway->pools().packets());
      std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
    }
    lab_.worker().now_tsc = rte_rdtsc();
  }

  // Cycles per packet.
  double run(double& policy_cycles) {
    dataplane::Worker& worker = lab_.worker();
    const std::uint64_t begin = rte_rdtsc_precise();
    dataplane::classify(worker, wan, packets_.data(), burst);
    dataplane::open_wireguard(worker);
    dataplane::look_up_routes(worker, worker.opened);
    dataplane::check_source(worker, worker.opened);
    const std::uint64_t before = rte_rdtsc_precise();
    dataplane::apply_policy(worker, worker.opened);
    policy_cycles = static_cast<double>(rte_rdtsc_precise() - before) / burst;
    dataplane::route(worker, worker.opened);
    dataplane::add_link_headers(worker);
    return static_cast<double>(rte_rdtsc_precise() - begin) / burst;
  }

  // Hands the frames to the cable; housekeeping fills the worker's ring of free entries.
  void turn() {
    lab_.worker().run_once();
    lab_.gateway->housekeeping().run_once();
    for (const auto& wire : lab_.wires) wire->clear();
  }

  void end_flows() {
    dataplane::FlowTable& flows = lab_.gateway->tables().flows;
    for (std::uint32_t number = 0; number < flows.high_water(); ++number)
      flows.entry(number).end.store(abi::FlowEnd::closed, std::memory_order_relaxed);
    for (unsigned i = 0; flows.live() != 0 && i < 1000; ++i) lab_.advance(100 * millisecond_ns);
    SP_CHECK(flows.live() == 0);
  }

  Lab lab_;
  WireguardPeer sender_ = make_peer(first_peer_id);
  std::uint32_t next_flow_ = 0;
  std::array<Packet*, burst> packets_{};
};

void print_row(const std::string& title, const std::vector<double>& values, const std::vector<PolicySize>& of,
               int digits) {
  std::printf("%-28s", title.c_str());
  double b = 0, c = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::printf("%12.*f", digits, values[i]);
    if (of[i].letter == 'b') b = values[i];
    if (of[i].letter == 'c') c = values[i];
  }
  if (b != 0 && c != 0) std::printf("%12.2f", c / b);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  unsigned repetitions = 300, rounds = 5;  // at most 2,000: new flows must not reach the quota
  std::string letters = "abcd", wanted = "012";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--repetitions") repetitions = static_cast<unsigned>(std::atoi(argv[i + 1]));
    if (std::string_view(argv[i]) == "--rounds") rounds = static_cast<unsigned>(std::atoi(argv[i + 1]));
    if (std::string_view(argv[i]) == "--images") letters = argv[i + 1];
    if (std::string_view(argv[i]) == "--traffic") wanted = argv[i + 1];
  }
  start_eal_without_privileges();
  std::vector<PolicySize> chosen;
  for (const PolicySize& size : policy_sizes)
    if (letters.find(size.letter) != std::string::npos) chosen.push_back(size);
  std::vector<PolicyImage> images;
  for (const PolicySize& size : chosen) images.push_back(compile_policy(size));
  Bench bench;
  PolicyImage nothing = compile_policy(policy_sizes[0]);

  const std::size_t count = chosen.size();
  std::vector<std::array<Samples, traffic_count>> samples(count);
  std::vector<double> compile_ms(count), publish_ms(count), megabytes(count), commands(count);
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      bench.put(nothing);
      const std::size_t before = resident_bytes();
      publish_ms[i] = bench.put(images[i]);
      if (round == 0) megabytes[i] = (static_cast<double>(resident_bytes()) - static_cast<double>(before)) / (1 << 20);
      compile_ms[i] = images[i].compile_ms;
      commands[i] = static_cast<double>(images[i].commands.size());
      for (unsigned traffic = 0; traffic < traffic_count; ++traffic)
        if (wanted.find(static_cast<char>('0' + traffic)) != std::string::npos)
          bench.measure(static_cast<Traffic>(traffic), repetitions, samples[i][traffic]);
    }
  }

  std::printf("%-28s", "cycles per packet");
  for (const PolicySize& size : chosen) std::printf("%12s", size.name);
  std::printf("%12s\n", "1k / 1");
  for (unsigned traffic = 0; traffic < traffic_count; ++traffic) {
    std::vector<double> policy(count), whole(count);
    for (std::size_t i = 0; i < count; ++i) {
      policy[i] = median(samples[i][traffic].policy);
      whole[i] = median(samples[i][traffic].whole);
    }
    if (wanted.find(static_cast<char>('0' + traffic)) == std::string::npos) continue;
    print_row(std::string(traffic_names[traffic]) + ": policy", policy, chosen, 0);
    print_row("    whole pipeline", whole, chosen, 0);
  }
  print_row("commands", commands, chosen, 0);
  print_row("compile ms", compile_ms, chosen, 1);
  print_row("publish ms", publish_ms, chosen, 1);
  print_row("image MiB (resident)", megabytes, chosen, 1);
  const dataplane::FlowLimits limits{
      .max_flows = max_flows, .workers = 1, .max_identities = identities + 64 + dataplane::inside_flow_identities};
  std::printf("flow table of %u flows: %.1f MiB\n", max_flows, static_cast<double>(limits.bytes()) / (1 << 20));
  return 0;
}
