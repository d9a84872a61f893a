// The ICMP errors that the gateway owes to the senders of inner and inside packets: RFC 1812 section 4.3, RFC 4443
// section 2.4. Every one is about a packet that is dropped; the drop is counted whether or not the error may be sent.
// Two rates bound them: one for all, and one for each source, so that a flood with one sender does not silence the
// path MTU discovery of the others.
#pragma once

#include <optional>

#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/source_rates.hpp"
#include "dataplane/io/token_bucket.hpp"

namespace sallyport::dataplane {

class IcmpErrors {
 public:
  static constexpr std::uint64_t errors_per_s = 1000;
  static constexpr std::uint64_t burst_errors = 200;
  static constexpr std::uint64_t errors_per_source_per_s = 50;
  static constexpr std::uint64_t burst_per_source = 20;

  explicit IcmpErrors(HousekeepingContext& context);

  // Task::icmp_error: drops with meta.drop_reason, answered by meta.icmp.
  void handle(Packet* packet) noexcept;
  // The same for a drop that is decided here. `packet` starts at an IP header that meta.ip describes.
  void drop_with_error(Packet* packet, DropReason reason, IcmpErrorRequest error) noexcept;

 private:
  static constexpr std::uint32_t source_buckets = 1024;

  [[nodiscard]] std::optional<IpAddress> reply_source(const PacketMeta& meta, const IpAddress& sender) const noexcept;
  [[nodiscard]] bool send(const Packet* about, IcmpErrorRequest error) noexcept;

  HousekeepingContext& context_;
  TokenBucket all_{errors_per_s, burst_errors};
  SourceRates by_source_{source_buckets, errors_per_source_per_s, burst_per_source};
};

}  // namespace sallyport::dataplane
