// Everything that Prometheus sees, as one text (exposition format 0.0.4). The dataplane's counters come from
// dataplane/abi/counters.hpp, all else from metric_list.hpp; a metric that is in neither does not exist.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/api/admin_backend.hpp"
#include "controlplane/http/request_time.hpp"

namespace sallyport::controlplane {

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

[[nodiscard]] std::string metrics_text(const AdminBackend& backend, const RequestTime& time);

}  // namespace sallyport::controlplane
