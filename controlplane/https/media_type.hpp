// The media type of a Content-Type header (RFC 9110, 8.3.1), as both sides of HTTP compare it.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::controlplane {

// Without parameters, in lower case: "application/json" of "Application/JSON; charset=utf-8".
[[nodiscard]] std::string media_type(std::string_view header);

}  // namespace sallyport::controlplane
