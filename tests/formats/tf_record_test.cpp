#include "dgl/formats/tf_record.h"

#include <gtest/gtest.h>

#include "dgl/formats/protobuf.h"
#include "event_reader.h"

namespace dgl {
namespace {

std::string counted(int from, int step) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes += static_cast<char>(from + i * step);
  return bytes;
}

// RFC 3720, section B.4, and the check value of the catalog of CRC algorithms.
TEST(TfRecord, ChecksumsAreThoseOfTheStandard) {
  const std::pair<std::string, uint32_t> known[] = {
      {std::string(32, '\0'), 0x8a9136aa}, {std::string(32, '\xff'), 0x62a8ab43},
      {counted(0, 1), 0x46dd794e},         {counted(31, -1), 0x113fdb5c},
      {"123456789", 0xe3069283},           {"", 0}};
  for (const auto& [bytes, crc] : known) {
    EXPECT_EQ(crc32c(bytes), crc);
    EXPECT_EQ(test::slow_crc32c(bytes), crc) << "of the tests' own reader";
  }
}

// Length, masked checksum, "abc", masked checksum.
TEST(TfRecord, RecordsHaveLengthAndChecksums) {
  const std::string record = tf_record("abc");
  ASSERT_EQ(record.size(), 8u + 4 + 3 + 4);
  EXPECT_EQ(record.substr(0, 8), std::string("\x03\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 3), "abc");
  const uint32_t crc = crc32c("abc"), masked = (crc >> 15 | crc << 17) + 0xa282ead8u;
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(static_cast<uint8_t>(record[15 + i]), masked >> (8 * i) & 0xff);
}

TEST(TfRecord, ReadingEndsAtWhatIsCutOrDamaged) {
  const std::string file = tf_record("one") + tf_record("") + tf_record("three");
  const auto all = read_tf_records(file);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].data, "one");
  EXPECT_EQ(all[1].data, "");
  EXPECT_EQ(all[2].data, "three");
  EXPECT_EQ(all[2].end, file.size());
  for (size_t size = 0; size < file.size(); ++size) {
    const auto some = read_tf_records(std::string_view(file).substr(0, size));
    EXPECT_EQ(some.size(), size < all[0].end ? 0u : size < all[1].end ? 1u : 2u) << size << " bytes";
  }
  for (size_t at = all[0].end; at < all[1].end; ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_EQ(read_tf_records(damaged).size(), 1u) << "byte " << at;
  }
}

// The examples of protobuf.dev/programming-guides/encoding.
TEST(Protobuf, EncodesAsItsDocumentationSays) {
  EXPECT_EQ(ProtobufMessage().integer(1, 150).bytes(), "\x08\x96\x01");
  EXPECT_EQ(ProtobufMessage().text(2, "testing").bytes(), "\x12\x07testing");
  EXPECT_EQ(ProtobufMessage().message(3, ProtobufMessage().integer(1, 150)).bytes(), "\x1a\x03\x08\x96\x01");
  EXPECT_EQ(ProtobufMessage().integer(1, -2).bytes(), "\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(ProtobufMessage().real(1, 1.0f).bytes(), std::string("\x0d\0\0\x80\x3f", 5));
  EXPECT_EQ(ProtobufMessage().real(1, 1.0).bytes(), std::string("\x09\0\0\0\0\0\0\xf0\x3f", 9));
}

}  // namespace
}  // namespace dgl
