// The dataplane as the parts of the control plane that send it commands see it. ControlPlane implements it.
#pragma once

#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane {

class DataplaneAccess {
 public:
  virtual ~DataplaneAccess() = default;

  // Null while no dataplane is connected.
  [[nodiscard]] virtual const abi::StatisticsView* statistics() const = 0;
  // The publisher was given something to send: it goes out at the end of this turn of the event loop.
  virtual void request_flush() = 0;
};

}  // namespace sallyport::controlplane
