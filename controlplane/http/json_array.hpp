// The JSON vocabulary of the API: values in the order in which they are written, and lists too long to be made in one
// go.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "controlplane/http/http_message.hpp"

namespace sallyport::controlplane {

using Json = nlohmann::ordered_json;

// Bytes that are not UTF-8 become U+FFFD: what a name holds can never make an answer fail.
[[nodiscard]] std::string to_text(const Json& value);

// An answer `head` [ elements ] `tail`, made step by step: each call of `step` emits some elements (or none) and
// returns false after the last.
using JsonEmit = std::function<void(const Json&)>;
using JsonStep = std::function<bool(const JsonEmit&)>;
[[nodiscard]] std::unique_ptr<BodySource> json_array(JsonStep step, std::string head = {}, std::string tail = {});

}  // namespace sallyport::controlplane
