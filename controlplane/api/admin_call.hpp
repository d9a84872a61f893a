// What the endpoints of the admin API have in common: one call, its parameters, and the making of an answer.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/api/admin_backend.hpp"
#include "controlplane/http/json_array.hpp"
#include "controlplane/http/request_time.hpp"
#include "controlplane/http/target.hpp"

namespace sallyport::controlplane {

struct Call {
  const HttpRequest& request;
  const Target& target;
  AdminBackend& backend;
  const RequestTime& time;
  std::string name;  // what stands where the endpoint has NAME
};

[[nodiscard]] HttpResponse document(const Json& value, unsigned status = 200);
[[nodiscard]] HttpResponse failure(unsigned status, std::string_view message);
[[nodiscard]] HttpResponse stream(std::unique_ptr<BodySource> source,
                                  std::string_view content_type = "application/json");
// 422, with each error's place.
[[nodiscard]] HttpResponse errors_document(std::string_view message, const std::vector<config::Error>& errors);

[[nodiscard]] const Peer* find_peer(const AdminBackend& backend, std::string_view name);
// "; did you mean 'ann-laptop'?", of the first 10,000 peers.
[[nodiscard]] std::string suggest_peer(const AdminBackend& backend, std::string_view name);
[[nodiscard]] HttpResponse unknown_peer(const AdminBackend& backend, std::string_view name);

// What is wrong with the query: a parameter that is not `known`, comes twice, is longer than 1024 bytes or not UTF-8.
[[nodiscard]] std::optional<std::string> wrong_query(const Target& target, std::span<const std::string_view> known);
// A decimal number, nothing without the parameter, or what was expected.
[[nodiscard]] tl::expected<std::optional<std::uint32_t>, std::string> number_parameter(const Target& target,
                                                                                       std::string_view name,
                                                                                       std::uint32_t lowest,
                                                                                       std::uint32_t highest);

// Who asks, as the audit trail names it.
[[nodiscard]] std::string caller_of(const Call& call);

// Text of a request as it may stand in an error: escaped, quoted and cut.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace sallyport::controlplane
