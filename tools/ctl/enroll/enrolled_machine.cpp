#include "tools/ctl/enroll/enrolled_machine.hpp"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "config/base/clock.hpp"
#include "tools/ctl/key_material.hpp"

namespace sallyport::ctl {
namespace {

constexpr std::chrono::milliseconds look_for_new_proof_every{1000};
constexpr std::chrono::milliseconds leave_timeout{5'000};

SessionSchedule::Time since_boot() {
  return SessionSchedule::Time(static_cast<SessionSchedule::Time::rep>(boottime_ns() / millisecond_ns));
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  randombytes_buf(&seed, sizeof seed);
  return seed;
}

}  // namespace

ExitCode exit_code_of(const Refusal& refusal) {
  return refusal.kind == Refusal::Kind::unreachable ? ExitCode::unreachable : ExitCode::failed;
}

EnrolledMachine::EnrolledMachine(const EnrollSettings& settings, EnrolmentClient& client, const ProofSource& proof,
                                 TunnelTarget& target, EnrollReport& report, std::vector<std::string> environment)
    : settings_(settings),
      client_(client),
      proof_(proof),
      target_(target),
      report_(report),
      environment_(std::move(environment)) {}

ExitCode EnrolledMachine::enroll_once() {
  for (const Task task : {Task::enroll, Task::posture}) {
    if (task == Task::posture && !settings_.sends_posture()) continue;
    if (const auto refusal = do_task(task)) {
      report_.problem(refusal->message);
      return exit_code_of(*refusal);
    }
    if (!tunnel_failed_) continue;
    (void)leave();
    return ExitCode::failed;
  }
  return ExitCode::success;
}

ExitCode EnrolledMachine::stay(const StopSignal& stop) {
  const bool has_view = !settings_.target.interface.empty();
  SessionSchedule::Settings plan{.posture_ttl = {}, .key_age = settings_.key_age, .seed = random_seed()};
  if (settings_.sends_posture() || has_view) plan.posture_ttl = settings_.posture_ttl;
  SessionSchedule schedule(plan, since_boot());
  for (;;) {
    if (proof_.changed()) schedule.on_proof_changed(since_boot());
    const auto now = since_boot();
    const auto next = schedule.next(now);
    const auto wait = std::min<SessionSchedule::Time>(next.at - now, look_for_new_proof_every);
    if (stop.wait(wait)) return leave();
    if (next.at > now) continue;
    const auto refusal = do_task(next.task);
    if (refusal && refusal->kind == Refusal::Kind::stopped) return leave();
    settle(schedule, next.task, refusal);
    if (!ends_it(next.task, refusal) && (!tunnel_failed_ || tunnel_was_made_)) continue;
    (void)leave();
    return ExitCode::failed;
  }
}

// Nobody is asked again and again by a program that they may have forgotten.
bool EnrolledMachine::ends_it(Task task, const std::optional<Refusal>& refusal) const {
  if (!refusal || task != Task::enroll || settings_.proof.device.issuer.empty()) return false;
  return refusal->kind == Refusal::Kind::declined || refusal->kind == Refusal::Kind::refused;
}

void EnrolledMachine::settle(SessionSchedule& schedule, Task task, const std::optional<Refusal>& refusal) {
  const auto now = since_boot();
  if (refusal) {
    report_.problem(refusal->message);
    if (refusal->kind == Refusal::Kind::refused) return schedule.on_refused(now, task);
    return schedule.on_unanswered(now, task, refusal->retry_after);
  }
  if (task == Task::posture) return schedule.on_posture_taken(now);
  report_.no_problem();
  schedule.on_granted(now, task, std::max(grant_->expires_at - wall_now(), std::chrono::seconds(1)));
}

std::optional<Refusal> EnrolledMachine::do_task(Task task) {
  switch (task) {
    case Task::enroll:
      return enroll();
    case Task::renew:
      return renew();
    case Task::rotate:
      return rotate();
    case Task::posture:
      return send_posture();
  }
  return std::nullopt;
}

// An answer counts also if the tunnel could not be made of it: it is tried again with the next one.
bool EnrolledMachine::show_tunnel(Grant grant, const char* event) {
  if (grant.session_token.empty() && grant_) grant.session_token = std::move(grant_->session_token);
  grant_ = std::move(grant);
  std::vector<std::string> notes;
  const auto shown = target_.show(*grant_, notes);
  tunnel_failed_ = !shown;
  tunnel_was_made_ = tunnel_was_made_ || shown;
  client_.set_mark(target_.mark());
  report_.notes(notes);
  if (!shown) report_.problem(shown.error());
  if (shown) report_.granted(event, *grant_);
  return shown.has_value();
}

std::optional<Refusal> EnrolledMachine::enroll() {
  pending_key_.reset();
  auto grant = client_.enroll(target_.public_key());
  if (!grant) return std::move(grant.error());
  (void)show_tunnel(std::move(*grant), "enrolled");
  return std::nullopt;
}

// The gateway may have taken the new key although its answer was lost: then the session has that one.
EnrolmentClient::Answer<Grant> EnrolledMachine::renew_with_pending_key() {
  const PublicKey key = public_key_of(*pending_key_);
  auto grant = client_.renew(key, {});
  if (!grant) return grant;
  if (const auto used = target_.use_key(pending_key_->duplicate()); !used)
    return tl::unexpected(Refusal{Refusal::Kind::local, used.error(), {}});
  pending_key_.reset();
  return grant;
}

std::optional<Refusal> EnrolledMachine::renew() {
  auto grant = client_.renew(target_.public_key(), {});
  if (!grant && grant.error().kind == Refusal::Kind::refused && pending_key_) grant = renew_with_pending_key();
  if (!grant) return std::move(grant.error());
  (void)show_tunnel(std::move(*grant), "renewed");
  return std::nullopt;
}

// Make before break: the gateway takes both keys until this end has switched over.
std::optional<Refusal> EnrolledMachine::rotate() {
  if (!pending_key_) pending_key_ = generate_private_key();
  auto grant = client_.renew(target_.public_key(), public_key_of(*pending_key_));
  if (!grant) return std::move(grant.error());
  if (const auto used = target_.use_key(pending_key_->duplicate()); !used)
    return Refusal{Refusal::Kind::local, used.error(), {}};
  pending_key_.reset();
  (void)show_tunnel(std::move(*grant), "rotated");
  return std::nullopt;
}

// A measurement that fails says nothing: the gateway's policy then takes those values for unknown.
Posture EnrolledMachine::current_posture() {
  Posture posture = settings_.posture;
  if (settings_.posture_command.empty()) return posture;
  auto measured = ask_posture_command(settings_.posture_command, environment_);
  if (!measured) {
    report_.problem("--posture-command: " + measured.error());
    return posture;
  }
  measured->merge(Posture(posture));  // what was measured counts more
  if (measured->size() <= most_posture_values) return std::move(*measured);
  report_.problem("--posture and --posture-command say more than " + std::to_string(most_posture_values) + " values");
  return posture;
}

std::optional<Refusal> EnrolledMachine::send_posture() {
  const auto sent =
      client_.send_posture(grant_->session_token, current_posture(), settings_.posture_ttl, target_.view());
  if (sent) return std::nullopt;
  return sent.error();
}

ExitCode EnrolledMachine::leave() {
  client_.forget_stop_descriptor();
  client_.set_timeout(leave_timeout);
  if (grant_) {
    const auto ended = client_.end_session(grant_->session_token);
    if (ended) report_.ended(grant_->session);
    if (!ended) report_.problem("the session goes on until it expires: " + ended.error().message);
  }
  const auto left = target_.leave();
  if (!left) report_.problem(left.error());
  return left ? ExitCode::success : ExitCode::failed;
}

}  // namespace sallyport::ctl
