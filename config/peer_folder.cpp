#include "config/peer_folder.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "config/peer_file.hpp"
#include "config/read_file.hpp"

namespace sallyport::config {
namespace {

Error error_of(const std::filesystem::path& file, std::string message) {
  return {{std::make_shared<const std::string>(file.string()), 0, 0}, std::move(message)};
}

// The names in a folder, or errno.
tl::expected<std::set<std::string>, int> names_in(const std::filesystem::path& folder) {
  const auto close_folder = [](DIR* open) { closedir(open); };
  const std::unique_ptr<DIR, decltype(close_folder)> open(opendir(folder.c_str()), close_folder);
  if (!open) return tl::make_unexpected(errno);
  std::set<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(open.get())) names.insert(entry->d_name);
  if (errno != 0) return tl::make_unexpected(errno);
  return names;
}

}  // namespace

PeerFolder::PeerFolder(std::filesystem::path folder, const Config& base) : folder_(std::move(folder)), index_(base) {}

bool PeerFolder::is_peer_file(std::string_view name) {
  constexpr std::string_view ending = ".toml";
  return name.size() > ending.size() && name.front() != '.' && name.ends_with(ending);
}

void PeerFolder::rebase(const Config& base, const Accept& accept) {
  index_ = PeerIndex(base);
  blocks_.clear();
  before_.clear();
  now_.clear();
  std::map<std::string, std::vector<Error>> broken;
  for (auto& [name, file] : files_) {
    if (file.wanted.empty()) {  // it keeps what it gave last, if that still fits
      broken[name] = std::move(file.errors);
      file.wanted = file.in_force;
    }
    for (const Peer& peer : file.in_force) before_.try_emplace(peer.name, peer);
    file.in_force.clear();
    file.blocked_by.clear();
    to_judge_.insert(name);
  }
  settle(accept);
  for (auto& [name, errors] : broken) {
    File& file = files_.at(name);
    file.wanted.clear();
    file.errors = std::move(errors);
  }
  (void)take_changes();
}

PeerFolder::Changes PeerFolder::scan(const Accept& accept) {
  const auto names = names_in(folder_);
  folder_error_.reset();
  if (!names && names.error() != ENOENT && names.error() != ENOTDIR) {
    folder_error_ = std::string("cannot be read: ") + std::strerror(names.error());
    return {};
  }
  std::set<std::string> seen;
  if (names) std::copy_if(names->begin(), names->end(), std::inserter(seen, seen.end()), is_peer_file);
  std::vector<std::string> gone;
  for (const auto& [name, file] : files_)
    if (!seen.contains(name)) gone.push_back(name);
  for (const std::string& name : gone) drop(name);
  for (const std::string& name : seen) read(name);
  settle(accept);
  return take_changes();
}

PeerFolder::Changes PeerFolder::update(const std::set<std::string>& names, const Accept& accept) {
  for (const std::string& name : names)
    if (is_peer_file(name)) read(name);
  settle(accept);
  return take_changes();
}

void PeerFolder::read(const std::string& name) {
  const std::filesystem::path path = folder_ / name;
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) return drop(name);
  const auto known = files_.find(name);
  const auto stamp = stamp_of(path);
  if (known != files_.end() && stamp && known->second.stamp == *stamp && known->second.errors.empty()) return;

  File& file = files_[name];
  file.errors.clear();
  const auto text = read_file(path);
  if (text) file.stamp = text->stamp;
  auto parsed =
      text ? parse_peer_file(text->text, path) : tl::make_unexpected(std::vector<Error>{error_of(path, text.error())});
  if (!parsed) {
    file.errors = std::move(parsed.error());
    file.wanted.clear();
    return;
  }
  file.wanted = std::move(*parsed);
  to_judge_.insert(name);
}

// In the order of names: a file is evicted only by an earlier one, and what it gave up can only help later ones.
void PeerFolder::settle(const Accept& accept) {
  while (!to_judge_.empty()) judge(to_judge_.extract(to_judge_.begin()).value(), accept);
}

