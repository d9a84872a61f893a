// What is revoked: identities, WireGuard keys, issuers and keys of theirs, enrolment keys. Never a certificate's hash:
// a new certificate would be a way back in.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/enrolment/records.hpp"

namespace sallyport::controlplane {

class RevocationList {
 public:
  // Why the value is not of its kind; nothing: it is.
  [[nodiscard]] static std::optional<std::string> wrong_value(RevocationKind kind, const std::string& value);

  // False: the list is full. One that is there already keeps its first date.
  bool add(const Revocation& revocation);
  bool remove(RevocationKind kind, const std::string& value);
  [[nodiscard]] bool contains(RevocationKind kind, const std::string& value) const {
    return revocations_.contains({kind, value});
  }
  [[nodiscard]] bool contains(const PublicKey& key) const;
  [[nodiscard]] std::vector<Revocation> all() const;

  static constexpr std::size_t revocations_max = 1'000'000;

 private:
  std::map<std::pair<RevocationKind, std::string>, Revocation> revocations_;
};

}  // namespace sallyport::controlplane
