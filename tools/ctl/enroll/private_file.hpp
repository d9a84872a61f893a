// Files with secrets: for their owner alone, and whole at every moment.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace sallyport::ctl {

// Replaces `path` atomically by a file with mode 0600: whoever reads it finds the old text or the new one, also after a
// crash. A symbolic link at `path` is replaced, not followed. The error says what could not be done.
[[nodiscard]] tl::expected<void, std::string> write_private_file(const std::string& path, std::string_view text);

}  // namespace sallyport::ctl
