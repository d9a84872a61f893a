// What a machine that stays enrolled does next, and when. No clock and no I/O of its own: it is told the time and what
// came of each task.
//
//   enroll ─▶ renew at two thirds of the time ─▶ renew ─▶ ...      refused: enroll again; no answer: again after 1 s,
//   2 s, ... 60 s, each with jitter                                posture: at half of its time to live
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace sallyport::ctl {

class SessionSchedule {
 public:
  using Time = std::chrono::milliseconds;  // of a clock that nobody sets: since boot
  enum class Task : std::uint8_t { enroll, renew, rotate, posture };
  struct Next {
    Task task;
    Time at;
  };
  struct Settings {
    std::optional<std::chrono::seconds> posture_ttl;  // nullopt: no posture is sent
    std::optional<std::chrono::seconds> key_age;      // nullopt: the key stays
    std::uint64_t seed = 0;
  };

  SessionSchedule(const Settings& settings, Time now);

  // The earliest task. One of the session goes before posture at the same time.
  [[nodiscard]] Next next(Time now) const;

  void on_granted(Time now, Task task, std::chrono::seconds lifetime);
  // 403: the session is gone, or the proof is not believed.
  void on_refused(Time now, Task task);
  void on_unanswered(Time now, Task task, std::optional<std::chrono::seconds> retry_after);
  void on_posture_taken(Time now);
  // Another token: it is worth a try at once.
  void on_proof_changed(Time now);

  static constexpr std::chrono::seconds shortest_pause{1}, longest_pause{60};

 private:
  [[nodiscard]] Time pause_after(unsigned failures);
  [[nodiscard]] bool has_session(Time now) const { return enrolled_ && now < expires_; }

  Settings settings_;
  std::mt19937_64 random_;
  bool enrolled_ = false;
  Time expires_{}, session_task_at_{}, posture_at_{}, rotate_at_{};
  unsigned session_failures_ = 0, posture_failures_ = 0;
};

}  // namespace sallyport::ctl
