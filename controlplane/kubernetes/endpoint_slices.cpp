#include "controlplane/kubernetes/endpoint_slices.hpp"

#include <algorithm>

namespace sallyport::controlplane {

bool EndpointSlices::put(EndpointSlice slice) {
  remove(slice.name);
  if (slice.service.empty()) return true;
  const std::size_t bytes = bytes_of(slice);
  const bool room = slices_.size() < slices_max && slice.endpoints.size() <= addresses_max - addresses_ &&
                    bytes <= bytes_max - bytes_;
  if (!room) return false;
  addresses_ += slice.endpoints.size();
  bytes_ += bytes;
  touched_.insert(slice.service);
  by_service_.emplace(slice.service, slice.name);
  SliceName name = slice.name;
  slices_.emplace(std::move(name), std::move(slice));
  return true;
}

void EndpointSlices::remove(const SliceName& name) {
  const auto known = slices_.find(name);
  if (known != slices_.end()) erase(known);
}

std::size_t EndpointSlices::replace(std::string_view name_space, EndpointSlices listed) {
  auto at = name_space.empty() ? slices_.begin() : slices_.lower_bound({std::string(name_space), {}});
  while (at != slices_.end() && (name_space.empty() || at->first.name_space == name_space)) at = erase(at);
  std::size_t left_out = 0;
  for (auto& [name, slice] : listed.slices_)
    if (!put(std::move(slice))) ++left_out;
  return left_out;
}

void EndpointSlices::keep_services(const std::set<std::string>& wanted) {
  for (auto at = slices_.begin(); at != slices_.end();)
    at = wanted.contains(at->second.service) ? std::next(at) : erase(at);
}

LiveEndpoints EndpointSlices::endpoints(const std::string& service) const {
  std::vector<SliceEndpoint> all;
  for (auto at = by_service_.lower_bound({service, {}}); at != by_service_.end() && at->first == service; ++at) {
    const EndpointSlice& slice = slices_.at(at->second);
    all.insert(all.end(), slice.endpoints.begin(), slice.endpoints.end());
  }
  // Sorted by address and then by state: the first of an address is its best.
  std::sort(all.begin(), all.end());
  const auto same_address = [](const SliceEndpoint& a, const SliceEndpoint& b) { return a.address == b.address; };
  all.erase(std::unique(all.begin(), all.end(), same_address), all.end());

  // kube-proxy looks at each family on its own, and so does decisions/terminating.md.
  bool any_ready_v4 = false, any_ready_v6 = false;
  for (const SliceEndpoint& endpoint : all)
    if (endpoint.state == EndpointState::ready) (endpoint.address.is_v4() ? any_ready_v4 : any_ready_v6) = true;
  LiveEndpoints live;
  for (const SliceEndpoint& endpoint : all) {
    const bool others_ready = endpoint.address.is_v4() ? any_ready_v4 : any_ready_v6;
    const bool ready =
        endpoint.state == EndpointState::ready || (endpoint.state == EndpointState::serving && !others_ready);
    (ready ? live.ready : live.draining).push_back(IpPrefix::host(endpoint.address));
  }
  return live;
}

EndpointSlices::Slices::iterator EndpointSlices::erase(Slices::iterator at) {
  const EndpointSlice& slice = at->second;
  addresses_ -= slice.endpoints.size();
  bytes_ -= bytes_of(slice);
  touched_.insert(slice.service);
  by_service_.erase({slice.service, slice.name});
  return slices_.erase(at);
}

std::size_t EndpointSlices::bytes_of(const EndpointSlice& slice) {
  // A name is kept three times, a service's name twice.
  return 3 * (slice.name.name_space.size() + slice.name.name.size()) + 2 * slice.service.size() +
         slice.endpoints.size() * sizeof(SliceEndpoint);
}

}  // namespace sallyport::controlplane
