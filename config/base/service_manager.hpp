// Tells the service manager (systemd, Type=notify) how far the process is. sd_notify(3) describes the datagram.
#pragma once

#include <string_view>

namespace sallyport {

// Such as "READY=1". False: nobody asked for it ($NOTIFY_SOCKET is not set), or it could not be sent.
bool tell_service_manager(std::string_view state) noexcept;

}  // namespace sallyport
