// Pools of inner addresses and how much of them is given out.
#include <limits>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolment_api.hpp"

namespace sallyport::controlplane {

namespace {

HttpResponse get_pools(const Call& call) {
  if (const auto wrong = wrong_query(call.target, {})) return failure(400, *wrong);
  Json list = Json::array();
  for (const PoolUse& pool : call.backend.pool_use()) {
    Json view = {{"name", pool.name}, {"sessions", pool.sessions}, {"leased", pool.leased}};
    if (pool.capacity != std::numeric_limits<std::uint64_t>::max()) view["capacity"] = pool.capacity;
    list.push_back(std::move(view));
  }
  return document({{"pools", std::move(list)}});
}

}  // namespace

std::span<const Endpoint> pool_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"pools"}, get_pools, "pools of inner addresses, and what is given out"},
  };
  return list;
}

}  // namespace sallyport::controlplane
