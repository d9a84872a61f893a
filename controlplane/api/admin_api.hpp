// Every request that the admin API understands, from its method and target to the answer. No socket and no clock: the
// same request to the same backend gives the same answer.
#pragma once

#include "controlplane/api/admin_backend.hpp"
#include "controlplane/http/http_message.hpp"
#include "controlplane/http/request_time.hpp"

namespace sallyport::controlplane {

// Errors are {"error": "..."}: 400 not understood, 404 no such thing (with "suggestions" where a name is close), 405
// another method, 409 not now, 422 a configuration with errors, 503 no dataplane. Streams refer to the backend and must
// end before it does.
[[nodiscard]] HttpResponse handle_admin_request(const HttpRequest& request, AdminBackend& backend,
                                                const RequestTime& time);

}  // namespace sallyport::controlplane
