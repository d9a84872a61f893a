#include "controlplane/kubernetes/api_objects.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/toml/safe_text.hpp"
#include "controlplane/kubernetes/kept_fields.hpp"

namespace sallyport::controlplane {
namespace {

using nlohmann::json;

constexpr std::size_t shown_bytes = 200;
constexpr std::size_t status_bytes = 65536;

const json& field(const json& object, const char* key) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

// Empty: absent, not a text, or longer than `most`.
std::string text_field(const json& object, const char* key, std::size_t most) {
  const json& value = field(object, key);
  if (!value.is_string() || value.get_ref<const std::string&>().size() > most) return {};
  return value.get_ref<const std::string&>();
}

// Nothing: it is there, but no boolean.
std::optional<bool> condition(const json& conditions, const char* key, bool if_absent) {
  const json& value = field(conditions, key);
  if (value.is_null()) return if_absent;
  return value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt;
}

// What absent conditions mean is in the API: ready and serving, not terminating. decisions/terminating.md has the rest.
std::optional<EndpointState> state_of(const json& endpoint) {
  const json& conditions = field(endpoint, "conditions");
  if (!conditions.is_object() && !conditions.is_null()) return std::nullopt;
  const auto ready = condition(conditions, "ready", true);
  const auto serving = condition(conditions, "serving", true);
  const auto terminating = condition(conditions, "terminating", false);
  if (!ready || !serving || !terminating) return std::nullopt;
  if (*terminating) return *serving ? EndpointState::serving : EndpointState::draining;
  return *ready ? EndpointState::ready : EndpointState::draining;
}

// An address that a packet of the inside can have. What an API server says must not open the gateway's own host, a
// group, or an address under which IPv6 hides an IPv4 one (RFC 4291, section 2.5.5.2).
bool may_be_endpoint(const IpAddress& address) {
  if (address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.is_link_local())
    return false;
  if (address.is_v4()) return address != IpAddress::v4(255, 255, 255, 255);
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return !std::equal(mapped.begin(), mapped.end(), address.bytes.begin());
}

void read_endpoint(const json& endpoint, IpFamily family, EndpointSlice& slice, ParseCounts& counts) {
  const json& addresses = field(endpoint, "addresses");
  const auto state = state_of(endpoint);
  if (!addresses.is_array() || !state) {
    ++counts.malformed;
    return;
  }
  for (const json& text : addresses) {
    const auto address = text.is_string() ? IpAddress::parse(text.get_ref<const std::string&>()) : std::nullopt;
    if (!address || address->family != family)
      ++counts.malformed;
    else if (!may_be_endpoint(*address))
      ++counts.refused;
    else
      slice.endpoints.push_back({*address, *state});
  }
}

void read_endpoints(const json& object, EndpointSlice& slice, ParseCounts& counts) {
  const std::string type = text_field(object, "addressType", 16);
  if (type == "FQDN") {
    ++counts.refused;
    return;
  }
  const json& endpoints = field(object, "endpoints");
  const bool known_type = type == "IPv4" || type == "IPv6";
  if (!known_type || !(endpoints.is_array() || endpoints.is_null())) {
    ++counts.malformed;
    return;
  }
  for (const json& endpoint : endpoints)
    read_endpoint(endpoint, type == "IPv4" ? IpFamily::v4 : IpFamily::v6, slice, counts);
}

// Nothing: it does not say which slice it is.
std::optional<EndpointSlice> read_slice(const json& object, const ObjectReader& reader) {
  const json& metadata = field(object, "metadata");
  EndpointSlice slice;
  slice.name.name_space = text_field(metadata, "namespace", object_name_characters);
  slice.name.name = text_field(metadata, "name", object_name_characters);
  if (slice.name.name_space.empty() || slice.name.name.empty()) return std::nullopt;
  const std::string label = text_field(field(metadata, "labels"), "kubernetes.io/service-name", object_name_characters);
  const std::string service = slice.name.name_space + '/' + label;
  if (!reader.wanted.contains(service)) return slice;
  slice.service = service;
  read_endpoints(object, slice, reader.counts);
  return slice;
}

std::string shown(const std::string& text) {
  return config::escaped(text, shown_bytes);
}

WatchEvent error_event(const json& status) {
  const json& code = field(status, "code");
  const std::string reason = text_field(status, "reason", 64);
  WatchEvent event;
  event.expired = (code.is_number_integer() && code == 410) || reason == "Expired" || reason == "Gone";
  event.message = shown(text_field(status, "message", std::string::npos));
  if (event.message.empty()) event.message = shown(reason);
  return event;
}

}  // namespace

tl::expected<SlicePage, std::string> read_slice_page(std::string_view body, const ObjectReader& reader) {
  std::vector<EndpointSlice> slices;
  const auto take = [&](const json& item) {
    auto slice = read_slice(item, reader);
    if (!slice)
      ++reader.counts.malformed;
    else if (!slice->service.empty())
      slices.push_back(std::move(*slice));
  };
  const auto parsed = read_kept_fields(body, take);
  if (!parsed || !parsed->is_object())
    return tl::unexpected(std::string("expected a list of EndpointSlices, got what is no JSON object"));
  const json& list = *parsed;
  if (field(list, "kind") != "EndpointSliceList")
    return tl::unexpected("expected an EndpointSliceList, got \"" + shown(text_field(list, "kind", 256)) + '"');
  // Go writes a list without elements as null.
  if (!list.contains("items") || !(list["items"].is_array() || list["items"].is_null()))
    return tl::unexpected(std::string("expected items in the EndpointSliceList, got none"));
  const json& metadata = field(list, "metadata");
  SlicePage page{text_field(metadata, "resourceVersion", resource_version_characters),
                 text_field(metadata, "continue", continue_characters), std::move(slices)};
  const json& next = field(metadata, "continue");
  if (page.resource_version.empty())
    return tl::unexpected(std::string("expected a resourceVersion in the EndpointSliceList, got none"));
  // A token that cannot be used must not pass for the end of the list.
  if (page.next.empty() && !next.is_null() && next != "")
    return tl::unexpected(std::string("expected a continue token of at most 4096 characters, got something else"));
  return page;
}

tl::expected<WatchEvent, std::string> read_watch_event(std::string_view line, const ObjectReader& reader) {
  const auto parsed = read_kept_fields(line);
  if (!parsed || !parsed->is_object())
    return tl::unexpected(std::string("expected an event of a watch, got what is no JSON object"));
  const std::string type = text_field(*parsed, "type", 64);
  const json& object = field(*parsed, "object");
  if (type == "ERROR") return error_event(object);

  WatchEvent event;
  event.resource_version = text_field(field(object, "metadata"), "resourceVersion", resource_version_characters);
  if (event.resource_version.empty())
    return tl::unexpected(std::string("expected an event with a resourceVersion, got none"));
  if (type == "BOOKMARK") {
    event.kind = WatchEventKind::bookmark;
    return event;
  }
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED")
    return tl::unexpected("expected an event ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, got \"" + shown(type) + '"');
  auto slice = read_slice(object, reader);
  if (!slice) return tl::unexpected(std::string("expected an event about an EndpointSlice, got one without its name"));
  event.kind = type == "DELETED" ? WatchEventKind::deleted : WatchEventKind::put;
  event.slice = std::move(*slice);
  return event;
}

std::string status_message(std::string_view body) {
  if (body.size() > status_bytes) return {};
  const auto status = read_kept_fields(body);
  return status ? shown(text_field(*status, "message", std::string::npos)) : std::string();
}

}  // namespace sallyport::controlplane
