// "NAMESPACE/NAME", both DNS labels (RFC 1123), as Kubernetes names namespaces and services.
#pragma once

#include <algorithm>
#include <string_view>

namespace sallyport::controlplane {

[[nodiscard]] inline bool is_dns_label(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), allowed);
}

[[nodiscard]] inline bool is_service_name(std::string_view text) {
  const auto slash = text.find('/');
  return slash != std::string_view::npos && is_dns_label(text.substr(0, slash)) && is_dns_label(text.substr(slash + 1));
}

}  // namespace sallyport::controlplane
