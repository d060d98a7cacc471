#pragma once

namespace dgl {

/// Returns the processor seconds that all threads of this process have used so far (CLOCK_PROCESS_CPUTIME_ID). A
/// difference of two values is the work in between. Other programs lengthen it only as far as they share caches, memory
/// and cores with this one, whereas wall time also counts what this process waits for a core.
double processor_seconds();

}  // namespace dgl
