// Runs what of our C has a path of its own per processor; scripts/cross-c.sh builds it for others.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "program_pages.h"

static int failures;

static void expect(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "portable_c: %s\n", what);
  failures++;
}

int main(void) {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  uint8_t bytes[32];
  memset(bytes, 0, sizeof bytes);
  expect(holdfast_crc32c(0, bytes, 32) == 0x8a9136aa, "32 bytes of 0");
  memset(bytes, 0xff, sizeof bytes);
  expect(holdfast_crc32c(0, bytes, 32) == 0x62a8ab43, "32 bytes of 255");
  for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
  expect(holdfast_crc32c(0, bytes, 32) == 0x46dd794e, "32 bytes upwards");
  expect(holdfast_crc32c(0, "123456789", 9) == 0xe3069283, "123456789");

  static uint8_t text[5000];
  uint32_t noise = 1;
  for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
  for (size_t count = 0; count < sizeof text; count += 1 + count / 7) {
    // At an odd address too, and in two parts.
    uint32_t whole = holdfast_crc32c_portable(0, text + 1, count - (count != 0));
    expect(holdfast_crc32c(0, text + 1, count - (count != 0)) == whole, "the instruction and the tables");
    size_t part = count / 3;
    uint32_t first = holdfast_crc32c(0, text, part);
    expect(holdfast_crc32c(first, text + part, count - part) == holdfast_crc32c_portable(0, text, count),
           "two parts and the whole");
  }
  // What is let go of comes back.
  holdfast_let_go_of_program_pages();
  expect(holdfast_crc32c(0, "123456789", 9) == 0xe3069283, "after the program's pages went");
  printf("portable_c: %d-bit, CRC by %s, %d failures\n", (int)sizeof(void *) * 8,
         holdfast_crc32c_is_hardware() ? "instruction" : "tables", failures);
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
