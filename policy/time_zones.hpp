// Time zones of the operating system's database (package tzdata, /usr/share/zoneinfo), whose rules are known up to the
// year 2037. The library that reads it is seen by time_zones.cpp alone; it reads a zone once, fetches nothing from the
// network, and may be asked by any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "policy/model.hpp"

namespace sallyport::policy {

// Since the epoch, as a clock on the wall shows it.
using LocalMinutes = std::chrono::duration<std::int64_t, std::ratio<60>>;

enum class Choice : std::uint8_t { earliest, latest };

class TimeZone {
 public:
  // Nothing if there is no such zone, or its file cannot be read.
  [[nodiscard]] static std::optional<TimeZone> find(std::string_view name);

  [[nodiscard]] std::chrono::seconds to_local(TimePoint at) const;
  // Of a local time that never comes, the instant of the jump over it; of one that comes twice, the chosen one.
  [[nodiscard]] TimePoint to_instant(LocalMinutes local, Choice choice) const;

 private:
  explicit TimeZone(const void* zone) : zone_(zone) {}
  const void* zone_;  // date::time_zone, which lives as long as the process
};

// "; did you mean 'Europe/Berlin'?", or "".
[[nodiscard]] std::string did_you_mean_zone(std::string_view name);

}  // namespace sallyport::policy
