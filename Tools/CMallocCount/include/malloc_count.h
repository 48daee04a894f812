// Counts what is allocated: a program that links this calls the C library's allocator through it.
#ifndef MALLOC_COUNT_H
#define MALLOC_COUNT_H
#include <stdint.h>

/// How often this thread has asked for memory: malloc, calloc, realloc and what aligns.
uint64_t malloc_count(void);

#endif
