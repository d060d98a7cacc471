#include "dgl/base/error.h"
#include "dgl/data/dataset_json.h"
#include "dgl/formats/zip.h"

/// Every entry of an archive, and the same bytes as NVIDIA's dataset.json. Nothing but dgl::Error may come of any
/// bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dgl::Bytes archive{data, size, nullptr};
  try {
    for (const auto& [name, entry] : dgl::read_zip_directory(archive, "input")) {
      try {
        dgl::read_zip_entry(archive, entry, name);
      } catch (const dgl::Error&) {
      }
    }
  } catch (const dgl::Error&) {
  }
  try {
    dgl::read_dataset_json({reinterpret_cast<const char*>(data), size}, "input", {"00000/a.png", "00000/b.png"});
  } catch (const dgl::Error&) {
  }
  return 0;
}
