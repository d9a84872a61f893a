// Cycles per packet of each stage, on one thread over in-process cables: the stage functions are called on prepared
// bursts with the TSC read around them. Prints the median over the repetitions; `--json FILE` writes the same.
//
//   pipeline [--repetitions N] [--json FILE]
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/stages/stages.hpp"
#include "perf/bench.hpp"
#include "tests/integration/lab.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::integration;
using namespace sallyport::perf;
using dataplane::Packet;
using dataplane::Worker;

constexpr unsigned burst = 64;
constexpr std::array<std::size_t, 3> inner_sizes = {64, 512, 1420};
constexpr std::array<unsigned, 2> session_counts = {1, 1000};

enum Stage : unsigned { classify, open, look_up, check_source, policy, route, seal, link_headers, stage_count };
constexpr std::array<const char*, stage_count> stage_names = {"classify", "open",  "look up routes", "check source",
                                                              "policy",   "route", "seal",           "link headers"};

struct Measurement {
  const char* direction;
  std::size_t inner_bytes;
  unsigned sessions;
  std::array<double, stage_count> cycles{};  // per packet; 0: the direction has no such stage
  double whole = 0;
};

class Stopwatch {
 public:
  explicit Stopwatch(std::array<std::vector<double>, stage_count>& samples) : samples_(samples) {}
  template <typename Run>
  void time(Stage stage, Run&& run) {
    const std::uint64_t before = rte_rdtsc_precise();
    run();
    samples_[stage].push_back(static_cast<double>(rte_rdtsc_precise() - before) / burst);
  }

 private:
  std::array<std::vector<double>, stage_count>& samples_;
};

class Bench {
 public:
  Bench(unsigned sessions, unsigned repetitions) : repetitions_(repetitions) {
    lab_.connect();
    lab_.set_up();
    for (unsigned i = 0; i < sessions; ++i) {
      peers_.push_back(make_peer(10 + i));
      lab_.add_peer(peers_.back());
      lab_.give_session(peers_.back());
      lab_.settle();
    }
    // Neighbours on both sides get resolved, and everything that was announced is on its way.
    lab_.put_inner(peers_[0], udp_packet(peers_[0].v4, host_, 64));
    lab_.put_packet(lan, udp_packet(host_, peers_[0].v4, 64));
    lab_.settle();
    (void)lab_.sent();
  }

  Measurement inbound(std::size_t inner_bytes) {
    return measure("tunnel to inside", inner_bytes, [&](Stopwatch& watch) {
      receive(wan, [&](WireguardPeer& peer) {
        const Bytes inner = udp_packet(peer.v4, host_, inner_bytes - ip_udp_bytes);
        return udp_packet(peer.endpoint, lab_.gateway_endpoint(IpFamily::v4), peer.seal(inner));
      });
      Worker& worker = lab_.worker();
      watch.time(classify, [&] { dataplane::classify(worker, wan, packets_.data(), burst); });
      watch.time(open, [&] { dataplane::open_wireguard(worker); });
      forward(watch, worker.opened);
      watch.time(link_headers, [&] { dataplane::add_link_headers(worker); });
    });
  }

  Measurement outbound(std::size_t inner_bytes) {
    return measure("inside to tunnel", inner_bytes, [&](Stopwatch& watch) {
      receive(lan, [&](const WireguardPeer& peer) { return udp_packet(host_, peer.v4, inner_bytes - ip_udp_bytes); });
      Worker& worker = lab_.worker();
      watch.time(classify, [&] { dataplane::classify(worker, lan, packets_.data(), burst); });
      forward(watch, worker.plain);
      watch.time(seal, [&] { dataplane::seal_wireguard(worker); });
      watch.time(link_headers, [&] { dataplane::add_link_headers(worker); });
    });
  }

 private:
  static constexpr std::size_t ip_udp_bytes = 28;

  template <typename Make>
  void receive(std::uint8_t port, Make&& make) {
    for (Packet*& packet : packets_) {
      WireguardPeer& peer = peers_[next_peer_++ % peers_.size()];
      const Bytes frame = ethernet(port_mac(port), far_mac(port), type_ipv4, make(peer));
      packet = rte_pktmbuf_alloc(&lab_.gateway->pools().packets());
      std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
    }
    lab_.worker().now_tsc = rte_rdtsc();
  }

