#include <algorithm>

#include "config/toml/safe_text.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/rfc3339.hpp"
#include "policy/describe.hpp"
#include "policy/load.hpp"

namespace sallyport::controlplane {
namespace {

// What difference() may look at while the event loop waits: subjects times rules of both versions.
constexpr std::size_t most_subject_rules = 20'000'000;

std::string_view to_string(PolicySource source) {
  switch (source) {
    case PolicySource::default_allow:
      return "default_allow";
    case PolicySource::files:
      return "files";
    case PolicySource::api:
      return "api";
    case PolicySource::stored:
      return "stored";
  }
  return "unknown";
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json version_json(const PolicyVersion& version) {
  return {{"generation", version.generation},
          {"etag", text_or_null(version.etag)},
          {"source", to_string(version.source)},
          {"applied_at", policy::time_words(version.applied_at)},
          {"git_commit", text_or_null(version.git_commit)},
          {"git_author", text_or_null(version.git_author)},
          {"in_force", version.in_force}};
}

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
  const std::string by = call.request.client.empty() ? "api" : call.request.client;
  const auto applied = call.backend.apply_policy(bundle, *condition, by);
  if (!applied) return refusal(applied.error(), call.backend);
  Json view = version_json(applied->version);
  view["changes"] = applied->changes;
  view["warnings"] = applied->warnings;
  HttpResponse response = document(view);
  response.etag = applied->version.etag;
  return response;
}

std::string_view to_string(policy::ChangeKind kind) {
  switch (kind) {
    case policy::ChangeKind::gains:
      return "gains";
    case policy::ChangeKind::loses:
      return "loses";
    case policy::ChangeKind::changes:
      return "changes";
  }
  return "unknown";
}

Json change_json(const PolicyChange& change) {
  return {{"at", policy::time_words(change.at)},
          {"applied", change.applied},
          {"generation", change.generation},
          {"etag", text_or_null(change.etag)},
          {"source", to_string(change.source)},
          {"by", change.by},
          {"git_commit", text_or_null(change.git_commit)},
          {"git_author", text_or_null(change.git_author)},
          {"summary", change.summary}};
}

}  // namespace

Json file_json(const config::Location& location) {
  return location.file ? Json(*location.file) : Json();
}

Json rule_json(const policy::Rule* rule) {
  if (rule == nullptr) return {};
  return {{"name", rule->name}, {"file", file_json(rule->location)}, {"line", rule->location.line}};
}

HttpResponse refusal(const PolicyRefusal& refused, const PolicyBackend& backend) {
  using Kind = PolicyRefusal::Kind;
  switch (refused.kind) {
    case Kind::errors:
      return errors_document(refused.message, refused.errors);
    case Kind::outdated: {
      const PolicyVersion version = backend.policy_version();
      HttpResponse response = document(
          {{"error", refused.message}, {"etag", text_or_null(version.etag)}, {"generation", version.generation}}, 412);
      response.etag = version.etag;
      return response;
    }
    case Kind::unknown_service:
      return failure(404, refused.message);
    case Kind::not_live:
    case Kind::no_policy:
      break;
  }
  return failure(409, refused.message);
}

HttpResponse get_policy(const Call& call) {
  const policy::Policy* policy = call.backend.policy();
  const PolicyVersion version = call.backend.policy_version();
  Json view = {{"mode", policy == nullptr ? "allow" : "files"}};
  view.update(version_json(version));
  Json files = Json::array();
  for (const policy::BundleFile& file : call.backend.bundle().files) files.push_back(file.name);
  view["files"] = std::move(files);
  view["rules"] = policy == nullptr ? 0 : policy->rules.size();
  view["services"] = policy == nullptr ? 0 : policy->services.size();
  view["groups"] = policy == nullptr ? 0 : policy->groups.size();
  view["tests"] = policy == nullptr ? 0 : policy->tests.size();
  view["warnings"] = policy == nullptr ? Json::array() : Json(policy->warnings);
  HttpResponse response = document(view);
  response.etag = version.etag;
  return response;
}

HttpResponse get_bundle(const Call& call) {
  const policy::Bundle& bundle = call.backend.bundle();
  const std::string etag = call.backend.policy_version().etag;
  Json files = Json::array();
  for (const policy::BundleFile& file : bundle.files) files.push_back({{"name", file.name}, {"text", file.text}});
  HttpResponse response = document({{"etag", text_or_null(etag)}, {"files", std::move(files)}});
  response.etag = etag;
  return response;
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
  std::vector<policy::Subject> subjects;
  std::vector<PeerIdentity> peers = call.backend.identities();
  const std::size_t most = most_subject_rules / std::max<std::size_t>(1, before->rules.size() + after->rules.size());
  for (std::size_t i = 0; i < peers.size() && i < most; ++i)
    subjects.push_back({.name = peers[i].facts.names.empty() ? peers[i].facts.peer : peers[i].facts.names.front(),
                        .facts = std::move(peers[i].facts)});
  Json changes = Json::array();
  for (const policy::AccessChange& change :
       policy::difference(*before, *after, subjects, call.backend.endpoints(), wall_clock(call.time)))
    changes.push_back({{"kind", to_string(change.kind)},
                       {"subject", change.subject},
                       {"target", change.target},
                       {"before", change.before},
                       {"after", change.after}});
  return document({{"from", text_or_null(call.backend.policy_version().etag)},
                   {"to", bundle->etag()},
                   {"changes", std::move(changes)},
                   {"peers", subjects.size()},
                   {"peers_left_out", peers.size() - subjects.size()},
                   {"warnings", after->warnings}});
}

HttpResponse get_audit(const Call& call) {
  constexpr std::string_view known[] = {"most"};
  if (const auto wrong = wrong_query(call.target, known)) return failure(400, *wrong);
  const auto most = number_parameter(call.target, "most", 1, most_audit_lines);
  if (!most) return failure(400, most.error());
  Json list = Json::array();
  for (const PolicyChange& change : call.backend.policy_changes(most->value_or(100)))
    list.push_back(change_json(change));
  return document(list);
}

}  // namespace sallyport::controlplane
