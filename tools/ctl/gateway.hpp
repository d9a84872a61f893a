// The gateway as a command sees it: a path in, JSON out; whatever goes wrong is told to the operator once, here.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "tools/ctl/command.hpp"
#include "tools/ctl/http_client.hpp"
#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl {

// The value, or the exit code after the reason was printed.
[[nodiscard]] tl::expected<Json, ExitCode> get(const Invocation& call, std::string_view target);
[[nodiscard]] tl::expected<Json, ExitCode> post(const Invocation& call, std::string_view target,
                                                std::string_view body = {}, std::string_view if_match = {});

// Replaces something. `if_match`: only if this ETag is what is there now; empty: in any case.
[[nodiscard]] tl::expected<Json, ExitCode> put(const Invocation& call, std::string_view target, std::string_view body,
                                               std::string_view if_match = {});

[[nodiscard]] tl::expected<Json, ExitCode> remove(const Invocation& call, std::string_view target);

// Prints why there is no answer and, if nobody listens, what to do.
ExitCode report(const Invocation& call, const TransportError& error);
// Prints what the gateway said with a status that is neither 200 nor 201.
ExitCode report_refusal(const Invocation& call, const HttpAnswer& answer);

// The document with --json: the whole output. True if it was printed.
bool print_json(const Invocation& call, const Json& value);

// A name as one segment of a path, or as the value of a query parameter.
[[nodiscard]] std::string segment(std::string_view name);

}  // namespace sallyport::ctl
