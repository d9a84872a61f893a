// The EndpointSlices that the wanted services of one cluster have, and what they come to: the ready and the draining
// addresses of a service over all of its slices. Bounded; no I/O. Slices are told apart by name alone: the last word
// about a name counts, and hearing the same word again changes nothing, so no resourceVersion is ever compared.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/base/ip.hpp"
#include "controlplane/kubernetes/cluster_watch.hpp"

namespace sallyport::controlplane {

// In the order of preference: an address that several slices name is what the best of them says.
enum class EndpointState : std::uint8_t {
  ready,    // new flows begin
  serving,  // terminating, but it still answers: new flows begin only if the service has nothing ready
  draining  // not ready: the flows that it has go on
};

struct SliceEndpoint {
  IpAddress address;
  EndpointState state = EndpointState::draining;
  friend auto operator<=>(const SliceEndpoint&, const SliceEndpoint&) = default;
};

struct SliceName {
  std::string name_space, name;
  friend auto operator<=>(const SliceName&, const SliceName&) = default;
};

struct EndpointSlice {
  SliceName name;
  std::string service;  // "NAMESPACE/NAME"; empty: of none that is wanted
  std::vector<SliceEndpoint> endpoints;
};

class EndpointSlices {
 public:
  static constexpr std::size_t slices_max = 20'000;
  static constexpr std::size_t addresses_max = 262'144;
  static constexpr std::size_t bytes_max = std::size_t{32} * 1024 * 1024;  // of names and addresses

  // Takes the place of what is known of that name. False: there is no room, and nothing is known of the name now.
  bool put(EndpointSlice slice);
  void remove(const SliceName& name);
  // All that is known of a namespace, or of all of them (an empty text), becomes `listed`. How many had no room.
  std::size_t replace(std::string_view name_space, EndpointSlices listed);
  void keep_services(const std::set<std::string>& wanted);

  [[nodiscard]] LiveEndpoints endpoints(const std::string& service) const;
  [[nodiscard]] std::size_t size() const noexcept { return slices_.size(); }
  // Services whose slices were touched since the last call.
  [[nodiscard]] std::set<std::string> take_touched() { return std::exchange(touched_, {}); }

 private:
  using Slices = std::map<SliceName, EndpointSlice>;
  Slices::iterator erase(Slices::iterator at);
  [[nodiscard]] static std::size_t bytes_of(const EndpointSlice& slice);

  Slices slices_;
  std::set<std::pair<std::string, SliceName>> by_service_;
  std::set<std::string> touched_;
  std::size_t addresses_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace sallyport::controlplane
