#include "crc32c.h"

#include <string.h>

// Reflected Castagnoli polynomial.
#define POLYNOMIAL 0x82f63b78u

static uint32_t table[8][256];

// Built at load time, before any thread of the program exists: no lock, no lazy state.
__attribute__((constructor)) static void build_table(void) {
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

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t hardware(uint32_t seed, const uint8_t *p,
                                                           size_t count) {
  uint64_t crc = (uint32_t)~seed;
  while (count >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = _mm_crc32_u64(crc, word);
    p += 8;
    count -= 8;
  }
  while (count--) crc = _mm_crc32_u8((uint32_t)crc, *p++);
  return ~(uint32_t)crc;
}

int holdfast_crc32c_is_hardware(void) { return __builtin_cpu_supports("sse4.2") != 0; }

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

static uint32_t hardware(uint32_t seed, const uint8_t *p, size_t count) {
  uint32_t crc = ~seed;
  while (count >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = __crc32cd(crc, word);
    p += 8;
    count -= 8;
  }
  while (count--) crc = __crc32cb(crc, *p++);
  return ~crc;
}

int holdfast_crc32c_is_hardware(void) { return 1; }

#else

static uint32_t hardware(uint32_t seed, const uint8_t *p, size_t count) {
  return holdfast_crc32c_portable(seed, p, count);
}

int holdfast_crc32c_is_hardware(void) { return 0; }

#endif

uint32_t holdfast_crc32c(uint32_t seed, const void *bytes, size_t count) {
  return holdfast_crc32c_is_hardware() ? hardware(seed, bytes, count)
                                       : holdfast_crc32c_portable(seed, bytes, count);
}
