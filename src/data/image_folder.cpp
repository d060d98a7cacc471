#include <png.h>

#include <cstdio>
#include <jpeglib.h>  // needs cstdio before it

#include <csetjmp>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "data/source.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxFile = uint64_t{1} << 29;
constexpr int64_t kMaxPixels = int64_t{1} << 28;

/// PNG through libpng's simplified interface: any depth and palette, alpha laid on white.
SourceImage decode_png(const std::string& bytes, const std::string& origin) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) fail("{}: damaged PNG: {}", origin, png.message);
  if (static_cast<int64_t>(png.width) * static_cast<int64_t>(png.height) > kMaxPixels) {
    png_image_free(&png);
    fail("{}: {} x {} pixels are too many", origin, png.width, png.height);
  }
  const bool colour = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
  png.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  SourceImage image{png.height, png.width, colour ? 3 : 1, {}, 0};
  image.pixels.resize(PNG_IMAGE_SIZE(png));
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&png, &white, image.pixels.data(), 0, nullptr)) fail("{}: damaged PNG: {}", origin, png.message);
  return image;
}

struct JpegErrors {
  jpeg_error_mgr manager;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

void leave_jpeg(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  (*info->err->format_message)(info, errors->message);
  std::longjmp(errors->back, 1);
}

/// Fills `image`; false, with a message in `errors`, for a file that libjpeg cannot read. No object with a destructor
/// lives in here, since libjpeg leaves it by longjmp.
bool decode_jpeg_into(const std::string& bytes, JpegErrors& errors, jpeg_decompress_struct& jpeg, SourceImage& image) {
  jpeg.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = leave_jpeg;
  errors.manager.output_message = [](j_common_ptr) {};
  if (setjmp(errors.back)) return false;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&jpeg, TRUE);
  if (static_cast<int64_t>(jpeg.image_width) * static_cast<int64_t>(jpeg.image_height) > kMaxPixels) {
    std::snprintf(errors.message, sizeof(errors.message), "too many pixels");
    return false;
  }
  if (jpeg.num_components != 1 && jpeg.num_components != 3) {
    std::snprintf(errors.message, sizeof(errors.message), "%d components; expected grey or RGB", jpeg.num_components);
    return false;
  }
  jpeg.out_color_space = jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&jpeg);
  image.height = jpeg.output_height;
  image.width = jpeg.output_width;
  image.channels = jpeg.output_components;
  image.pixels.resize(static_cast<size_t>(image.height * image.width * image.channels));
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = image.pixels.data() + static_cast<int64_t>(jpeg.output_scanline) * image.width * image.channels;
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  // libjpeg fills up a file that was cut off with grey, and only warns.
  if (errors.manager.num_warnings > 0) {
    std::snprintf(errors.message, sizeof(errors.message), "damaged or cut off");
    return false;
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

SourceImage decode_jpeg(const std::string& bytes, const std::string& origin) {
  JpegErrors errors{};
  jpeg_decompress_struct jpeg{};
  SourceImage image;
  const bool whole = decode_jpeg_into(bytes, errors, jpeg, image);
  jpeg_destroy_decompress(&jpeg);
  if (!whole) fail("{}: damaged JPEG: {}", origin, errors.message);
  return image;
}

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

/// PNG and JPEG files of a folder and all folders below it, in the order of their paths.
class ImageFolder : public Source {
 public:
  ImageFolder(const fs::path& root, bool labels) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.is_regular_file() && is_image(entry.path())) files_.push_back(entry.path());
    }
    if (files_.empty()) fail("{}: has no PNG or JPEG images", root.string());
    std::sort(files_.begin(), files_.end());
    if (!labels) return;
    const auto class_of = [&](const fs::path& file) {
      const fs::path inner = file.lexically_relative(root);
      if (inner.begin() == std::prev(inner.end())) fail("{}: is in no sub-folder that would be its label", file.string());
      return inner.begin()->string();
    };
    std::set<std::string> names;
    for (const auto& file : files_) names.insert(class_of(file));
    classes_.assign(names.begin(), names.end());
    for (const auto& file : files_) {
      labels_.push_back(static_cast<int32_t>(std::distance(names.begin(), names.find(class_of(file)))));
    }
  }

  int64_t count() const override { return static_cast<int64_t>(files_.size()); }
  std::vector<std::string> classes() const override { return classes_; }
  SourceImage read(int64_t i) override {
    const fs::path& file = files_[static_cast<size_t>(i)];
    const std::string bytes = read_file(file, kMaxFile);
    const bool png = bytes.size() >= 8 && png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, 8) == 0;
    const bool jpeg = bytes.size() >= 3 && bytes.compare(0, 3, "\xff\xd8\xff") == 0;
    if (!png && !jpeg) fail("{}: expected a PNG or JPEG image", file.string());
    SourceImage image = png ? decode_png(bytes, file.string()) : decode_jpeg(bytes, file.string());
    if (!labels_.empty()) image.label = labels_[static_cast<size_t>(i)];
    return image;
  }

 private:
  std::vector<fs::path> files_;
  std::vector<std::string> classes_;
  std::vector<int32_t> labels_;
};

}  // namespace

std::unique_ptr<Source> open_image_folder(const std::filesystem::path& path, bool labels) {
  if (!fs::is_directory(path)) return nullptr;
  return std::make_unique<ImageFolder>(path, labels);
}

}  // namespace dgl
