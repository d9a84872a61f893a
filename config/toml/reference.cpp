#include "config/toml/reference.hpp"

namespace sallyport::config {
namespace {

void append_cell(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  out += " | ";
}

}  // namespace

std::string reference_markdown(std::span<const TableInfo* const> tables) {
  std::string out;
  for (const TableInfo* table : tables) {
    out += "### `" + std::string(table->header) + "`\n\n" + std::string(table->meaning) + "\n\n";
    out += "| key | type | default | meaning |\n|---|---|---|---|\n";
    for (const KeyInfo& key : table->keys) {
      const bool literal = key.fallback != "required" && key.fallback != "none";
      out += "| ";
      append_cell(out, '`' + std::string(key.name) + '`');
      append_cell(out, key.type);
      append_cell(out, literal ? '`' + std::string(key.fallback) + '`' : std::string(key.fallback));
      append_cell(out, key.meaning);
      out.pop_back();
      out += '\n';
    }
    out += '\n';
  }
  return out;
}

}  // namespace sallyport::config
