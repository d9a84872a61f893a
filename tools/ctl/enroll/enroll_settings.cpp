#include "tools/ctl/enroll/enroll_settings.hpp"

#include <boost/program_options/value_semantic.hpp>

#include "tools/ctl/options.hpp"

namespace sallyport::ctl {

namespace po = boost::program_options;

namespace {

using Checked = tl::expected<void, std::string>;

constexpr std::uint64_t longest_posture_ttl_s = 24 * 3600;
constexpr std::uint64_t longest_key_age_s = std::uint64_t{365} * 24 * 3600;
constexpr std::size_t most_command_words = 64;

tl::unexpected<std::string> usage(std::string message) {
  return tl::unexpected(std::move(message));
}

Checked read_gateway(const Invocation& call, EnrollSettings& settings) {
  if (call.arguments.empty() && !call.has("gateway")) return usage("expected a URL: https://HOST:PORT");
  if (!call.arguments.empty() && call.has("gateway")) return usage("expected one URL, got one and --gateway");
  auto url = parse_gateway_url(call.arguments.empty() ? call.text("gateway") : call.arguments[0]);
  if (!url) return usage((call.arguments.empty() ? "--gateway: " : "the URL: ") + url.error());
  settings.https.gateway = std::move(*url);
  settings.https.ca_file = call.text("ca");
  if (call.has("ca") && settings.https.ca_file.empty()) return usage("--ca: expected a file");
  return {};
}

Checked read_device_flow(const Invocation& call, DeviceFlow::Settings& device) {
  device.issuer = call.text("device-flow");
  device.client_id = call.text("client-id");
  device.ca_file = call.text("issuer-ca");
  if (call.has("scope")) device.scope = call.text("scope");
  if (device.issuer.empty() != device.client_id.empty()) return usage("--device-flow and --client-id belong together");
  if (device.issuer.empty() && (call.has("scope") || call.has("issuer-ca")))
    return usage("--scope and --issuer-ca are of --device-flow");
  if (device.issuer.empty()) return {};
  const auto place = parse_https_place(device.issuer);
  if (!place) return usage("--device-flow: " + place.error());
  if (place->target.find('?') != std::string::npos) return usage("--device-flow: expected an issuer, without '?'");
  return {};
}

Checked read_proof(const Invocation& call, EnrollSettings& settings) {
  ProofSettings& proof = settings.proof;
  proof = {.token_file = call.text("token-file"),
           .token_variable = call.text("token-env"),
           .certificate_file = call.text("certificate"),
           .certificate_key_file = call.text("certificate-key"),
           .device = {}};
  if (proof.certificate_file.empty() != proof.certificate_key_file.empty())
    return usage("--certificate and --certificate-key belong together");
  if (auto read = read_device_flow(call, proof.device); !read) return read;
  const int proofs = int{!proof.token_file.empty()} + int{!proof.token_variable.empty()} +
                     int{!proof.certificate_file.empty()} + int{!proof.device.issuer.empty()};
  if (proofs != 1)
    return usage(
        "expected one proof: --token-file F, --token-env VAR, --device-flow ISSUER with --client-id ID, or "
        "--certificate F with --certificate-key F");
  settings.https.certificate_file = proof.certificate_file;
  settings.https.certificate_key_file = proof.certificate_key_file;
  settings.instance = call.text("instance");
  if (call.has("instance") && !is_name(settings.instance))
    return usage("--instance: expected letters, digits, '.', '_' and '-', 63 at most, got '" + settings.instance + "'");
  return {};
}

Checked read_target(const Invocation& call, EnrollSettings& settings) {
  settings.target = {
      .interface = call.text("interface"), .file = call.text("write"), .key_file = call.text("key-file")};
  if (settings.target.interface.empty() == settings.target.file.empty())
    return usage("expected either --interface NAME or --write FILE");
  if (call.has("interface") && !is_interface_name(settings.target.interface))
    return usage("--interface: expected at most 15 letters, digits, '.', '_' and '-', got '" +
                 settings.target.interface + "'");
  settings.stay = call.has("stay");
  const auto key_age = duration_option(call, "rotate-key", 1, longest_key_age_s);
  if (!key_age) return usage(key_age.error());
  if (*key_age) settings.key_age = std::chrono::seconds(**key_age);
  if (settings.key_age && !settings.proof.device.issuer.empty())
    return usage("--rotate-key and --device-flow: a token that people gave may be bound to the key of then");
  if (settings.key_age && (!settings.stay || settings.target.interface.empty()))
    return usage("--rotate-key needs --stay and --interface: nobody else could switch over in time");
  return {};
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t start = text.find_first_not_of(' '); start != std::string::npos;) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    words.push_back(text.substr(start, end - start));
    start = text.find_first_not_of(' ', end);
  }
  return words;
}

