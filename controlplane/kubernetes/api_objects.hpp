// What an API server says, as values: pages of a list of EndpointSlices, events of a watch, the message of a Status
// (discovery.k8s.io/v1, meta/v1). No field is trusted to be there or to be of its type; nothing throws. A slice that
// cannot be understood has no endpoints, an endpoint that cannot be is left out, and both are counted.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/kubernetes/endpoint_slices.hpp"

namespace sallyport::controlplane {

struct ParseCounts {
  std::uint64_t malformed = 0;  // not what the API's schema says
  std::uint64_t refused = 0;    // slices of FQDNs, and addresses that no endpoint can have
};

// What is read, and who counts.
struct ObjectReader {
  const std::set<std::string>& wanted;  // "NAMESPACE/NAME": of other services only names are read
  ParseCounts& counts;
};

inline constexpr std::size_t object_name_characters = 253;  // RFC 1123, as Kubernetes names are
inline constexpr std::size_t resource_version_characters = 256;
inline constexpr std::size_t continue_characters = 4096;

struct SlicePage {
  std::string resource_version;
  std::string next;  // the continue token; empty: it was the last page
  std::vector<EndpointSlice> slices;
};
[[nodiscard]] tl::expected<SlicePage, std::string> read_slice_page(std::string_view body, const ObjectReader& reader);

enum class WatchEventKind : std::uint8_t { put, deleted, bookmark, error };
struct WatchEvent {
  WatchEventKind kind = WatchEventKind::error;
  std::string resource_version;  // of all but errors
  EndpointSlice slice;           // of put and deleted
  bool expired = false;          // of error: the resourceVersion is too old, 410
  std::string message;           // of error: fit to be shown
};
[[nodiscard]] tl::expected<WatchEvent, std::string> read_watch_event(std::string_view line, const ObjectReader& reader);

// The message of a Status, fit to be shown; empty if the text is none.
[[nodiscard]] std::string status_message(std::string_view body);

}  // namespace sallyport::controlplane
