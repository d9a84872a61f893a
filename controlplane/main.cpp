// sallyport-controlplane --config FILE
//
// 1. Read the configuration; errors one a line, exit 2.
// 2. Harden the process, bind the sockets, then give up every privilege.
// 3. Read keys and state as what the process is now, start the threads, and run until SIGTERM or SIGINT.
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>

#include "config/base/log.hpp"
#include "config/base/log_text.hpp"
#include "config/base/service_manager.hpp"
#include "config/load.hpp"
#include "config/unsupported.hpp"
#include "controlplane/api/admin_server.hpp"
#include "controlplane/api/metrics_server.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/privileges.hpp"

namespace sallyport::controlplane {
namespace {

enum ExitCode : int { exit_ok = 0, exit_failure = 1, exit_bad_configuration = 2 };

struct Arguments {
  std::optional<std::filesystem::path> config;
  std::optional<int> exit;  // --help, --version, or a bad command line
};

Arguments parse(int argc, char** argv) {
  namespace options = boost::program_options;
  options::options_description known("sallyport-controlplane: handshakes, policy and administration of a gateway");
  std::string config;
  known.add_options()("config", options::value(&config)->value_name("FILE"), "the gateway's configuration")(
      "help", "show this text")("version", "show the version");
  try {
    options::variables_map values;
    options::store(options::parse_command_line(argc, argv, known), values);
    options::notify(values);
    if (values.contains("help")) {
      std::cout << known << "\nSIGHUP reads the configuration again; SIGTERM ends the process, and sessions go on.\n"
                << "Exit codes: 0 ended as asked, 1 failed, 2 the configuration has errors.\n";
      return {{}, exit_ok};
    }
    if (values.contains("version")) {
      std::cout << "sallyport-controlplane " << SALLYPORT_VERSION << '\n';
      return {{}, exit_ok};
    }
    if (config.empty()) throw options::error("--config FILE is missing");
  } catch (const options::error& error) {
    std::cerr << "sallyport-controlplane: " << error.what() << "\nTry --help.\n";
    return {{}, exit_bad_configuration};
  }
  return {std::filesystem::absolute(config), {}};
}

int report(const std::vector<config::Error>& errors) {
  for (const config::Error& error : errors) log_configuration_error(config::to_string(error));
  return exit_bad_configuration;
}

int fail(const std::string& why) {
  log_each_line(LogLevel::error, "cannot start", "why", why);
  return exit_failure;
}

void warn(const config::Config& configuration) {
  for (const std::string& warning : configuration.warnings) log_warning("configuration", {{"warning", warning}});
}

// [controlplane] user, and the folders that it writes to.
tl::expected<std::optional<Account>, std::string> prepare_user(const config::Config& configuration) {
  const config::Controlplane& settings = configuration.controlplane;
  std::optional<Account> account;
  if (settings.user) {
    auto found = find_account(*settings.user);
    if (!found) return tl::unexpected(found.error());
    account = std::move(*found);
  }
  std::vector<std::filesystem::path> folders = {settings.socket.parent_path(), settings.state.parent_path()};
  if (configuration.flow_records) folders.push_back(configuration.flow_records->file.parent_path());
  for (const auto& folder : folders)
    if (auto ready = ensure_folder(folder, account); !ready) return tl::unexpected(ready.error());
  return account;
}

int run(const std::filesystem::path& file, config::Config configuration) {
  const config::Controlplane settings = configuration.controlplane;
  start_log("sallyport-controlplane", settings.log_level, settings.log_format);
  if (sodium_init() < 0) return fail("libsodium does not start");
  if (!harden_before_start())
    log_warning("memory is not locked", {{"consequence", "keys could reach a swap device"},
                                         {"remedy", "start as root, or with LimitMEMLOCK=infinity"}});
  warn(configuration);

  auto prepared = prepare_user(configuration);
  if (!prepared) return fail(prepared.error());
  const std::optional<Account> account = std::move(*prepared);
  umask(0077);

  boost::asio::io_context loop(1);
  ControlPlane control_plane(loop, file, std::move(configuration));
  AdminServer admin(loop, control_plane, settings.socket);
  if (auto bound = admin.start(); !bound) return fail(bound.error());
  if (account && geteuid() == 0 && chown(settings.socket.c_str(), account->user, account->group) != 0)
    return fail("cannot give " + settings.socket.string() + " to " + account->name);
  std::optional<MetricsServer> metrics;
  if (settings.metrics) {
    metrics.emplace(loop, control_plane, *settings.metrics);
    if (auto bound = metrics->start(); !bound) return fail(bound.error());
  }
  if (auto bound = control_plane.bind_enrolment(); !bound) return fail(bound.error());
  if (auto dropped = drop_privileges(account); !dropped) return fail(dropped.error());
  const std::string as_user = account ? " (as user " + account->name + ")" : "";

  // What start() reads is what a reload will read, and as the same user; it does not read the configuration itself
  // again.
  if (faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) != 0)
    return fail(file.string() + " could not be reloaded: " + std::strerror(errno) + as_user);
  if (auto started = control_plane.start(); !started) {
    if (started.error().configuration.empty()) return fail(started.error().machine + as_user);
    if (account) log_warning("files are read as another user", {{"user", account->name}});
    return report(started.error().configuration);
  }

  boost::asio::signal_set ends(loop, SIGTERM, SIGINT);
  ends.async_wait([&](const auto& error, int signal) {
    if (error) return;
    log_info("ends", {{"signal", signal}});
    loop.stop();
  });
  boost::asio::signal_set hangups(loop, SIGHUP);
  std::function<void()> wait_for_reload = [&] {
    hangups.async_wait([&](const auto& error, int) {
      if (error) return;
      (void)control_plane.reload("signal");  // says itself what came of it
      wait_for_reload();
    });
  };
  wait_for_reload();
  tell_service_manager("READY=1");
  loop.run();
  return exit_ok;
}

}  // namespace
}  // namespace sallyport::controlplane

int main(int argc, char** argv) {
  using namespace sallyport;
  using namespace sallyport::controlplane;
  // A reader that closes its socket is an error of that write, not the end of the gateway.
  std::signal(SIGPIPE, SIG_IGN);
  // Until there is something to reload.
  std::signal(SIGHUP, SIG_IGN);
  try {
    const Arguments arguments = parse(argc, argv);
    if (arguments.exit) return *arguments.exit;
    auto loaded = config::load(*arguments.config);
    if (!loaded) return report(loaded.error());
    if (const auto unsupported = config::unsupported_features(*loaded); !unsupported.empty())
      return report(unsupported);
    return run(*arguments.config, std::move(*loaded));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sallyport-controlplane: %s\n", error.what());
    return exit_failure;
  }
}
