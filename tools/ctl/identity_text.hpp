// What an answer says of an identity, as people read it.
#pragma once

#include <string>

#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl {

// {"corp": {"groups": ["sre", "dev"]}} -> "corp/groups=sre, corp/groups=dev"
[[nodiscard]] inline std::string claims_text(const Json& issuers) {
  std::string text;
  if (!issuers.is_object()) return text;
  for (const auto& [issuer, claims] : issuers.items()) {
    if (!claims.is_object()) continue;
    for (const auto& [key, values] : claims.items())
      for (const Json& value : values)
        if (value.is_string())
          text += (text.empty() ? "" : ", ") + issuer + '/' + key + '=' + value.get_ref<const std::string&>();
  }
  return text;
}

}  // namespace sallyport::ctl
