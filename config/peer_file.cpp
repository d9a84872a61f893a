#include "config/peer_file.hpp"

#include <utility>

#include "config/keys.hpp"
#include "config/limits.hpp"
#include "config/read/draft.hpp"
#include "config/read_file.hpp"

namespace sallyport::config {

tl::expected<std::vector<Peer>, std::vector<Error>> parse_peer_file(std::string_view text,
                                                                    const std::filesystem::path& name) {
  Draft draft(name);
  if (text.size() > limits::file_bytes) {
    draft.errors.add({}, too_large(limits::file_bytes));
    return tl::make_unexpected(draft.errors.take_sorted());
  }
  const auto document = parse_toml(text, draft.errors);
  if (!document) return tl::make_unexpected(std::vector{document.error()});
  if (document->find("peer") != nullptr) {
    TableReader top(*document, {}, keys::peer_file, draft.errors);
    for (const auto& table : top.find_tables("peer", limits::max_peers))
      read_peer(draft, {*table.value, table.at, keys::peer, draft.errors});
    if (draft.config.peers.empty() && draft.errors.empty()) top.add_error("peer", "expected at least one");
  } else if (document->entries.empty()) {
    draft.errors.add({}, "expected the keys of a peer, or [[peer]] tables, got an empty file");
  } else {
    const std::string stem = name.stem().string();
    read_peer(draft, {*document, {1, 1}, keys::peer, draft.errors}, is_name(stem) ? stem : std::string());
  }
  if (!draft.errors.empty()) return tl::make_unexpected(draft.errors.take_sorted());
  return std::move(draft.config.peers);
}

}  // namespace sallyport::config
