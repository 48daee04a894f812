// What a program has read of its file stays mapped, needed again or not: most of what an agent has
// resident are code and tables that only its start used. They are clean copies of files, so letting
// go of them costs a minor fault each when they are wanted after all, and the kernel finds them first
// when memory gets short. Nothing that was written to is touched.

#define _GNU_SOURCE
#include "program_pages.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

// Whether the loader wrote into code: such pages are no copies of a file any more.
static int has_text_relocations(const struct dl_phdr_info *object) {
  for (int index = 0; index < object->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[index];
    if (part->p_type != PT_DYNAMIC) continue;
    const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(object->dlpi_addr + part->p_vaddr);
    for (; entry->d_tag != DT_NULL; entry++) {
      if (entry->d_tag == DT_TEXTREL) return 1;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)) return 1;
    }
  }
  return 0;
}

static int let_go(struct dl_phdr_info *object, size_t size, void *context) {
  (void)size;
  (void)context;
  // The kernel's own object has no file.
  unsigned long kernel = getauxval(AT_SYSINFO_EHDR);
  if (kernel != 0 && object->dlpi_addr == kernel) return 0;
  if (has_text_relocations(object)) return 0;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int index = 0; index < object->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[index];
    if (part->p_type != PT_LOAD || (part->p_flags & PF_W)) continue;
    uintptr_t first = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
    // The last page may be shared with a part that is written to.
    uintptr_t end = (object->dlpi_addr + part->p_vaddr + part->p_filesz) & ~(page - 1);
    // Where the system refuses, they stay.
    if (first < end) madvise((void *)first, end - first, MADV_DONTNEED);
  }
  return 0;
}

void holdfast_let_go_of_program_pages(void) { dl_iterate_phdr(let_go, NULL); }