void PeerFolder::judge(const std::string& name, const Accept& accept) {
  const auto found = files_.find(name);
  if (found == files_.end()) return;
  File& file = found->second;
  unblock(name, file);
  if (file.wanted.empty()) return;  // it has an error of its own
  if (file.wanted == file.in_force) return file.errors.clear();

  // 1. Without itself, would it fit? Its own former peers are out of the way for the question.
  for (const Peer& peer : file.in_force) index_.remove(peer);
  std::vector<Error> errors;
  std::set<std::string> later, earlier;
  std::vector<const Peer*> added;
  for (const Peer& peer : file.wanted) {
    bool fits = true;
    for (const PeerConflict& conflict : index_.conflicts(peer)) {
      fits = false;
      if (conflict.file > name) {
        later.insert(conflict.file);
        continue;
      }
      if (!conflict.file.empty() && conflict.file != name) earlier.insert(conflict.file);
      errors.push_back({peer.location, conflict.message});
    }
    if (!fits) continue;
    index_.add(peer, name);  // so that two of one file cannot have the same
    added.push_back(&peer);
  }
  for (const Peer* peer : added) index_.remove(*peer);
  if (errors.empty())
    for (const Peer& peer : file.wanted)
      if (auto why = accept ? accept(peer) : std::nullopt) errors.push_back({peer.location, std::move(*why)});
  for (const Peer& peer : file.in_force) index_.add(peer, name);
  if (!errors.empty()) {
    file.errors = std::move(errors);
    file.blocked_by = earlier;
    for (const std::string& other : earlier) blocks_[other].insert(name);
    if (file.in_force.empty()) keep_what_fits(name, file, accept);
    return;
  }

  // 2. It does, once later files gave way.
  file.errors.clear();
  for (const std::string& other : later) {
    File& evicted = files_.at(other);
    withdraw(other, evicted);
    to_judge_.insert(other);
  }
  withdraw(name, file);
  for (const Peer& peer : file.wanted) {
    if (const auto conflicts = index_.conflicts(peer); !conflicts.empty()) {  // two of its own
      file.errors.push_back({peer.location, conflicts.front().message});
      return withdraw(name, file);
    }
    index_.add(peer, name);
    touched(peer.name, nullptr);
    now_[peer.name] = peer;
    file.in_force.push_back(peer);
  }
}

// A file that must give way gives up the prefixes that are another's now, and no more: its peers go on without them, so
// that two files may exchange their prefixes one after the other and no session ends.
void PeerFolder::keep_what_fits(const std::string& name, File& file, const Accept& accept) {
  for (const Peer& wanted : file.wanted) {
    const bool was_there = std::any_of(before_.begin(), before_.end(), [&](const auto& entry) {
      return entry.second && entry.second->wireguard == wanted.wireguard &&
             entry.second->public_key == wanted.public_key;
    });
    Peer kept = wanted;
    kept.allowed_ips.clear();
    if (!was_there || !index_.conflicts(kept).empty()) continue;
    std::vector<IpPrefix> prefixes;
    for (const IpPrefix& prefix : wanted.allowed_ips) {
      kept.allowed_ips = {prefix};
      if (index_.conflicts(kept).empty()) prefixes.push_back(prefix);
    }
    kept.allowed_ips = std::move(prefixes);
    if (!index_.conflicts(kept).empty() || (accept && accept(kept))) continue;
    index_.add(kept, name);
    touched(kept.name, nullptr);
    now_[kept.name] = kept;
    file.in_force.push_back(std::move(kept));
  }
}

// Nothing of the file is in force any more; those who waited for it may try again.
void PeerFolder::withdraw(const std::string& name, File& file) {
  for (const Peer& peer : file.in_force) {
    index_.remove(peer);
    touched(peer.name, &peer);
    now_.erase(peer.name);
  }
  file.in_force.clear();
  if (const auto waiting = blocks_.find(name); waiting != blocks_.end()) {
    to_judge_.insert(waiting->second.begin(), waiting->second.end());
    blocks_.erase(waiting);
  }
}

// It waits for nobody any more.
void PeerFolder::unblock(const std::string& name, File& file) {
  for (const std::string& other : std::exchange(file.blocked_by, {})) {
    const auto waiting = blocks_.find(other);
    if (waiting == blocks_.end()) continue;
    waiting->second.erase(name);
    if (waiting->second.empty()) blocks_.erase(waiting);
  }
}

void PeerFolder::drop(const std::string& name) {
  const auto found = files_.find(name);
  if (found == files_.end()) return;
  unblock(name, found->second);
  withdraw(name, found->second);
  files_.erase(found);
}

void PeerFolder::touched(const std::string& peer_name, const Peer* before) {
  const auto known = now_.find(peer_name);
  before_.try_emplace(peer_name, before != nullptr && known == now_.end() ? std::optional(*before) : std::nullopt);
}

PeerFolder::Changes PeerFolder::take_changes() {
  Changes changes;
  for (auto& [name, before] : before_) {
    const auto now = now_.find(name);
    std::optional<Peer> after;
    if (now != now_.end()) after = std::move(now->second);
    if (before != after) changes[name] = {std::move(before), std::move(after)};
  }
  before_.clear();
  now_.clear();
  return changes;
}

std::vector<Peer> PeerFolder::peers() const {
  std::vector<Peer> list;
  for (const auto& [name, file] : files_) list.insert(list.end(), file.in_force.begin(), file.in_force.end());
  return list;
}

std::vector<PeerFolder::Problem> PeerFolder::problems() const {
  std::vector<Problem> list;
  if (folder_error_) list.push_back({{}, error_of(folder_, *folder_error_), !files_.empty()});
  for (const auto& [name, file] : files_)
    if (!file.errors.empty()) list.push_back({name, file.errors.front(), !file.in_force.empty()});
  return list;
}

}  // namespace sallyport::config