Checked read_posture(const Invocation& call, EnrollSettings& settings) {
  if (call.has("posture"))
    for (const std::string& text : call.options["posture"].as<std::vector<std::string>>())
      if (const auto added = add_posture(settings.posture, text); !added) return usage("--posture: " + added.error());
  settings.posture_command = words_of(call.text("posture-command"));
  const auto& command = settings.posture_command;
  if (call.has("posture-command") &&
      (command.empty() || command.size() > most_command_words || !command[0].starts_with('/')))
    return usage("--posture-command: expected the path of a program, from the root on, and its arguments");
  const auto ttl = duration_option(call, "posture-ttl", 2, longest_posture_ttl_s);
  if (!ttl) return usage(ttl.error());
  if (*ttl) settings.posture_ttl = std::chrono::seconds(**ttl);
  return {};
}

}  // namespace

void describe_enroll_options(po::options_description_easy_init add) {
  add("gateway", word("URL"), "the enrolment API, https://HOST:PORT, if it is not the argument");
  add("ca", word("FILE"), "who vouches for the gateway's certificate; default: the system's CAs");
  add("token-file", word("F"), "the proof: a token, read anew each time");
  add("token-env", word("VAR"), "the proof: a token in an environment variable");
  add("device-flow", word("ISSUER"),
      "the proof: a token of this OpenID Connect issuer, which people give who are shown an address and a code");
  add("client-id", word("ID"), "what we are called there");
  add("scope", word("SCOPES"), "what is asked for; offline_access lets --stay renew. Default: openid email");
  add("issuer-ca", word("FILE"), "who vouches for the issuer's certificate; default: the system's CAs");
  add("certificate", word("F"), "the proof: a TLS client certificate (PEM, with what is between it and its CA)");
  add("certificate-key", word("F"), "its private key (PEM)");
  add("key-file", word("F"), "keep the WireGuard key here; made, with mode 0600, if there is no such file");
  add("instance", word("NAME"), "which of its identity's machines this is");
  add("write,w", word("FILE"), "write the tunnel to this file, for wg-quick");
  add("interface,i", word("NAME"), "make the tunnel this interface (as root)");
  add("stay", "renew the session until SIGTERM or SIGINT, then end it and remove the interface");
  add("posture", po::value<std::vector<std::string>>()->composing()->value_name("K=V"),
      "say this of the machine: true, false, a number or a text; several are possible");
  add("posture-command", word("CMD"),
      "run this program (words between spaces, no shell) for more: it prints a JSON object or lines K=V");
  add("posture-ttl", word("DURATION"), "how long that holds; it is sent again after half of it. Default 5m");
  add("rotate-key", word("DURATION"), "take a new WireGuard key from time to time");
  add("print-nonce", "print the nonce that binds an identity provider's token to the key in --key-file, and end");
}

tl::expected<EnrollSettings, std::string> read_enroll_settings(const Invocation& call) {
  EnrollSettings settings;
  for (const auto read : {read_gateway, read_proof, read_target, read_posture})
    if (const auto done = read(call, settings); !done) return tl::unexpected(done.error());
  return settings;
}

}  // namespace sallyport::ctl
