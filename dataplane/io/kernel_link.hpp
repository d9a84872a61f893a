// Drivers that stand on an interface of the kernel (AF_PACKET, AF_XDP) say that their link is up whatever becomes of
// it: the kernel knows better.
#pragma once

namespace sallyport::dataplane {

// Housekeeping only. It never waits.
class KernelLinks {
 public:
  KernelLinks() noexcept;  // of this thread's network namespace
  ~KernelLinks();
  KernelLinks(const KernelLinks&) = delete;
  KernelLinks& operator=(const KernelLinks&) = delete;

  // Administratively up and with a carrier (IFF_UP, IFF_RUNNING: netdevice(7)). An interface that is gone is down;
  // where the kernel cannot be asked, the driver is believed.
  [[nodiscard]] bool is_up(unsigned interface_index) const noexcept;

 private:
  int socket_;
};

}  // namespace sallyport::dataplane
