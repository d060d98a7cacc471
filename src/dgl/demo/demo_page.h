#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dgl/demo/demo_model.h"
#include "dgl/demo/web_runtime.h"

namespace dgl {

/// What a page shows.
struct DemoPage {
  std::string title;
  std::vector<DemoModel> models;  ///< one, or a student and its teacher beside it
  double psi = 1;                 ///< the truncation that it begins with
  /// Files of images (PNG) that a visitor can choose for a model to translate or reconstruct, by data domain.
  std::map<size_t, std::vector<std::string>> samples;
};

/// Why a teacher cannot stand beside its student on a page, where the same latents or images go to both; "" if it can.
std::string why_not_beside(const DemoModel& student, const DemoModel& teacher);

/// A lower bound of the page's bytes: what its runtime and its graphs take.
uint64_t demo_page_bytes(const DemoPage& page, const WebRuntime& runtime);

/// The page as one HTML file, which needs no server, network or other file: the runtime, the graphs (gzip, base64), and
/// what to control them with (docs/web-page.md). Throws Error for graphs of 4 GiB.
std::string demo_page_html(const DemoPage& page, const WebRuntime& runtime);

}  // namespace dgl
