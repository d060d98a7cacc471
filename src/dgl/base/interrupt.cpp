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
  hung_up_ = std::signal(SIGHUP, note);
  if (hung_up_ == SIG_IGN) std::signal(SIGHUP, SIG_IGN);  // nohup's, which asks to go on
  user_ = std::signal(SIGUSR1, note);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, interrupted_);
  std::signal(SIGTERM, terminated_);
  std::signal(SIGHUP, hung_up_);
  std::signal(SIGUSR1, user_);
}

int InterruptGuard::received() { return caught; }

}  // namespace dgl
