#include "tools/ctl/enroll/session_schedule.hpp"

#include <algorithm>

namespace sallyport::ctl {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr unsigned most_doublings = 6;  // 64 s: beyond the longest pause

}  // namespace

SessionSchedule::SessionSchedule(const Settings& settings, Time now)
    : settings_(settings), random_(settings.seed), session_task_at_(now) {}

SessionSchedule::Next SessionSchedule::next(Time now) const {
  if (!has_session(now)) return {Task::enroll, std::max(session_task_at_, Time{})};
  Next next{Task::renew, session_task_at_};
  // A rotation renews too. While renewals fail it waits for them: it would fail as well.
  if (settings_.key_age && session_failures_ == 0 && rotate_at_ <= next.at) next = {Task::rotate, rotate_at_};
  if (settings_.posture_ttl && posture_at_ < next.at) next = {Task::posture, posture_at_};
  if (next.at > expires_) next = {Task::enroll, expires_};
  return next;
}

void SessionSchedule::on_granted(Time now, Task task, std::chrono::seconds lifetime) {
  const bool is_new = task == Task::enroll;
  if (is_new) posture_at_ = now;  // a new session knows none
  if (is_new || task == Task::rotate) rotate_at_ = now + settings_.key_age.value_or(std::chrono::seconds(0));
  if (is_new) posture_failures_ = 0;
  enrolled_ = true;
  session_failures_ = 0;
  expires_ = now + lifetime;
  session_task_at_ = now + std::max<Time>(duration_cast<milliseconds>(lifetime) * 2 / 3, shortest_pause);
}

void SessionSchedule::on_refused(Time now, Task task) {
  if (task == Task::enroll) return on_unanswered(now, task, {});
  session_task_at_ = now;
  // Of posture: ask what the session is worth before giving it up.
  if (task == Task::posture) {
    posture_at_ = now + pause_after(posture_failures_++);
  } else {
    enrolled_ = false;
  }
}

void SessionSchedule::on_unanswered(Time now, Task task, std::optional<std::chrono::seconds> retry_after) {
  const bool is_posture = task == Task::posture;
  const Time pause = std::max<Time>(pause_after(is_posture ? posture_failures_++ : session_failures_++),
                                    retry_after.value_or(std::chrono::seconds(0)));
  (is_posture ? posture_at_ : session_task_at_) = now + pause;
}

void SessionSchedule::on_posture_taken(Time now) {
  posture_failures_ = 0;
  posture_at_ = now + duration_cast<milliseconds>(settings_.posture_ttl.value_or(std::chrono::seconds(60))) / 2;
}

void SessionSchedule::on_proof_changed(Time now) {
  session_task_at_ = now;
}

SessionSchedule::Time SessionSchedule::pause_after(unsigned failures) {
  const Time whole = duration_cast<milliseconds>(shortest_pause) * (1U << std::min(failures, most_doublings));
  std::uniform_real_distribution<double> share(0.5, 1.5);
  const Time pause(static_cast<Time::rep>(static_cast<double>(whole.count()) * share(random_)));
  return std::clamp<Time>(pause, shortest_pause, longest_pause);
}

}  // namespace sallyport::ctl
