#pragma once

namespace dgl {

/// While an object lives, SIGINT and SIGTERM are recorded but not acted on. A step can then finish and a checkpoint can
/// be written. A second signal ends the process at once.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

  /// Returns the signal that was received, or 0.
  static int received();

 private:
  void (*interrupted_)(int);  // the previous handlers, of SIGINT and of SIGTERM
  void (*terminated_)(int);
};

}  // namespace dgl
