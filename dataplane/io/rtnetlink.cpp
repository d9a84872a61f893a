#include "dataplane/io/rtnetlink.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "config/base/check.hpp"

namespace sallyport::dataplane {
namespace {

// A request under construction: the header, the family's own header, then attributes, each aligned to 4 bytes.
template <typename Body>
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags) {
    header().nlmsg_type = type;
    header().nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header().nlmsg_len = NLMSG_LENGTH(sizeof(Body));
  }
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(bytes_); }
  Body& body() { return *static_cast<Body*>(NLMSG_DATA(bytes_)); }

  rtattr& add(std::uint16_t type, const void* data, std::size_t length) {
    const std::size_t offset = NLMSG_ALIGN(header().nlmsg_len);
    SP_CHECK(offset + RTA_SPACE(length) <= sizeof bytes_);
    auto& attribute = *reinterpret_cast<rtattr*>(bytes_ + offset);
    attribute.rta_type = type;
    attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(length));
    if (length > 0) std::memcpy(RTA_DATA(&attribute), data, length);
    header().nlmsg_len = static_cast<std::uint32_t>(offset + RTA_ALIGN(attribute.rta_len));
    return attribute;
  }
  rtattr& open_nest(std::uint16_t type) { return add(static_cast<std::uint16_t>(type | NLA_F_NESTED), nullptr, 0); }
  void close_nest(rtattr& nest) {
    const auto* end = bytes_ + NLMSG_ALIGN(header().nlmsg_len);
    nest.rta_len = static_cast<std::uint16_t>(end - reinterpret_cast<unsigned char*>(&nest));
  }
  void* data() { return bytes_; }
  std::uint32_t length() { return header().nlmsg_len; }

 private:
  alignas(nlmsghdr) unsigned char bytes_[512] = {};
};

}  // namespace

tl::expected<Rtnetlink, std::string> Rtnetlink::open() {
  const int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (descriptor < 0) return tl::unexpected(std::string("no rtnetlink socket: ") + std::strerror(errno));
  return Rtnetlink(descriptor);
}

Rtnetlink::Rtnetlink(Rtnetlink&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), sequence_(other.sequence_) {}

Rtnetlink::~Rtnetlink() {
  if (socket_ >= 0) close(socket_);
}

int Rtnetlink::request(void* message, std::uint32_t length) {
  static_cast<nlmsghdr*>(message)->nlmsg_seq = ++sequence_;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(socket_, message, length, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0) return errno;
  for (;;) {
    alignas(nlmsghdr) unsigned char answer[4096];
    const ssize_t received = recv(socket_, answer, sizeof answer, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return errno;
    if (static_cast<std::size_t>(received) < NLMSG_LENGTH(sizeof(nlmsgerr))) return EPROTO;
    const auto& header = *reinterpret_cast<const nlmsghdr*>(answer);
    if (header.nlmsg_seq != sequence_) continue;
    if (header.nlmsg_type != NLMSG_ERROR) return EPROTO;
    return -static_cast<const nlmsgerr*>(NLMSG_DATA(&header))->error;
  }
}

int Rtnetlink::bring_up(unsigned interface_index, const config::MacAddress& mac, std::uint16_t mtu) {
  Message<ifinfomsg> shape(RTM_NEWLINK, 0);
  shape.body().ifi_index = static_cast<int>(interface_index);
  const std::uint32_t mtu_bytes = mtu;
  const std::uint8_t no_generated_address = IN6_ADDR_GEN_MODE_NONE;
  shape.add(IFLA_ADDRESS, mac.data(), mac.size());
  shape.add(IFLA_MTU, &mtu_bytes, sizeof mtu_bytes);
  // A kernel without IPv6, or with an MTU that IPv6 does not take, refuses this part; it then generates nothing either.
  Message<ifinfomsg> quiet = shape;
  rtattr& families = quiet.open_nest(IFLA_AF_SPEC);
  rtattr& inet6 = quiet.open_nest(AF_INET6);
  quiet.add(IFLA_INET6_ADDR_GEN_MODE, &no_generated_address, sizeof no_generated_address);
  quiet.close_nest(inet6);
  quiet.close_nest(families);
  if (request(quiet.data(), quiet.length()) != 0)
    if (const int error = request(shape.data(), shape.length()); error != 0) return error;

  Message<ifinfomsg> up(RTM_NEWLINK, 0);
  up.body().ifi_index = static_cast<int>(interface_index);
  up.body().ifi_flags = IFF_UP;
  up.body().ifi_change = IFF_UP;
  return request(up.data(), up.length());
}

int Rtnetlink::add_address(unsigned interface_index, const IpPrefix& prefix) {
  Message<ifaddrmsg> message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  const bool v4 = prefix.address.is_v4();
  const std::size_t length = v4 ? 4 : 16;
  message.body().ifa_family = v4 ? AF_INET : AF_INET6;
  message.body().ifa_prefixlen = prefix.length;
  message.body().ifa_scope = prefix.address.is_link_local() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  message.body().ifa_index = interface_index;
  message.add(IFA_LOCAL, prefix.address.bytes.data(), length);
  message.add(IFA_ADDRESS, prefix.address.bytes.data(), length);
  if (v4 && prefix.length < 31) {
    IpAddress broadcast = prefix.network().address;
    for (unsigned bit = prefix.length; bit < 32; ++bit)
      broadcast.bytes[bit / 8] = static_cast<std::uint8_t>(broadcast.bytes[bit / 8] | 0x80U >> (bit % 8));
    message.add(IFA_BROADCAST, broadcast.bytes.data(), length);
  }
  const std::uint32_t flags = IFA_F_PERMANENT | IFA_F_NODAD;
  message.add(IFA_FLAGS, &flags, sizeof flags);
  return request(message.data(), message.length());
}

}  // namespace sallyport::dataplane
