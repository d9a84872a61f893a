// peers.d/: a file that appears is a peer (or several), a file that goes ends it. The folder is read file by file, as
// files change; each is judged against gateway.toml and the files before it by name, so that what is in force depends
// on what lies there and not on how it came.
//
//   * A file that cannot be read or has an error stays with what it gave last, until it is right again or gone.
//   * Of two files that claim the same name, key or prefix the later one by name is broken; gateway.toml always wins.
//   * A file counts as a whole: all of its peers or none. One that loses prefixes to an earlier file keeps its peers
//     without them, as broken as it is, until it is right again.
//
// Reads files and blocks as long as that takes; knows nothing of who watches the folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/peer_index.hpp"
#include "config/read_file.hpp"

namespace sallyport::config {

class PeerFolder {
 public:
  // What a batch of events came to, for one peer by its name. Apply first what goes of all `before`, then all `after`.
  struct Change {
    std::optional<Peer> before;
    std::optional<Peer> after;
  };
  using Changes = std::map<std::string, Change>;  // by the peer's name
  // The last question about a new peer: nothing, or why it cannot be (its preshared key cannot be read, say).
  using Accept = std::function<std::optional<std::string>(const Peer&)>;

  // `base` is gateway.toml alone. Nothing is read yet.
  PeerFolder(std::filesystem::path folder, const Config& base);

  // Another gateway.toml: the files that are known are judged anew, in the order of their names, and not read again.
  void rebase(const Config& base, const Accept& accept);

  // The whole folder; a file whose stamp is the same and that has no error is not read again. A folder that does not
  // exist is empty; one that cannot be read stays as it is, and is an error of problems().
  Changes scan(const Accept& accept);
  // These files may have changed. Other names than those of peer files are ignored.
  Changes update(const std::set<std::string>& names, const Accept& accept);

  // "ann.toml", and not hidden.
  [[nodiscard]] static bool is_peer_file(std::string_view name);
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  // In force, in the order of the files' names.
  [[nodiscard]] std::vector<Peer> peers() const;
  [[nodiscard]] std::size_t file_count() const noexcept { return files_.size(); }

  struct Problem {
    std::string file;         // its name; empty: the folder itself
    Error error;              // the first of it
    bool keeps_last = false;  // peers that it gave before are still in force
  };
  [[nodiscard]] std::vector<Problem> problems() const;

 private:
  struct File {
    FileStamp stamp;
    std::vector<Peer> wanted;    // what it says; empty: it does not parse
    std::vector<Peer> in_force;  // what it gives
    std::vector<Error> errors;
    std::set<std::string> blocked_by;  // files that have what it wants
  };

  void read(const std::string& name);
  // Tries to make what the file wants be in force.
  void judge(const std::string& name, const Accept& accept);
  void keep_what_fits(const std::string& name, File& file, const Accept& accept);
  void withdraw(const std::string& name, File& file);
  void unblock(const std::string& name, File& file);
  void drop(const std::string& name);
  void settle(const Accept& accept);
  void touched(const std::string& peer_name, const Peer* before);
  [[nodiscard]] Changes take_changes();

  std::filesystem::path folder_;
  PeerIndex index_;
  std::map<std::string, File> files_;
  std::map<std::string, std::set<std::string>> blocks_;  // file -> files that wait for it
  std::set<std::string> to_judge_;
  std::optional<std::string> folder_error_;
  // Of the batch: what each touched peer was at its start; whose it is now.
  std::map<std::string, std::optional<Peer>> before_;
  std::map<std::string, Peer> now_;
};

}  // namespace sallyport::config