  void forward(Stopwatch& watch, dataplane::Batch& packets) {
    Worker& worker = lab_.worker();
    watch.time(look_up, [&] { dataplane::look_up_routes(worker, packets); });
    watch.time(check_source, [&] { dataplane::check_source(worker, packets); });
    watch.time(policy, [&] { dataplane::apply_policy(worker, packets); });
    watch.time(route, [&] { dataplane::route(worker, packets); });
  }

  template <typename Turn>
  Measurement measure(const char* direction, std::size_t inner_bytes, Turn&& turn) {
    Measurement result{
        .direction = direction, .inner_bytes = inner_bytes, .sessions = static_cast<unsigned>(peers_.size())};
    std::array<std::vector<double>, stage_count> samples;
    Stopwatch watch(samples);
    const std::uint64_t sent_before = lab_.counter(Counter::sent);
    for (unsigned i = 0; i < repetitions_; ++i) {
      turn(watch);
      lab_.worker().run_once();  // hands the frames to the cable
      for (const auto& wire : lab_.wires) wire->clear();
    }
    // A figure for packets that were dropped on the way would be worth nothing.
    const std::uint64_t sent = lab_.counter(Counter::sent) - sent_before;
    if (sent < std::uint64_t{repetitions_} * burst) {
      std::fprintf(stderr, "only %llu of %u packets got through: %s\n", static_cast<unsigned long long>(sent),
                   repetitions_ * burst, lab_.drops().c_str());
      std::exit(1);
    }
    for (unsigned stage = 0; stage < stage_count; ++stage) {
      result.cycles[stage] = median(samples[stage]);
      result.whole += result.cycles[stage];
    }
    return result;
  }

  Lab lab_;
  unsigned repetitions_;
  const IpAddress host_ = IpAddress::v4(10, 0, 0, 10);
  std::vector<WireguardPeer> peers_;
  std::size_t next_peer_ = 0;
  std::array<Packet*, burst> packets_{};
};

void print_table(const std::vector<Measurement>& measurements, const char* direction) {
  std::printf("\n%s, cycles per packet (bursts of %u)\n%-16s", direction, burst, "");
  for (const Measurement& m : measurements)
    if (std::string_view(m.direction) == direction)
      std::printf("%8s", (std::to_string(m.inner_bytes) + "/" + (m.sessions == 1 ? "1" : "1k")).c_str());
  std::printf("   inner bytes/sessions\n");
  for (unsigned stage = 0; stage <= stage_count; ++stage) {
    std::printf("%-16s", stage == stage_count ? "all" : stage_names[stage]);
    for (const Measurement& m : measurements) {
      if (std::string_view(m.direction) != direction) continue;
      const double cycles = stage == stage_count ? m.whole : m.cycles[stage];
      if (cycles == 0) {
        std::printf("%8s", "-");
      } else {
        std::printf("%8.0f", cycles);
      }
    }
    std::printf("\n");
  }
}

void write_json(const std::vector<Measurement>& measurements, const std::string& path) {
  std::ofstream file(path);
  file << "{\"tsc_hz\": " << rte_get_tsc_hz() << ", \"burst\": " << burst << ", \"measurements\": [";
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    const Measurement& m = measurements[i];
    file << (i == 0 ? "\n" : ",\n") << "  {\"direction\": \"" << m.direction << "\", \"inner_bytes\": " << m.inner_bytes
         << ", \"sessions\": " << m.sessions << ", \"cycles_per_packet\": {";
    for (unsigned stage = 0; stage < stage_count; ++stage)
      file << '"' << stage_names[stage] << "\": " << m.cycles[stage] << ", ";
    file << "\"all\": " << m.whole << "}}";
  }
  file << "\n]}\n";
}

}  // namespace

int main(int argc, char** argv) {
  unsigned repetitions = 500;
  std::string json;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--repetitions")
      repetitions = static_cast<unsigned>(std::max(1, std::atoi(argv[i + 1])));
    if (std::string_view(argv[i]) == "--json") json = argv[i + 1];
  }
  start_eal_without_privileges();
  std::vector<Measurement> measurements;
  for (const unsigned sessions : session_counts) {
    Bench bench(sessions, repetitions);
    for (const std::size_t size : inner_sizes) {
      measurements.push_back(bench.inbound(size));
      measurements.push_back(bench.outbound(size));
    }
  }
  for (const char* direction : {"tunnel to inside", "inside to tunnel"}) print_table(measurements, direction);
  if (!json.empty()) write_json(measurements, json);
  return 0;
}
