// The reference of keys for people, made from the lists by which files are read.
#pragma once

#include "config/toml/table_reader.hpp"

namespace sallyport::config {

// Markdown: a heading and a table of keys for each section.
[[nodiscard]] std::string reference_markdown(std::span<const TableInfo* const> tables);

}  // namespace sallyport::config
