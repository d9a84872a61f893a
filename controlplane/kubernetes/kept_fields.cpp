#include "controlplane/kubernetes/kept_fields.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::controlplane {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 21> kept_keys{"addressType",
                                                     "addresses",
                                                     "code",
                                                     "conditions",
                                                     "continue",
                                                     "endpoints",
                                                     "items",
                                                     "kind",
                                                     "labels",
                                                     "message",
                                                     "metadata",
                                                     "name",
                                                     "namespace",
                                                     "object",
                                                     "ready",
                                                     "reason",
                                                     "resourceVersion",
                                                     "serving",
                                                     "terminating",
                                                     "type",
                                                     "kubernetes.io/service-name"};

bool is_kept(std::string_view key) {
  return std::find(kept_keys.begin(), kept_keys.end(), key) != kept_keys.end();
}

// nlohmann's SAX interface; false ends the parsing.
class Keeper {
 public:
  explicit Keeper(OnItem on_item) : on_item_(std::move(on_item)) {}

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(std::int64_t value) { return scalar(value); }
  bool number_unsigned(std::uint64_t value) { return scalar(value); }
  bool number_float(double value, const std::string&) { return scalar(value); }
  bool string(std::string& value) { return skipping() ? scalar(nullptr) : scalar(std::move(value)); }
  bool binary(json::binary_t&) { return false; }

  bool start_object(std::size_t) { return begin(json::object()); }
  bool start_array(std::size_t) { return begin(json::array()); }
  bool end_object() { return end(); }
  bool end_array() { return end(); }

  bool key(std::string& name) {
    if (skipped_depth_ > 0) return true;
    key_ = std::move(name);
    skip_next_ = !is_kept(key_);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception&) { return false; }

  json root;

 private:
  [[nodiscard]] bool skipping() const { return skip_next_ || skipped_depth_ > 0; }

  bool scalar(json value) {
    if (std::exchange(skip_next_, false) || skipped_depth_ > 0) return true;
    if (add(std::move(value)) == nullptr) return false;
    finish_item();
    return true;
  }

  bool begin(json container) {
    if (++depth_ > deepest_object) return false;
    if (std::exchange(skip_next_, false) || skipped_depth_ > 0) {
      ++skipped_depth_;
      return true;
    }
    const bool is_items = on_item_ && open_.size() == 1 && root.is_object() && container.is_array() && key_ == "items";
    json* added = add(std::move(container));
    if (added == nullptr) return false;
    in_items_ = in_items_ || is_items;
    open_.push_back(added);
    return true;
  }

  bool end() {
    --depth_;
    if (skipped_depth_ > 0) {
      --skipped_depth_;
      return true;
    }
    open_.pop_back();
    if (open_.size() == 1) in_items_ = false;
    finish_item();
    return true;
  }

  json* add(json value) {
    if (++kept_ > kept_values_max) return nullptr;
    if (open_.empty()) return &(root = std::move(value));
    json& parent = *open_.back();
    if (!parent.is_array()) return &(parent[key_] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  void finish_item() {
    if (!in_items_ || open_.size() != 2) return;
    on_item_(open_.back()->back());
    open_.back()->clear();
    kept_ = 0;
  }

  OnItem on_item_;
  std::vector<json*> open_;  // root first; a child that is open keeps its parent as it is
  std::string key_;
  std::size_t depth_ = 0, skipped_depth_ = 0, kept_ = 0;
  bool skip_next_ = false, in_items_ = false;
};

}  // namespace

std::optional<json> read_kept_fields(std::string_view text, OnItem on_item) {
  Keeper keeper(std::move(on_item));
  if (!json::sax_parse(text, &keeper)) return std::nullopt;
  return std::move(keeper.root);
}

}  // namespace sallyport::controlplane
