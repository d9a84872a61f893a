// List and watch of the EndpointSlices of one namespace, or of all: which request comes next and when, and what an
// answer does to the slices that are known. No I/O: the owner makes the requests, hands in what comes, and ends the
// request under way as soon as there is none any more.
//
//      wait ──▶ list, page by page ──▶ watch ──▶ its orderly end: watch again from the last resourceVersion
//       ▲             │                  │
//       └── back-off ◀┴── error, silence ┘         410: list again, the first time without a wait
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "controlplane/kubernetes/api_objects.hpp"
#include "controlplane/kubernetes/backoff.hpp"
#include "controlplane/kubernetes/endpoint_slices.hpp"
#include "controlplane/kubernetes/line_splitter.hpp"
#include "controlplane/kubernetes/watch_timing.hpp"

namespace sallyport::controlplane {

// What the lists and watches of one cluster have in common. Outlives them.
struct ClusterSlices {
  std::set<std::string> wanted;  // services, "NAMESPACE/NAME"
  EndpointSlices slices;
  ParseCounts parsed;
  std::uint64_t reconnections = 0;  // after an error
  std::uint64_t relists = 0;        // begun after the first complete list
  std::uint64_t events = 0;         // ADDED, MODIFIED, DELETED
  std::string resource_version;     // the newest that was heard
};

class ListWatch {
 public:
  using Time = wireguard::BootTime;
  static constexpr unsigned page_slices = 500;
  static constexpr unsigned pages_max = 200;
  static constexpr std::size_t line_bytes_max = std::size_t{4} * 1024 * 1024;
  static constexpr std::chrono::seconds watch_interval_least{1};  // between the beginnings of two watches

  enum class State : std::uint8_t { waiting, listing, watching };
  struct Request {
    std::string target;  // path and query
    bool watch = false;
  };

  struct Start {
    Backoff backoff;
    Time due;                  // the first list
    std::string problem = {};  // until something better is known
  };

  // An empty namespace: all of them.
  ListWatch(std::string name_space, ClusterSlices& cluster, WatchTiming timing, Start start);

  // Nothing, if a request is under way or none is due.
  [[nodiscard]] std::optional<Request> next_request(Time now);
  [[nodiscard]] bool under_way() const noexcept { return under_way_; }
  // When next_request() or look_at_silence() has something to do. Nothing: while it waits for a list's answer.
  [[nodiscard]] std::optional<Time> due() const;

  // The answer to a list, or to a watch that is none.
  void on_answer(unsigned status, std::string_view body, Time now);
  void on_open(Time now);
  void on_piece(std::string_view piece, Time now);
  // Of a watch; an empty text: in good order.
  void on_end(const std::string& why, Time now);
  // There is no answer, or the request could not even be made.
  void on_failure(const std::string& why, Time now);
  void look_at_silence(Time now);
  // A service is wanted whose slices were passed over.
  void list_again(Time now);

  [[nodiscard]] const std::string& name_space() const noexcept { return name_space_; }
  [[nodiscard]] bool covers(std::string_view service) const;
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] bool forbidden() const noexcept { return forbidden_; }   // the newest answer was 403
  [[nodiscard]] std::uint64_t lists() const noexcept { return lists_; }  // complete ones
  [[nodiscard]] std::optional<Time> contact_at() const noexcept { return contact_at_; }
  [[nodiscard]] std::size_t left_out() const noexcept { return left_out_; }  // slices without room since the list
  [[nodiscard]] const Backoff& backoff() const noexcept { return backoff_; }

 private:
  [[nodiscard]] std::string target() const;
  void take_page(std::string_view body, Time now);
  void finish_list(Time now);
  [[nodiscard]] bool take_line(std::string_view line, Time now);
  void take_event(WatchEvent event, Time now);
  void fail(std::string why, Time now);
  void expired(std::string why, Time now);
  void begin_list_at(Time due);
  [[nodiscard]] bool is_foreign(const SliceName& name) const;

  std::string name_space_;
  ClusterSlices& cluster_;
  WatchTiming timing_;
  Backoff backoff_;

  State state_ = State::waiting;
  bool watch_next_ = false;  // the next request is a watch
  bool under_way_ = false;
  Time due_at_;
  // Of the list under way.
  EndpointSlices listed_;
  std::string continue_;
  unsigned pages_ = 0;
  std::size_t listed_left_out_ = 0;
  // Of the watch.
  LineSplitter lines_{line_bytes_max};
  std::string resource_version_;
  std::optional<Time> watch_begun_at_;
  Time heard_at_;

  std::string problem_;
  bool forbidden_ = false;
  std::uint64_t lists_ = 0;
  std::optional<Time> contact_at_;
  std::size_t left_out_ = 0;
};

}  // namespace sallyport::controlplane
