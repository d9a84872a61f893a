// What the files of views share. A view is JSON: a function of the configuration and the statistics segment, in the
// file of its endpoints. Views that grow with the number of peers or sessions come as streams. Ages are whole seconds,
// null means "none" or "never", and while no dataplane is connected its values are null or absent, never zero.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "controlplane/api/admin_backend.hpp"
#include "controlplane/http/json_array.hpp"
#include "controlplane/http/request_time.hpp"

namespace sallyport::controlplane {

[[nodiscard]] std::string_view version();
[[nodiscard]] Json prefixes_json(const std::vector<IpPrefix>& prefixes);

// The status record of a peer, if the dataplane has that very peer (name and key).
[[nodiscard]] std::optional<abi::PeerStatusValue> peer_status(const Peer& peer, const AdminBackend& backend);
// The record of a live session. The index may belong to another peer by now: compare.
[[nodiscard]] std::optional<abi::SessionStatusValue> session_status(std::uint32_t index,
                                                                    const abi::StatisticsView& statistics);
[[nodiscard]] std::string port_name(unsigned port_index, const abi::StatisticsView& statistics);
inline constexpr std::string_view no_port_name = "(none)";  // no port can be called that

[[nodiscard]] std::string_view to_string(abi::SessionState state);
[[nodiscard]] std::string_view to_string(abi::HandshakeRole role);
[[nodiscard]] std::string_view to_string(abi::NeighbourState state);

// A character array from the shared memory, up to its zero byte or its end.
template <std::size_t N>
[[nodiscard]] std::string text_of(const std::array<char, N>& characters) {
  std::size_t length = 0;
  while (length < N && characters[length] != '\0') ++length;
  return {characters.data(), length};
}

}  // namespace sallyport::controlplane
