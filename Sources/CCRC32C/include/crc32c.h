#ifndef HOLDFAST_CRC32C_H
#define HOLDFAST_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `count` bytes, continued from `seed` (0 to begin).
/// Uses the processor's instruction where it has one; a pure function of its arguments.
uint32_t holdfast_crc32c(uint32_t seed, const void *bytes, size_t count);

/// The same by tables alone, on every architecture. Tests compare both paths.
uint32_t holdfast_crc32c_portable(uint32_t seed, const void *bytes, size_t count);

/// 1 where `holdfast_crc32c` uses an instruction of the processor, otherwise 0.
int holdfast_crc32c_is_hardware(void);

#endif
