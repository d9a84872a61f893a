#include "controlplane/api/exposition.hpp"

#include <cstdio>

namespace sallyport::controlplane {

void Exposition::begin(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + ' ' + escaped_help(help) + "\n# TYPE " + name_ + ' ' + std::string(type) + '\n';
}

void Exposition::begin(Metric metric) {
  const MetricInfo& info = metric_infos[static_cast<unsigned>(metric)];
  begin(info.name, info.type, info.help);
}

void Exposition::sample(Labels labels, const std::string& value) {
  text_ += name_;
  char open = '{';
  for (const Label& label : labels) {
    text_ += open + std::string(label.name) + "=\"" + escaped_label(label.value) + '"';
    open = ',';
  }
  text_ += (labels.size() == 0 ? " " : "} ") + value + '\n';
}

void Exposition::sample_seconds(Labels labels, double seconds) {
  char number[40];
  std::snprintf(number, sizeof number, "%.6f", seconds);
  sample(labels, std::string(number));
}

void Exposition::one(Metric metric, std::uint64_t value) {
  begin(metric);
  sample({}, value);
}

void Exposition::one_seconds(Metric metric, double seconds) {
  begin(metric);
  sample_seconds({}, seconds);
}

std::string escaped_label(std::string_view value) {
  std::string escaped;
  for (const char c : escaped_help(value)) {
    if (c == '"') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string escaped_help(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      escaped += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
  }
  return escaped;
}

std::string metric_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name += kept ? c : '_';
  }
  return name;
}

}  // namespace sallyport::controlplane
