#include "tools/ctl/enroll/requests.hpp"

#include <variant>

#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl {
namespace {

// Of members that need no escape: keys, tokens (is_token) and names. Not the JSON library, which would keep a copy of
// the token.
class PlainObject {
 public:
  explicit PlainObject(std::size_t bytes) { text_.reserve(bytes + 256); }
  void add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text_.append(text_.empty() ? "{\"" : ",\"").append(name).append("\":\"").append(value).append("\"");
  }
  [[nodiscard]] WipedText finish() && {
    text_ += '}';
    return WipedText(std::move(text_));
  }

 private:
  std::string text_;
};

Json to_json(const Posture& posture) {
  Json object = Json::object();
  for (const auto& [key, value] : posture)
    object[key] = std::visit([](const auto& typed) { return Json(typed); }, value);
  return object;
}

Json to_json(const TunnelView& view) {
  Json object = {{"received_bytes", view.received_bytes}, {"sent_bytes", view.sent_bytes}};
  if (view.last_handshake_age_s) object["last_handshake_age_s"] = *view.last_handshake_age_s;
  if (view.mtu) object["mtu"] = *view.mtu;
  if (!view.endpoint.empty()) object["endpoint"] = view.endpoint;
  return object;
}

}  // namespace

WipedText enroll_body(const PublicKey& key, std::string_view token, std::string_view instance) {
  PlainObject object(token.size() + instance.size());
  object.add("public_key", encode_key(key));
  object.add("token", token);
  object.add("instance", instance);
  return std::move(object).finish();
}

WipedText renew_body(const PublicKey& key, const std::optional<PublicKey>& new_key, std::string_view token) {
  PlainObject object(token.size());
  object.add("public_key", encode_key(key));
  if (new_key) object.add("new_public_key", encode_key(*new_key));
  object.add("token", token);
  return std::move(object).finish();
}

std::string posture_body(const Posture& posture, std::chrono::seconds time_to_live,
                         const std::optional<TunnelView>& view) {
  Json body = {{"posture", to_json(posture)}, {"ttl_s", time_to_live.count()}};
  if (view) body["view"] = to_json(*view);
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sallyport::ctl
