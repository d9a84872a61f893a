#include "config/unsupported.hpp"

#include <string_view>

namespace sallyport::config {
namespace {

// One line per feature: it goes when the feature comes.
struct Feature {
  std::string_view header;
  const Location* (*first_use)(const Config&);  // null: not used
};

template <typename Objects>
const Location* first(const Objects& objects) {
  return objects.empty() ? nullptr : &objects.front().location;
}

template <typename Section>
const Location* location_of(const std::optional<Section>& section) {
  return section ? &section->location : nullptr;
}

constexpr Feature not_yet[] = {
    {"[ipsec]", [](const Config& c) { return location_of(c.ipsec); }},
    {"[[ipsec_peer]]", [](const Config& c) { return first(c.ipsec_peers); }},
};

}  // namespace

std::vector<std::string_view> unsupported_headers() {
  std::vector<std::string_view> headers;
  for (const Feature& feature : not_yet) headers.push_back(feature.header);
  return headers;
}

std::vector<Error> unsupported_features(const Config& config) {
  std::vector<Error> errors;
  for (const Feature& feature : not_yet)
    if (const Location* location = feature.first_use(config))
      errors.push_back(
          {*location, std::string(feature.header) +
                          " is understood, but this version does nothing with it; remove it to start the gateway"});
  sort_by_position(errors);
  return errors;
}

}  // namespace sallyport::config
