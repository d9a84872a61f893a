// What `sallyctl enroll` says: an event with its keys on a line, or the same as JSON; problems on the error stream,
// each once until it changes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/ctl/command.hpp"
#include "tools/ctl/enroll/device_answers.hpp"
#include "tools/ctl/enroll/grant.hpp"

namespace sallyport::ctl {

class EnrollReport {
 public:
  // `many`: events follow each other, a JSON document on each line.
  EnrollReport(const Invocation& call, bool many) : call_(call), many_(many) {}

  void confirm(const DeviceCode& code);                      // people are asked for a token
  void granted(std::string_view event, const Grant& grant);  // "enrolled", "renewed", "rotated"
  void ended(std::string_view session);
  void notes(const std::vector<std::string>& notes);
  void problem(const std::string& message);
  void no_problem() { last_problem_.clear(); }

 private:
  const Invocation& call_;
  bool many_;
  std::string last_problem_;
};

}  // namespace sallyport::ctl
