#include "training/interrupt.h"

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
  std::signal(SIGINT, note);
  std::signal(SIGTERM, note);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int InterruptGuard::received() { return caught; }

}  // namespace dgl
