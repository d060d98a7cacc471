#include "dgl/formats/gzip.h"

#include <algorithm>
#include <limits>

#include <zlib.h>

#include "dgl/base/error.h"
#include "dgl/base/files.h"

namespace dgl {

namespace {

std::string inflate_gzip(const std::string& packed, uint64_t max_bytes, const std::string& origin) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) fail_file("{}: zlib cannot start", origin);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  std::string block(1 << 20, '\0');
  int status = Z_OK;
  while (status == Z_OK && out.size() <= max_bytes) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(block.data(), block.size() - stream.avail_out);
    if (status == Z_OK && stream.avail_in == 0 && stream.avail_out > 0) status = Z_DATA_ERROR;
  }
  inflateEnd(&stream);
  if (out.size() > max_bytes) fail_file("{}: unpacks to more than the {} bytes expected at most", origin, max_bytes);
  if (status != Z_STREAM_END) fail_file("{}: damaged or cut off gzip data", origin);
  return out;
}

}  // namespace

std::string read_maybe_gzip(const std::filesystem::path& path, uint64_t max_bytes) {
  std::string text = read_file(path, std::min<uint64_t>(max_bytes, uint64_t{1} << 31));
  if (text.size() >= 2 && text[0] == '\x1f' && text[1] == '\x8b') {
    return inflate_gzip(text, max_bytes, path.string());
  }
  return text;
}

std::string gzip(std::string_view bytes) {
  if (bytes.size() > std::numeric_limits<uInt>::max())
    fail("gzip: expected less than 4 GiB, got {} bytes", bytes.size());
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw InternalError("zlib cannot start");
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw InternalError("zlib did not finish");
  return out;
}

std::string read_start(const std::filesystem::path& path, size_t size) {
  std::string text(size, '\0');
  gzFile file = gzopen(path.c_str(), "rb");  // gzopen reads other files unchanged
  if (!file) fail_file("{}: cannot be opened", path.string());
  const int got = gzread(file, text.data(), static_cast<unsigned>(size));
  gzclose(file);
  text.resize(static_cast<size_t>(std::max(got, 0)));
  return text;
}

std::map<std::string, std::string> read_tar(const std::string& archive, const std::string& origin) {
  constexpr size_t kBlock = 512, kName = 100, kSize = 124, kSizeLength = 12, kType = 156, kPrefix = 345;
  const auto field = [&](size_t at, size_t length) {
    std::string text = archive.substr(at, length);
    return text.substr(0, text.find('\0'));
  };
  std::map<std::string, std::string> files;
  size_t at = 0;
  while (at + kBlock <= archive.size() && archive[at] != '\0') {
    const std::string digits = field(at + kSize, kSizeLength);
    size_t used = 0;
    uint64_t size = 0;
    try {
      size = std::stoull(digits, &used, 8);
    } catch (const std::exception&) {
      fail_file("{}: a tar header is damaged", origin);
    }
    if (size > archive.size() - at - kBlock) fail_file("{}: the tar archive is cut off", origin);
    std::string name = field(at, kName);
    if (const std::string prefix = field(at + kPrefix, 155); !prefix.empty()) name.insert(0, prefix + "/");
    const char type = archive[at + kType];
    if (type == '0' || type == '\0') files[name] = archive.substr(at + kBlock, size);
    at += kBlock + (size + kBlock - 1) / kBlock * kBlock;
  }
  return files;
}

}  // namespace dgl
