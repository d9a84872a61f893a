#include "policy/time_zones.hpp"

// As Debian builds the library: zones come from the operating system and nothing is downloaded.
#define USE_OS_TZDB 1
#include <date/tz.h>

#include <exception>
#include <vector>

#include "config/toml/suggest.hpp"

namespace sallyport::policy {
namespace {

using LocalTime = date::local_time<std::chrono::seconds>;

const date::time_zone& zone_of(const void* zone) {
  return *static_cast<const date::time_zone*>(zone);
}

}  // namespace

std::optional<TimeZone> TimeZone::find(std::string_view name) {
  if (name == "localtime") return std::nullopt;  // would mean something else on each gateway
  try {
    const date::time_zone* zone = date::locate_zone(name);
    // Reads the zone's file, which throws if it cannot; nothing does afterwards.
    static_cast<void>(zone->get_info(TimePoint{}));
    return TimeZone(zone);
  } catch (const std::exception&) { return std::nullopt; }
}

std::chrono::seconds TimeZone::to_local(TimePoint at) const {
  return zone_of(zone_).to_local(at).time_since_epoch();
}

TimePoint TimeZone::to_instant(LocalMinutes local, Choice choice) const {
  return zone_of(zone_).to_sys(LocalTime(local),
                               choice == Choice::earliest ? date::choose::earliest : date::choose::latest);
}

std::string did_you_mean_zone(std::string_view name) {
  std::vector<std::string_view> names;
  try {
    for (const date::time_zone& zone : date::get_tzdb().zones)
      if (zone.name() != "localtime") names.push_back(zone.name());
  } catch (const std::exception&) {
    return "; the time zones of this machine cannot be read: is the package tzdata installed?";
  }
  return config::did_you_mean(name, names);
}

}  // namespace sallyport::policy
