#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <map>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint32_t default_top = 20;

// The counters of one moment, by name.
struct Sample {
  Clock::time_point at;
  std::map<std::string, Json> peers;
  std::map<std::string, Json> ports;
  Json drops = Json::object();  // reason -> total
};

// Rates of one row between two samples. A counter that fell (a restart) counts from zero.
struct Rates {
  const Json& before;
  const Json& now;
  double seconds;

  [[nodiscard]] double per_second(std::string_view key) const {
    const std::uint64_t old = number_field(before, key), current = number_field(now, key);
    return static_cast<double>(current >= old ? current - old : current) / seconds;
  }
};

tl::expected<Sample, ExitCode> take_sample(const Invocation& call) {
  const auto peers = get(call, "/v1/peers");
  if (!peers) return tl::unexpected(peers.error());
  const auto ports = get(call, "/v1/ports");
  if (!ports) return tl::unexpected(ports.error());
  Sample sample{.at = Clock::now(), .peers = {}, .ports = {}};
  for (const Json& peer : *peers) sample.peers.emplace(text_field(peer, "name"), peer);
  for (const Json& port : *ports) {
    sample.ports.emplace(text_field(port, "name"), port);
    const Json& drops = field(port, "drops");
    if (!drops.is_object()) continue;
    for (const auto& item : drops.items())
      sample.drops[item.key()] = number_field(sample.drops, item.key()) + number_field(drops, item.key());
  }
  return sample;
}

const Json& at_name(const std::map<std::string, Json>& rows, const std::string& name) {
  static const Json none;
  const auto found = rows.find(name);
  return found == rows.end() ? none : found->second;
}

Json rates_json(const Sample& before, const Sample& now, double seconds) {
  Json peers = Json::array(), ports = Json::array(), drops = Json::object();
  for (const auto& [name, row] : now.peers) {
    const Rates rates{at_name(before.peers, name), row, seconds};
    peers.push_back({{"name", name},
                     {"rx_packets_per_s", rates.per_second("rx_packets")},
                     {"rx_bits_per_s", rates.per_second("rx_bytes") * 8},
                     {"tx_packets_per_s", rates.per_second("tx_packets")},
                     {"tx_bits_per_s", rates.per_second("tx_bytes") * 8}});
  }
  for (const auto& [name, row] : now.ports) {
    const Rates rates{at_name(before.ports, name), row, seconds};
    ports.push_back({{"name", name},
                     {"received_per_s", rates.per_second("received")},
                     {"received_bits_per_s", rates.per_second("received_bytes") * 8},
                     {"sent_per_s", rates.per_second("sent")},
                     {"sent_bits_per_s", rates.per_second("sent_bytes") * 8},
                     {"dropped_per_s", rates.per_second("dropped")},
                     {"missed_per_s", rates.per_second("device_rx_missed")}});
  }
  const Rates rates{before.drops, now.drops, seconds};
  for (const auto& item : now.drops.items())
    if (const double rate = rates.per_second(item.key()); rate > 0) drops[item.key()] = rate;
  return {{"seconds", seconds}, {"ports", ports}, {"peers", peers}, {"drops_per_s", drops}};
}

double real(const Json& row, std::string_view key) {
  const Json& value = field(row, key);
  return value.is_number() ? value.get<double>() : 0;
}

