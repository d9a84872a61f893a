// EndpointSlices as an API server writes them, for tests.
#pragma once

#include <string>
#include <vector>

namespace sallyport::controlplane::testing {

inline std::string endpoint_text(const std::string& address, const std::string& conditions = R"({"ready":true})") {
  return R"({"addresses":[")" + address + R"("],"conditions":)" + conditions +
         R"(,"nodeName":"n1","targetRef":{"kind":"Pod","name":"p"}})";
}

inline constexpr const char* not_ready = R"({"ready":false,"serving":false,"terminating":false})";
inline constexpr const char* terminating = R"({"ready":false,"serving":true,"terminating":true})";
inline constexpr const char* dying = R"({"ready":false,"serving":false,"terminating":true})";

struct SliceText {
  std::string name = "backend-1";
  std::string service = "backend";
  std::string name_space = "shop";
  std::string version = "7";
  std::string type = "IPv4";
  std::vector<std::string> endpoints;

  [[nodiscard]] std::string text() const {
    std::string list;
    for (const std::string& endpoint : endpoints) list += (list.empty() ? "" : ",") + endpoint;
    return R"({"metadata":{"name":")" + name + R"(","namespace":")" + name_space +
           R"(","uid":"u","resourceVersion":")" + version + R"(","labels":{"kubernetes.io/service-name":")" + service +
           R"("},"managedFields":[{"fieldsV1":{"f:endpoints":{}}}]},"addressType":")" + type + R"(","endpoints":[)" +
           list + R"(],"ports":[{"port":80}]})";
  }
};

inline std::string page_text(const std::vector<std::string>& items, const std::string& version = "10",
                             const std::string& next = "") {
  std::string list;
  for (const std::string& item : items) list += (list.empty() ? "" : ",") + item;
  return R"({"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":{"resourceVersion":")" + version +
         R"(","continue":")" + next + R"("},"items":[)" + list + "]}\n";
}

inline std::string event_text(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

inline std::string bookmark_text(const std::string& version) {
  return event_text("BOOKMARK", R"({"kind":"EndpointSlice","metadata":{"resourceVersion":")" + version +
                                    R"(","creationTimestamp":null},"endpoints":null,"addressType":""})");
}

inline std::string status_text(int code, const std::string& reason, const std::string& message) {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":")" + message + R"(","reason":")" + reason +
         R"(","code":)" + std::to_string(code) + "}";
}

}  // namespace sallyport::controlplane::testing
