// A machine with a tunnel by proof: enrolled once, or kept enrolled until a signal says to leave.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/ctl/enroll/enroll_report.hpp"
#include "tools/ctl/enroll/enroll_settings.hpp"
#include "tools/ctl/enroll/enrolment_client.hpp"
#include "tools/ctl/enroll/session_schedule.hpp"
#include "tools/ctl/enroll/stop_signal.hpp"

namespace sallyport::ctl {

class EnrolledMachine {
 public:
  // All of them outlive it. `environment`: of the posture command.
  EnrolledMachine(const EnrollSettings& settings, EnrolmentClient& client, const ProofSource& proof,
                  TunnelTarget& target, EnrollReport& report, std::vector<std::string> environment);

  // Enrols, makes the tunnel and says the posture, each once.
  [[nodiscard]] ExitCode enroll_once();
  // Until the signal. Problems of the gateway or the proof never end it; a tunnel that cannot be made at first does,
  // and so do people who are asked for a proof and give none that is good.
  [[nodiscard]] ExitCode stay(const StopSignal& stop);

 private:
  using Task = SessionSchedule::Task;

  [[nodiscard]] std::optional<Refusal> do_task(Task task);
  [[nodiscard]] std::optional<Refusal> enroll();
  [[nodiscard]] std::optional<Refusal> renew();
  [[nodiscard]] std::optional<Refusal> rotate();
  [[nodiscard]] std::optional<Refusal> send_posture();
  [[nodiscard]] EnrolmentClient::Answer<Grant> renew_with_pending_key();
  [[nodiscard]] bool show_tunnel(Grant grant, const char* event);
  [[nodiscard]] bool ends_it(Task task, const std::optional<Refusal>& refusal) const;
  void settle(SessionSchedule& schedule, Task task, const std::optional<Refusal>& refusal);
  [[nodiscard]] ExitCode leave();
  [[nodiscard]] Posture current_posture();

  const EnrollSettings& settings_;
  EnrolmentClient& client_;
  const ProofSource& proof_;
  TunnelTarget& target_;
  EnrollReport& report_;
  std::vector<std::string> environment_;
  std::optional<Grant> grant_;             // the newest; its token is the session's
  std::optional<PrivateKey> pending_key_;  // offered to the gateway, whose answer did not come
  bool tunnel_failed_ = false;
  bool tunnel_was_made_ = false;
};

[[nodiscard]] ExitCode exit_code_of(const Refusal& refusal);

}  // namespace sallyport::ctl
