// Who is meant by the source and by the destination that an operator asks about: an address, a peer's name, an identity
// or, as a destination, a service.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/api/admin_backend.hpp"

namespace sallyport::controlplane {

struct SourceParty {
  std::string_view kind;           // "peer", "identity", "tag", "address" or "network"
  policy::Facts facts;             // of the first peer that is meant, or just what the text says
  std::vector<const Peer*> peers;  // all that are meant: one identity may have several
};

struct DestinationParty {
  std::string_view kind;  // "address", "peer", "identity" or "service"
  policy::Destination destination;
  const Peer* peer = nullptr;  // whose address it is
  std::string note;            // why this address and not another; empty: it is the one that was asked about
};

struct UnknownParty {
  unsigned status = 404;
  std::string message;
};

// "10.8.0.2", "ann-laptop", "peer:ann-laptop", "user:corp/ann@example.com" (also sa:, spiffe://, ike: and machine:;
// with no peer of that identity, configured or by proof, facts of just that name), "tag:branch", "net:10.0.0.0/24".
[[nodiscard]] tl::expected<SourceParty, UnknownParty> find_source(std::string_view text, const AdminBackend& backend);
// The same but for tags and networks, or the name of a service, of which one address is taken: a live endpoint if there
// is one, else the first of its first prefix, else that of a peer.
[[nodiscard]] tl::expected<DestinationParty, UnknownParty> find_destination(std::string_view text,
                                                                            const AdminBackend& backend);

}  // namespace sallyport::controlplane
