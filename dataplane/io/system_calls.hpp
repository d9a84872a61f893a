// What a running dataplane may ask the kernel for: a list, beyond which every system call fails with EPERM. Nothing on
// it opens a file, starts a program, or makes memory executable, so whoever takes the process over has no more than its
// descriptors: the devices, the rings, the sockets. seccomp(2).
#pragma once

#include <span>
#include <string>

#include <tl/expected.hpp>

#include "config/config.hpp"

namespace sallyport::dataplane {

// Drivers that connect to a Unix socket again when their other side came back (memif's client, virtio-user, vhost) need
// connect(); nothing else does.
[[nodiscard]] bool needs_to_connect(const config::Dataplane& dataplane, std::span<const config::Port> ports);

// For every thread of the process, those that it makes later too, and for good. Call when devices, sockets and host
// interfaces are open. A build with a sanitizer is left alone: its run-time library opens files at the end.
[[nodiscard]] tl::expected<void, std::string> confine_system_calls(bool may_connect);

}  // namespace sallyport::dataplane
