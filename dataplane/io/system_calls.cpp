#include "dataplane/io/system_calls.hpp"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace sallyport::dataplane {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool confines = false;
#else
constexpr bool confines = true;
#endif

// clang-format off
// With whatever arguments. Descriptors and signals of our own, memory, threads, time; no path but to look and to unlink.
constexpr int allowed[] = {
    // descriptors, those of devices and of the host interfaces among them (vfio is read and written at offsets)
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(close), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    // waiting
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(restart_syscall),
    // sockets: the control plane's, those of drivers, and datagrams to systemd
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(shutdown), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir), SCMP_SYS(umask),
    // memory
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2),
    SCMP_SYS(munlock), SCMP_SYS(munlockall), SCMP_SYS(memfd_create), SCMP_SYS(mbind), SCMP_SYS(get_mempolicy),
    SCMP_SYS(set_mempolicy), SCMP_SYS(membarrier),
    // threads and their ends
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity), SCMP_SYS(getcpu), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(exit), SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    // questions
    SCMP_SYS(getrandom), SCMP_SYS(uname), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(getrusage), SCMP_SYS(sysinfo)};
// clang-format on

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) { failed_ = context_ == nullptr ? -ENOMEM : 0; }
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  template <typename... Conditions>
  void allow(int call, Conditions... conditions) {
    add(SCMP_ACT_ALLOW, call, conditions...);
  }
  template <typename... Conditions>
  void add(std::uint32_t action, int call, Conditions... conditions) {
    if (failed_ == 0) note(seccomp_rule_add(context_, action, call, sizeof...(conditions), conditions...));
  }
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    if (failed_ == 0) note(seccomp_attr_set(context_, attribute, value));
  }
  // 0 or an errno.
  int load() {
    if (failed_ == 0) note(seccomp_load(context_));
    return -failed_;
  }

 private:
  void note(int result) { failed_ = result < 0 ? result : 0; }

  scmp_filter_ctx context_;
  int failed_;
};

}  // namespace

bool needs_to_connect(const config::Dataplane& dataplane, std::span<const config::Port> ports) {
  const auto connects = [](std::string_view device) {
    return device.find("memif") != std::string_view::npos || device.find("virtio_user") != std::string_view::npos ||
           device.find("vhost") != std::string_view::npos;
  };
  return std::any_of(ports.begin(), ports.end(), [&](const config::Port& port) { return connects(port.device); }) ||
         std::any_of(dataplane.eal_args.begin(), dataplane.eal_args.end(), connects);
}

tl::expected<void, std::string> confine_system_calls(bool may_connect) {
  if (!confines) return {};
  Filter filter;
  filter.set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  filter.set(SCMP_FLTATR_CTL_TSYNC, 1);     // threads that exist, too
  filter.set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree: drivers of kernel interfaces make a call for each burst
  for (const int call : allowed) filter.allow(call);

  filter.allow(SCMP_SYS(mmap), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  filter.allow(SCMP_SYS(mprotect), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  // Threads, which some drivers make when a link changes, but no processes. glibc tries clone3 first, whose flags no
  // filter can see, and takes clone when the kernel does not know it.
  filter.allow(SCMP_SYS(clone), SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  filter.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  filter.allow(SCMP_SYS(tgkill), SCMP_A0_64(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid())));
  filter.allow(SCMP_SYS(prlimit64), SCMP_A2_64(SCMP_CMP_EQ, 0));  // to ask, not to set
  filter.allow(SCMP_SYS(prctl), SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME));
  filter.allow(SCMP_SYS(prctl), SCMP_A0_32(SCMP_CMP_EQ, PR_SET_TIMERSLACK));
  // Of devices; not to type into a terminal.
  filter.allow(SCMP_SYS(ioctl), SCMP_A1_32(SCMP_CMP_NE, TIOCSTI));
  // Unix sockets, and a datagram socket to ask for a link's state by ioctl.
  filter.allow(SCMP_SYS(socket), SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
  filter.allow(SCMP_SYS(socket), SCMP_A0_32(SCMP_CMP_EQ, AF_INET), SCMP_A1_32(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM));
  if (may_connect) filter.allow(SCMP_SYS(connect));
  if (const int error = filter.load(); error != 0)
    return tl::unexpected(std::string("cannot confine system calls: ") + std::strerror(error));
  return {};
}

}  // namespace sallyport::dataplane
