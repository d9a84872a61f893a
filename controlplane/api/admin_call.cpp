#include "controlplane/api/admin_call.hpp"

#include <algorithm>
#include <charconv>

#include "config/toml/safe_text.hpp"
#include "config/toml/suggest.hpp"

namespace sallyport::controlplane {

namespace {

constexpr std::size_t longest_parameter_bytes = 1024;

}  // namespace

HttpResponse document(const Json& value, unsigned status) {
  return {.status = status, .body = to_text(value) + '\n'};
}

HttpResponse failure(unsigned status, std::string_view message) {
  return document({{"error", message}}, status);
}

HttpResponse stream(std::unique_ptr<BodySource> source, std::string_view content_type) {
  return {.content_type = std::string(content_type), .stream = std::move(source)};
}

HttpResponse errors_document(std::string_view message, const std::vector<config::Error>& errors) {
  Json list = Json::array();
  for (const config::Error& error : errors)
    list.push_back({{"file", error.location.file ? Json(*error.location.file) : Json()},
                    {"line", error.location.line},
                    {"column", error.location.column},
                    {"message", error.message}});
  return document({{"error", message}, {"errors", std::move(list)}}, 422);
}

const Peer* find_peer(const AdminBackend& backend, std::string_view name) {
  const auto& peers = backend.peers();
  const auto found = std::find_if(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.name == name; });
  return found == peers.end() ? nullptr : &*found;
}

std::string suggest_peer(const AdminBackend& backend, std::string_view name) {
  constexpr std::size_t most_names = 10'000;  // looked at for a suggestion
  const auto& peers = backend.peers();
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < peers.size() && i < most_names; ++i) names.emplace_back(peers[i].name);
  return config::did_you_mean(name, names);
}

HttpResponse unknown_peer(const AdminBackend& backend, std::string_view name) {
  return failure(404, "there is no peer '" + std::string(name) + "'" + suggest_peer(backend, name));
}

std::optional<std::string> wrong_query(const Target& target, std::span<const std::string_view> known) {
  for (std::size_t i = 0; i < target.query.size(); ++i) {
    const auto& [key, value] = target.query[i];
    if (std::find(known.begin(), known.end(), key) == known.end())
      return "there is no parameter " + in_quotes(key) + config::did_you_mean(key, known);
    if (value.size() > longest_parameter_bytes)
      return key + ": expected at most " + std::to_string(longest_parameter_bytes) + " bytes";
    if (config::check_utf8(value)) return key + ": expected UTF-8";
    for (std::size_t other = 0; other < i; ++other)
      if (target.query[other].first == key) return key + ": stands there twice";
  }
  return std::nullopt;
}

tl::expected<std::optional<std::uint32_t>, std::string> number_parameter(const Target& target, std::string_view name,
                                                                         std::uint32_t lowest, std::uint32_t highest) {
  const auto text = target.parameter(name);
  if (!text) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc() && end == text->data() + text->size() && value >= lowest && value <= highest) return value;
  return tl::unexpected(std::string(name) + ": expected an integer from " + std::to_string(lowest) + " to " +
                        std::to_string(highest) + ", got " + in_quotes(*text));
}

std::string caller_of(const Call& call) {
  return call.request.client.empty() ? "api" : call.request.client;
}

std::string in_quotes(std::string_view text) {
  return '\'' + config::escaped(text, 64) + '\'';
}

}  // namespace sallyport::controlplane
