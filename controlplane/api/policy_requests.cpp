#include <algorithm>

#include "config/toml/safe_text.hpp"
#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/http/rfc3339.hpp"
#include "policy/load.hpp"
#include "policy/run_tests.hpp"

namespace sallyport::controlplane {
namespace {

// What a comparison may cost while the event loop waits: subjects times rules, and subjects times services.
constexpr std::size_t most_subject_rules = 20'000'000;
constexpr std::size_t most_subject_services = 2'000'000;
constexpr std::size_t most_changes_shown = 100'000;

// The first entity tag of an If-Match header. "*" matches whatever there is. RFC 9110, 13.1.1.
tl::expected<std::optional<std::string>, std::string> made_from(const HttpRequest& request) {
  std::string_view text = request.if_match;
  if (text.empty() || text == "*") return std::optional<std::string>();
  if (text.size() < 2 || text.front() != '"' || text.back() != '"' || text.size() > 130)
    return tl::unexpected(std::string("If-Match: expected one ETag in double quotes, or *"));
  text = text.substr(1, text.size() - 2);
  if (text.find('"') != std::string_view::npos)
    return tl::unexpected(std::string("If-Match: expected one ETag, not a list of them"));
  return std::optional<std::string>(text);
}

bool is_file_name(const std::string& name) {
  return !name.empty() && name.size() <= longest_file_name_bytes && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

// The texts of a body {"files": [{"name", "text"}]}, or what was expected.
tl::expected<policy::Bundle, std::string> read_files(const std::string& body) {
  const Json document = Json::parse(body, nullptr, false);
  constexpr const char* expected = "expected {\"files\": [{\"name\": TEXT, \"text\": TEXT}, ...]}";
  if (!document.is_object() || document.size() != 1 || !document.contains("files") || !document["files"].is_array())
    return tl::unexpected(std::string(expected));
  const Json& files = document["files"];
  if (files.empty() || files.size() > most_policy_files)
    return tl::unexpected("files: expected 1 to " + std::to_string(most_policy_files) + " files");
  policy::Bundle bundle;
  for (const Json& file : files) {
    if (!file.is_object() || file.size() != 2 || !file.contains("name") || !file.contains("text") ||
        !file["name"].is_string() || !file["text"].is_string())
      return tl::unexpected(std::string(expected));
    bundle.files.push_back({.name = file["name"].get<std::string>(), .text = file["text"].get<std::string>()});
    if (!is_file_name(bundle.files.back().name))
      return tl::unexpected("files: expected a name of 1 to " + std::to_string(longest_file_name_bytes) +
                            " bytes without control characters");
  }
  std::sort(bundle.files.begin(), bundle.files.end(),
            [](const policy::BundleFile& a, const policy::BundleFile& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < bundle.files.size(); ++i)
    if (bundle.files[i].name == bundle.files[i - 1].name)
      return tl::unexpected("files: " + in_quotes(bundle.files[i].name) + " stands there twice");
  return bundle;
}

HttpResponse put_in_force(const Call& call, const std::optional<policy::Bundle>& bundle) {
  const auto condition = made_from(call.request);
  if (!condition) return failure(400, condition.error());
  const auto applied = call.backend.apply_policy(bundle, *condition, caller_of(call));
  if (!applied) return refusal(applied.error(), call.backend);
  Json view = version_json(applied->version);
  view["changes"] = applied->changes;
  view["warnings"] = applied->warnings;
  HttpResponse response = document(view);
  response.etag = applied->version.etag;
  return response;
}

Json changes_json(const std::vector<policy::AccessChange>& changes) {
  Json list = Json::array();
  for (std::size_t i = 0; i < changes.size() && i < most_changes_shown; ++i)
    list.push_back({{"kind", policy::name_of(changes[i].kind)},
                    {"subject", changes[i].subject},
                    {"target", changes[i].target},
                    {"before", changes[i].before},
                    {"after", changes[i].after}});
  return list;
}

std::size_t most_subjects(const policy::Policy& before, const policy::Policy& after) {
  const std::size_t rules = before.rules.size() + after.rules.size();
  const std::size_t services = std::max(before.services.size(), after.services.size());
  return std::min(most_subject_rules / std::max<std::size_t>(1, rules),
                  most_subject_services / std::max<std::size_t>(1, services));
}

HttpResponse put_policy(const Call& call) {
  auto bundle = read_files(call.request.body);
  if (!bundle) return failure(400, bundle.error());
  return put_in_force(call, std::move(*bundle));
}

HttpResponse post_policy_apply(const Call& call) {
  if (!call.request.body.empty()) return failure(400, "expected no body: PUT /v1/policy takes files");
  return put_in_force(call, std::nullopt);
}

HttpResponse post_policy_difference(const Call& call) {
  const auto bundle = read_files(call.request.body);
  if (!bundle) return failure(400, bundle.error());
  const policy::Policy* before = call.backend.policy();
  if (before == nullptr)
    return failure(
        409, "this gateway allows everything ([policy] default = \"allow\"): there is no version to compare with");
  const auto after = policy::parse(*bundle);
  if (!after) return errors_document("the policy has errors", after.error());
  if (const auto failed = policy::failed_tests(policy::run_tests(*after, wall_clock(call.time))); !failed.empty())
    return errors_document("a test of the policy fails", failed);
  std::vector<PeerIdentity> peers = call.backend.identities();
  std::vector<policy::Subject> subjects;
  const std::size_t most = most_subjects(*before, *after);
  for (std::size_t i = 0; i < peers.size() && i < most; ++i)
    subjects.push_back({.name = peers[i].facts.names.empty() ? peers[i].facts.peer : peers[i].facts.names.front(),
                        .facts = std::move(peers[i].facts)});
  const auto changes = policy::difference(*before, *after, subjects, call.backend.endpoints(), wall_clock(call.time));
  return document({{"from", text_or_null(call.backend.policy_version().etag)},
                   {"to", bundle->etag()},
                   {"changes", changes_json(changes)},
                   {"changes_left_out", changes.size() - std::min(changes.size(), most_changes_shown)},
                   {"peers", subjects.size()},
                   {"peers_left_out", peers.size() - subjects.size()},
                   {"warnings", after->warnings}});
}

}  // namespace

std::span<const Endpoint> policy_change_endpoints() {
  static constexpr std::array list = {
      Endpoint{"PUT", {"policy"}, put_policy, "put other files in force: all of them or nothing; honours If-Match"},
      Endpoint{"POST", {"policy", "apply"}, post_policy_apply, "read the configured files again; honours If-Match"},
      Endpoint{"POST", {"policy", "diff"}, post_policy_difference, "who would gain and lose what by other files"},
  };
  return list;
}

}  // namespace sallyport::controlplane
