// A record of enrolment as a JSON document, member by member: what is written is what is read. No I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "controlplane/enrolment/records.hpp"

namespace sallyport::controlplane {

class DocumentWriter {
 public:
  void add(const char* name, const std::string& text) { json_[name] = text; }
  void add(const char* name, const std::vector<std::string>& texts) { json_[name] = texts; }
  void add(const char* name, bool flag) { json_[name] = flag; }
  void add(const char* name, TimePoint time);
  void add(const char* name, std::chrono::seconds duration) { json_[name] = duration.count(); }
  void add(const char* name, const PublicKey& key);
  void add(const char* name, const SharedKey& key);
  void add(const char* name, const std::vector<IpPrefix>& prefixes);
  void add(const char* name, const std::vector<policy::Claim>& claims);
  void add(const char* name, const std::map<std::string, policy::PostureValue>& posture);
  void add(const char* name, std::uint32_t number) { json_[name] = number; }
  template <typename Value>
  void add(const char* name, const std::optional<Value>& value) {
    value ? add(name, *value) : void(json_[name] = nullptr);
  }

  [[nodiscard]] std::string text() const;

 private:
  nlohmann::json json_ = nlohmann::json::object();
};

// Takes members out of a document and remembers the first that is missing or of another type.
class DocumentReader {
 public:
  explicit DocumentReader(std::string_view document);
  [[nodiscard]] const std::string& problem() const { return problem_; }

  void take(const char* name, std::string& out);
  void take(const char* name, bool& out);
  void take(const char* name, TimePoint& out);
  void take(const char* name, std::chrono::seconds& out);
  void take(const char* name, std::optional<TimePoint>& out);
  void take(const char* name, std::optional<std::uint32_t>& out);
  void take(const char* name, PublicKey& out);
  void take(const char* name, std::optional<PublicKey>& out);
  void take(const char* name, SharedKey& out);
  void take(const char* name, std::optional<SharedKey>& out);
  void take(const char* name, std::vector<std::string>& out);
  void take(const char* name, std::vector<IpPrefix>& out);
  void take(const char* name, std::vector<policy::Claim>& out);
  void take(const char* name, std::map<std::string, policy::PostureValue>& out);

 private:
  using Json = nlohmann::json;

  void note(const char* name);
  // Null: it is not there or of another type, which is noted, or may be.
  const Json* find(const char* name, bool (Json::*is)() const noexcept);
  const Json* find_or_null(const char* name, bool (Json::*is)() const noexcept);
  void take_key(const char* name, const Json& value, PublicKey& out);
  void take_secret(const char* name, const Json& value, SharedKey& out);

  Json json_;
  std::string problem_;
};

}  // namespace sallyport::controlplane
