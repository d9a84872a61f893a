// sallyport-dataplane: reads the configuration, starts DPDK, runs the gateway until it is told to stop. The one file of
// this folder that knows exceptions (Boost.Program_options throws).
#include <signal.h>
#include <sodium.h>
#include <time.h>
#include <unistd.h>
#include <boost/program_options.hpp>

#include <atomic>
#include <iostream>
#include <optional>
#include <utility>

#include "config/base/log.hpp"
#include "config/base/log_text.hpp"
#include "config/base/privileges.hpp"
#include "config/base/process_hardening.hpp"
#include "config/base/service_manager.hpp"
#include "config/load.hpp"
#include "dataplane/gateway.hpp"
#include "dataplane/io/eal.hpp"
#include "dataplane/io/system_calls.hpp"

namespace {

using namespace sallyport;

constexpr int exit_failure = 1;
constexpr int exit_bad_configuration = 2;

std::atomic<bool> stop_requested{false};

void request_stop(int) {
  stop_requested.store(true, std::memory_order_relaxed);
}

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int fail(const std::string& reason) {
  log_each_line(LogLevel::error, "cannot start", "why", reason);
  return exit_failure;
}

// Devices, host interfaces and sockets are open: from here on the process needs no right but to use them.
tl::expected<void, std::string> confine(const config::Config& configuration, const std::optional<Account>& account) {
  if (auto dropped = drop_privileges(account); !dropped) return dropped;
  if (geteuid() == 0)
    log_warning("the dataplane stays root", {{"consequence", "it has no capabilities, but owns what root owns"},
                                             {"remedy", "[dataplane] user = \"...\", a user of its own"}});
  return dataplane::confine_system_calls(dataplane::needs_to_connect(configuration.dataplane, configuration.ports));
}

int run(const std::filesystem::path& path) {
  const auto configuration = config::load(path);
  if (!configuration) {
    for (const config::Error& error : configuration.error()) log_configuration_error(to_string(error));
    return exit_bad_configuration;
  }
  start_log("sallyport-dataplane", configuration->controlplane.log_level, configuration->controlplane.log_format);
  if (sodium_init() < 0) return fail("libsodium does not start");

  // Huge pages are locked by their nature; what is not gets locked once DPDK has taken its memory.
  (void)harden_process(false);
  tzset();  // log lines have local times, and later no file can be read
  std::optional<Account> account;
  if (configuration->dataplane.user) {
    auto found = find_account(*configuration->dataplane.user);
    if (!found) return fail("[dataplane] user: " + found.error());
    account = std::move(*found);
  }
  const bool can_lock = lift_memory_lock_limit();
  // Now, so that the threads of DPDK and its drivers have it from their beginning.
  if (const auto forgone = forgo_new_privileges(); !forgone) return fail(forgone.error());
  const auto need = dataplane::compute_memory(configuration->dataplane, configuration->ports);
  const auto plan =
      dataplane::plan_eal(configuration->dataplane, configuration->ports, need, dataplane::read_machine());
  if (!plan) return fail(plan.error());
  for (const std::string& remark : plan->remarks) log_warning("start", {{"remark", remark}});
  if (const auto started = dataplane::start_eal(*plan, configuration->ports); !started) return fail(started.error());

  auto gateway = dataplane::Gateway::create(*configuration);
  if (!gateway) return fail(gateway.error());
  // Locked only if that cannot make a later allocation fail.
  if (!harden_process(can_lock) || !can_lock)
    log_warning("memory is not locked", {{"reason", "RLIMIT_MEMLOCK is too low"}});
  install_signal_handlers();
  if (const auto confined = confine(*configuration, account); !confined) return fail(confined.error());
  tell_service_manager("READY=1");
  log_info("started", {{"gateway", configuration->gateway.name},
                       {"workers", configuration->dataplane.workers.size()},
                       {"ports", configuration->ports.size()},
                       {"memory_mb", plan->memory_mb},
                       {"huge_pages", plan->huge_pages},
                       {"crypto", (*gateway)->statistics().header().crypto_engine.data()}});
  (*gateway)->run(stop_requested);
  log_info("ends");
  gateway->reset();
  dataplane::stop_eal();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // There is nothing to read again, and a hangup is no reason to drop packets.
  signal(SIGHUP, SIG_IGN);
  namespace po = boost::program_options;
  po::options_description options("sallyport-dataplane: the packet path of a Sallyport gateway\n\nOptions");
  options.add_options()("config,c", po::value<std::string>(),
                        "gateway.toml (its [dataplane] and [[port]] sections are used)")("help,h", "show this help")(
      "version", "show the version");
  po::variables_map values;
  try {
    po::store(po::parse_command_line(argc, argv, options), values);
  } catch (const po::error& error) {
    std::cerr << error.what() << "\n\n" << options;
    return exit_bad_configuration;
  }
  if (values.count("help") != 0) {
    std::cout << options;
    return 0;
  }
  if (values.count("version") != 0) {
    std::cout << "sallyport-dataplane " << SALLYPORT_VERSION << '\n';
    return 0;
  }
  if (values.count("config") == 0) {
    std::cerr << "--config is missing\n\n" << options;
    return exit_bad_configuration;
  }
  return run(values["config"].as<std::string>());
}
