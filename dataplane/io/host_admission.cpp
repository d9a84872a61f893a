#include "dataplane/io/host_admission.hpp"

#include <algorithm>

#include "config/limits.hpp"

namespace sallyport::dataplane {
namespace {

bool opens_connection(std::uint8_t tcp_flags) noexcept {
  return (tcp_flags & (tcp_flag_syn | tcp_flag_ack)) == tcp_flag_syn;
}

}  // namespace

HostAdmission::HostAdmission(std::span<const config::HostService> services) noexcept {
  static_assert(most_entries >= config::limits::host_services);
  for (const config::HostService& service : services.first(std::min(services.size(), most_entries)))
    entries_[count_++] = {service.protocol == config::HostProtocol::tcp ? protocol_tcp : protocol_udp, service.port};
}

bool HostAdmission::lists(std::uint8_t protocol, std::uint16_t port) const noexcept {
  return std::any_of(entries_, entries_ + count_,
                     [=](const Entry& entry) { return entry.protocol == protocol && entry.port == port; });
}

bool HostAdmission::admits_inbound(std::uint8_t protocol, std::uint16_t destination_port, std::uint16_t source_port,
                                   std::uint8_t tcp_flags) const noexcept {
  if (lists(protocol, destination_port)) return true;
  return protocol == protocol_tcp && lists(protocol, source_port) && !opens_connection(tcp_flags);
}

bool HostAdmission::admits_outbound(std::uint8_t protocol, std::uint16_t destination_port, std::uint16_t source_port,
                                    std::uint8_t tcp_flags) const noexcept {
  if (lists(protocol, destination_port)) return true;
  return lists(protocol, source_port) && (protocol == protocol_udp || !opens_connection(tcp_flags));
}

}  // namespace sallyport::dataplane
