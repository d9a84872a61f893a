// Every key of a policy file with its type, default and meaning: the one list that the reader, the error messages and
// the reference in README.md share.
#pragma once

#include "config/toml/table_reader.hpp"

namespace sallyport::policy::keys {

using config::KeyInfo;
using config::TableInfo;

extern const TableInfo top_level, issuer, service, rule, when, test;

// In the order of the reference.
[[nodiscard]] std::span<const TableInfo* const> all_tables();
[[nodiscard]] std::string reference_markdown();

}  // namespace sallyport::policy::keys