void print_rates(std::ostream& out, const Json& rates, std::uint32_t top) {
  Table ports({{"PORT"},
               {"RX pps", right},
               {"RX", right},
               {"TX pps", right},
               {"TX", right},
               {"DROPPED/s", right},
               {"MISSED/s", right}});
  for (const Json& row : field(rates, "ports"))
    ports.add({text_field(row, "name"), rate_text(real(row, "received_per_s")),
               bit_rate_text(real(row, "received_bits_per_s")), rate_text(real(row, "sent_per_s")),
               bit_rate_text(real(row, "sent_bits_per_s")), rate_text(real(row, "dropped_per_s")),
               rate_text(real(row, "missed_per_s"))});
  ports.print(out);
  std::vector<Json> busiest(field(rates, "peers").begin(), field(rates, "peers").end());
  const auto load = [](const Json& row) { return real(row, "rx_bits_per_s") + real(row, "tx_bits_per_s"); };
  std::stable_sort(busiest.begin(), busiest.end(), [&](const Json& a, const Json& b) { return load(a) > load(b); });
  const auto shown = std::min<std::size_t>(busiest.size(), top);
  Table peers({{"PEER"}, {"RX pps", right}, {"RX", right}, {"TX pps", right}, {"TX", right}});
  for (std::size_t i = 0; i < shown; ++i)
    peers.add({text_field(busiest[i], "name"), rate_text(real(busiest[i], "rx_packets_per_s")),
               bit_rate_text(real(busiest[i], "rx_bits_per_s")), rate_text(real(busiest[i], "tx_packets_per_s")),
               bit_rate_text(real(busiest[i], "tx_bits_per_s"))});
  out << '\n';
  peers.print(out);
  if (shown < busiest.size()) out << "and " << busiest.size() - shown << " quieter peers\n";
  Table drops({{"DROPPED"}, {"PER SECOND", right}});
  for (const auto& item : field(rates, "drops_per_s").items())
    drops.add({item.key(), rate_text(item.value().is_number() ? item.value().get<double>() : 0)});
  if (!drops.empty()) out << '\n';
  drops.print(out);
}

// Blocks SIGINT and SIGTERM for this thread, so that a wait can take them as its end.
class Pause {
 public:
  Pause() {
    sigemptyset(&ends_);
    sigaddset(&ends_, SIGINT);
    sigaddset(&ends_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends_, &before_);
  }
  ~Pause() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

  // False if it was ended by a signal.
  [[nodiscard]] bool wait(double seconds) const {
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    for (auto left = end - Clock::now(); left > Clock::duration::zero(); left = end - Clock::now()) {
      const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
      const timespec time{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
      if (sigtimedwait(&ends_, nullptr, &time) > 0) return false;
    }
    return true;
  }

 private:
  sigset_t ends_{};
  sigset_t before_{};
};

ExitCode run_watch(const Invocation& call) {
  const double interval = call.options["interval"].as<double>();
  if (!(interval >= 0.1 && interval <= 3600))
    return usage_error(call.terminal, "watch", "--interval: expected seconds from 0.1 to 3600");
  const auto count_option = number_option(call, "count", 1, 1'000'000'000);
  const auto top = number_option(call, "top", 0, 1'000'000);
  if (!count_option || !top)
    return usage_error(call.terminal, "watch", count_option ? top.error() : count_option.error());
  const std::uint32_t count = count_option->value_or(0);  // 0: no end
  const Pause pause;
  auto before = take_sample(call);
  if (!before) return before.error();
  for (std::uint32_t shown = 0; count == 0 || shown < count; ++shown) {
    if (!pause.wait(interval)) break;
    auto now = take_sample(call);
    if (!now) return now.error();
    const double seconds = std::max(1e-3, std::chrono::duration<double>(now->at - before->at).count());
    const Json rates = rates_json(*before, *now, seconds);
    std::ostream& out = call.terminal.out;
    if (call.json) {
      out << rates.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    } else {
      if (call.terminal.out_is_terminal) out << "\033[H\033[2J";
      print_rates(out, rates, top->value_or(default_top));
      out << std::endl;
    }
    if (!out) return ExitCode::failed;
    before = std::move(now);
  }
  return ExitCode::success;
}

void watch_options(AddOptions add) {
  add("interval,i", boost::program_options::value<double>()->default_value(1, "1")->value_name("SECONDS"),
      "time between two tables");
  add("count,c", word("N"), "end after so many tables");
  add("top,t", word("N"), "show the N busiest peers; default 20");
}

}  // namespace

std::span<const Command> watch_commands() {
  static constexpr std::array list = {
      Command{"watch", "", 0, 0, "Live rates of ports and peers, and drops", "Ctrl-C ends it.",
              "  sallyctl watch\n  sallyctl watch --interval 5 --top 5\n  sallyctl watch --json --count 1",
              watch_options, run_watch},
  };
  return list;
}

}  // namespace sallyport::ctl
