// Text from elsewhere on its way to a terminal: a name must not move the cursor, and a table must stay aligned.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::ctl {

// Control characters (C0, DEL, C1) and bytes that are not UTF-8 become '?'.
[[nodiscard]] std::string printable(std::string_view text);

// Characters of UTF-8 text; every one counts as one column.
[[nodiscard]] std::size_t columns(std::string_view text);

}  // namespace sallyport::ctl
