// A policy as the dataplane holds it: numbers instead of names (dataplane/abi/policy_commands.hpp has the picture).
// A Compiler belongs to one image: it interns source classes (sets of rules in force, and those with equal rows) and
// destination classes (sets of services) while peers and addresses come, and never changes what a number means while
// anything may still use it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

// Stable numbers for names over versions of a policy: a rule keeps its number, by which flows and counters know it, for
// as long as it exists, and a number is given to another name only after all others were. From 1.
class Numbers {
 public:
  explicit Numbers(std::uint32_t limit) : limit_(limit) {}
  // Gives every name a number and takes back those of names that are not in the list; false if there are too many.
  [[nodiscard]] bool assign(const std::vector<std::string>& names);
  [[nodiscard]] std::uint32_t of(const std::string& name) const;         // 0: none
  [[nodiscard]] const std::string& name_of(std::uint32_t number) const;  // empty: none
  [[nodiscard]] const std::map<std::string, std::uint32_t>& all() const { return numbers_; }
  void restore(std::map<std::string, std::uint32_t> numbers);  // what an earlier process gave out

 private:
  std::uint32_t limit_;
  std::uint32_t next_ = 1;
  std::map<std::string, std::uint32_t> numbers_;
  std::map<std::uint32_t, std::string> names_;
};

struct AccessStep {
  TimePoint not_after;
  std::uint32_t next_class = 0;
  friend bool operator==(const AccessStep&, const AccessStep&) = default;
};
// What a source may do now and after each of the next changes, at most abi::max_access_steps. When more changes follow
// than there are steps, the class of the last step is the one that never gives more than the policy will: allow rules
// that do not end any more, and every deny rule that may come.
struct SourceAccess {
  std::uint32_t source_class = 0;
  std::vector<AccessStep> steps;
  friend bool operator==(const SourceAccess&, const SourceAccess&) = default;
};

struct AddressEntry {
  SourceAccess access;                  // as a source on an inside port
  std::uint32_t destination_class = 0;  // of all services that cover it, also as a draining endpoint
  // Of flows that begin: see abi::SetAddress.
  bool draining = false;            // for all of its services
  std::uint32_t opening_class = 0;  // it is draining for some of them: those that are left
  friend bool operator==(const AddressEntry&, const AddressEntry&) = default;
};

class Compiler {
 public:
  // `rules` and `services` have numbers for every name of the policy. Class numbers are below `max_classes`.
  Compiler(std::shared_ptr<const Policy> policy, const Numbers& rules, const Numbers& services,
           std::uint32_t max_classes);
  ~Compiler();
  Compiler(Compiler&&) noexcept;
  Compiler& operator=(Compiler&&) noexcept;

  [[nodiscard]] const Policy& policy() const;
  [[nodiscard]] std::vector<abi::SetRule> rules() const;        // image left 0
  [[nodiscard]] std::vector<abi::SetService> services() const;  // image left 0

  // The error says that there are too many classes, and which rules split most.
  [[nodiscard]] tl::expected<SourceAccess, std::string> access(const Facts& facts, TimePoint now);
  [[nodiscard]] tl::expected<std::uint32_t, std::string> destination_class(const Facts& peer);
  // Every prefix that a service, a live endpoint or a `net:` selector names, with all that covers it. An endpoint that
  // is draining is still its service's; what is ready somewhere for the same service is not draining.
  [[nodiscard]] tl::expected<std::map<IpPrefix, AddressEntry>, std::string> addresses(const Endpoints& endpoints,
                                                                                      const Endpoints& draining,
                                                                                      TimePoint now);

  // The classes that were given out and not released.
  [[nodiscard]] const std::map<std::uint32_t, std::vector<abi::RowEntry>>& source_classes() const;
  [[nodiscard]] const std::map<std::uint32_t, std::vector<std::uint32_t>>& destination_classes() const;
  // Forgets classes that are not in these lists; their numbers are given out again last. Call after the dataplane no
  // longer uses them.
  void keep_only(const std::vector<std::uint32_t>& source_classes,
                 const std::vector<std::uint32_t>& destination_classes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sallyport::policy
