// What Prometheus sees of enrolment: pools, issuers, clusters and revocations. No metric per session.
#pragma once

#include "controlplane/api/enrolment_backend.hpp"
#include "controlplane/api/exposition.hpp"

namespace sallyport::controlplane {

void add_enrolment(Exposition& out, const EnrolmentBackend& backend);

}  // namespace sallyport::controlplane
