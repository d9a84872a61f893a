#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/policy_api.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

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

namespace {

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

}  // namespace

std::span<const Endpoint> policy_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"policy"}, get_policy, "the policy in force: its version, source and size"},
      Endpoint{"GET", {"policy", "bundle"}, get_bundle, "the files of the policy in force"},
      Endpoint{"GET", {"audit"}, get_audit, "changes of the policy, newest first; ?most="},
  };
  return list;
}

}  // namespace sallyport::controlplane
