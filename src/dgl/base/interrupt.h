#pragma once

namespace dgl {

/// While it lives, SIGINT and SIGTERM are noted and not acted on, so that a step can end and a checkpoint be written.
/// A second one of them ends the process at once.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

  /// The signal that came, or 0.
  static int received();

 private:
  void (*interrupted_)(int);  // what was done of SIGINT before, and of SIGTERM
  void (*terminated_)(int);
};

}  // namespace dgl
