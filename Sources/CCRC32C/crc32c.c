#include "crc32c.h"

#include <string.h>

// Reflected Castagnoli polynomial.
#define POLYNOMIAL 0x82f63b78u

static uint32_t table[8][256];

static void build_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (POLYNOMIAL & (0u - (crc & 1u)));
    table[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int slice = 1; slice < 8; slice++)
      table[slice][i] = (table[slice - 1][i] >> 8) ^ table[0][table[slice - 1][i] & 0xff];
}

uint32_t holdfast_crc32c_portable(uint32_t seed, const void *bytes, size_t count) {
  const uint8_t *p = bytes;
  uint32_t crc = ~seed;
  while (count >= 8) {
    // Byte by byte, so that the result is the same on either byte order.
    uint32_t low = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    crc ^= low;
    crc = table[7][crc & 0xff] ^ table[6][(crc >> 8) & 0xff] ^ table[5][(crc >> 16) & 0xff] ^
          table[4][crc >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
    p += 8;
    count -= 8;
  }
  while (count--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
  return ~crc;
}

// The instruction takes eight bytes, and needs three cycles before it can go on from what it gave:
// long texts run in three lanes side by side.
#define LANE 256

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HAS_INSTRUCTION 1
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))
#define WORD(crc, word) (uint32_t)_mm_crc32_u64(crc, word)
#define BYTE(crc, byte) _mm_crc32_u8(crc, byte)
int holdfast_crc32c_is_hardware(void) { return __builtin_cpu_supports("sse4.2") != 0; }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define HAS_INSTRUCTION 1
#define WITH_INSTRUCTION
#define WORD(crc, word) __crc32cd(crc, word)
#define BYTE(crc, byte) __crc32cb(crc, byte)
int holdfast_crc32c_is_hardware(void) { return 1; }
#else
int holdfast_crc32c_is_hardware(void) { return 0; }
#endif

#ifdef HAS_INSTRUCTION

// What each byte of a checksum becomes behind LANE bytes of zeros.
static uint32_t behind_lane[4][256];

// After build_table.
static void build_lane_table(void) {
  for (int slice = 0; slice < 4; slice++) {
    for (int bit = 0; bit < 8; bit++) {
      uint32_t crc = 1u << (8 * slice + bit);
      for (int i = 0; i < LANE; i++) crc = (crc >> 8) ^ table[0][crc & 0xff];
      // The rest follows from single bits: a checksum of zeros is linear.
      for (int low = 0; low < 1 << bit; low++)
        behind_lane[slice][1 << bit | low] = crc ^ behind_lane[slice][low];
    }
  }
}

static uint32_t shifted(uint32_t crc) {
  return behind_lane[0][crc & 0xff] ^ behind_lane[1][(crc >> 8) & 0xff] ^
         behind_lane[2][(crc >> 16) & 0xff] ^ behind_lane[3][crc >> 24];
}

static uint64_t word_at(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

WITH_INSTRUCTION static uint32_t hardware(uint32_t seed, const uint8_t *p, size_t count) {
  uint32_t crc = ~seed;
  while (count >= 3 * LANE) {
    uint32_t second = 0, third = 0;
    for (size_t i = 0; i < LANE; i += 8) {
      crc = WORD(crc, word_at(p + i));
      second = WORD(second, word_at(p + LANE + i));
      third = WORD(third, word_at(p + 2 * LANE + i));
    }
    crc = shifted(shifted(crc) ^ second) ^ third;
    p += 3 * LANE;
    count -= 3 * LANE;
  }
  while (count >= 8) {
    crc = WORD(crc, word_at(p));
    p += 8;
    count -= 8;
  }
  while (count--) crc = BYTE(crc, *p++);
  return ~crc;
}

#else

static void build_lane_table(void) {}

static uint32_t hardware(uint32_t seed, const uint8_t *p, size_t count) {
  return holdfast_crc32c_portable(seed, p, count);
}

#endif

// Built at load time, before any thread of the program exists: no lock, no lazy state.
__attribute__((constructor)) static void build_tables(void) {
  build_table();
  build_lane_table();
}

uint32_t holdfast_crc32c(uint32_t seed, const void *bytes, size_t count) {
  return holdfast_crc32c_is_hardware() ? hardware(seed, bytes, count)
                                       : holdfast_crc32c_portable(seed, bytes, count);
}
