#pragma once

namespace dgl {

/// While an object lives, SIGINT, SIGTERM, SIGHUP and SIGUSR1, which batch systems send ahead of the end of a job, are
/// recorded but not acted on. A step can then finish and a checkpoint can be written. A second signal ends the process
/// at once. A SIGHUP that is ignored, as under nohup, stays so.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

  /// Returns the signal that was received, or 0.
  static int received();

 private:
  void (*interrupted_)(int);  // the previous handlers, of SIGINT, SIGTERM, SIGHUP and SIGUSR1
  void (*terminated_)(int);
  void (*hung_up_)(int);
  void (*user_)(int);
};

}  // namespace dgl
