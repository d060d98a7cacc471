#include "dgl/base/interrupt.h"

#include <csignal>
#include <cstdlib>

namespace dgl {

namespace {

volatile std::sig_atomic_t caught = 0;

void note(int signal) {
  if (caught) std::_Exit(128 + signal);
  caught = signal;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  caught = 0;
  interrupted_ = std::signal(SIGINT, note);
  terminated_ = std::signal(SIGTERM, note);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, interrupted_);
  std::signal(SIGTERM, terminated_);
}

int InterruptGuard::received() { return caught; }

}  // namespace dgl
