#include "tools/ctl/gateway.hpp"

#include <ostream>

#include "tools/ctl/run.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

// The errors of a configuration, one line each, as compilers print them.
void print_located_errors(std::ostream& err, const Json& errors) {
  for (const Json& error : errors) {
    std::string where = text_field(error, "file", "configuration");
    if (const auto line = number_field(error, "line"); line != 0)
      where += ':' + std::to_string(line) + ':' + std::to_string(number_field(error, "column"));
    err << printable(where) << ": " << printable(text_field(error, "message")) << '\n';
  }
}

tl::expected<Json, ExitCode> ask(const Invocation& call, std::string_view method, std::string_view target,
                                 std::string_view body, std::string_view if_match = {}) {
  auto answer = http_request(call.socket, method, target, body, {}, if_match);
  if (!answer) return tl::unexpected(report(call, answer.error()));
  if (answer->status != 200 && answer->status != 201) return tl::unexpected(report_refusal(call, *answer));
  auto value = parse_json(answer->body);
  if (value) return std::move(*value);
  call.terminal.err << "sallyctl: the answer of " << printable(call.socket)
                    << " is not JSON: is this a Sallyport gateway?\n";
  return tl::unexpected(ExitCode::failed);
}

}  // namespace

tl::expected<Json, ExitCode> get(const Invocation& call, std::string_view target) {
  return ask(call, "GET", target, {});
}

tl::expected<Json, ExitCode> post(const Invocation& call, std::string_view target, std::string_view body,
                                  std::string_view if_match) {
  return ask(call, "POST", target, body, if_match);
}

tl::expected<Json, ExitCode> put(const Invocation& call, std::string_view target, std::string_view body,
                                 std::string_view if_match) {
  return ask(call, "PUT", target, body, if_match);
}

tl::expected<Json, ExitCode> remove(const Invocation& call, std::string_view target) {
  return ask(call, "DELETE", target, {});
}

ExitCode report(const Invocation& call, const TransportError& error) {
  std::ostream& err = call.terminal.err;
  if (!error.unreachable) {
    err << "sallyctl: the answer of " << printable(call.socket) << " makes no sense: " << printable(error.message)
        << '\n';
    return ExitCode::failed;
  }
  err << "sallyctl: no control plane answers on " << printable(call.socket) << ": " << printable(error.message)
      << "\n  is it running?      systemctl status sallyport-controlplane"
         "\n  start it:           systemctl start sallyport-controlplane"
         "\n                 or   sallyport-controlplane --config /etc/sallyport/gateway.toml"
         "\n  another socket:     sallyctl --socket S ..., or set $"
      << socket_variable << "\n  permission denied:  be root or in the socket's group\n";
  return ExitCode::unreachable;
}

ExitCode report_refusal(const Invocation& call, const HttpAnswer& answer) {
  const Json said = parse_json(answer.body).value_or(Json());
  if (call.json && said.is_object()) call.terminal.out << to_text(said) << '\n';
  print_located_errors(call.terminal.err, list_field(said, "errors"));
  call.terminal.err << "sallyctl: "
                    << printable(text_field(said, "error", "refused with status " + std::to_string(answer.status)))
                    << '\n';
  return answer.status == 422 ? ExitCode::usage : ExitCode::failed;  // 422: a configuration with errors
}

bool print_json(const Invocation& call, const Json& value) {
  if (call.json) call.terminal.out << to_text(value) << '\n';
  return call.json;
}

std::string segment(std::string_view name) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                            c == '_' || c == '~';  // '.' too, but a segment of dots alone would mean a folder
    if (unreserved) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace sallyport::ctl
