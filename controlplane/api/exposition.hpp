// The text of Prometheus (exposition format 0.0.4) in the making: families, each with its help, and their samples.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "controlplane/api/metric_list.hpp"

namespace sallyport::controlplane {

// Backslash, newline and (in a label's value) double quote escaped; other control bytes become '?'.
[[nodiscard]] std::string escaped_label(std::string_view value);
[[nodiscard]] std::string escaped_help(std::string_view text);
// Letters, digits and '_' stay, anything else becomes '_'.
[[nodiscard]] std::string metric_name(std::string_view text);

struct Label {
  std::string_view name;
  std::string_view value;
};

class Exposition {
 public:
  using Labels = std::initializer_list<Label>;

  // Starts a metric; its samples follow.
  void begin(std::string_view name, std::string_view type, std::string_view help);
  void begin(Metric metric);
  void sample(Labels labels, const std::string& value);
  void sample(Labels labels, std::uint64_t value) { sample(labels, std::to_string(value)); }
  void sample_seconds(Labels labels, double seconds);
  void one(Metric metric, std::uint64_t value);
  void one_seconds(Metric metric, double seconds);
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

}  // namespace sallyport::controlplane
