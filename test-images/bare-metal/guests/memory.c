/*
 * Checks that RAM is where the memory map says: writes a different word to the start and the end of
 * every range, then reads all of them, so that ranges that share memory are found too.
 *
 * Prints each range and "memory ok, N MiB", or the error, and exits with 0 or 1.
 */
#include "runtime.h"

#define MAX_WORDS 64
#define PATTERN 0x5aa5c33c00000000ull

static u64 *word_at(u64 physical) {
  return map_window(0, physical);
}

/* A word must not cross the end of the 2 MiB that a window maps. */
static u64 aligned_inside(u64 start, u64 size, bool last) {
  return last ? (start + size - 8) & ~7ull : (start + 7) & ~7ull;
}

static void print_range(const struct memory_range *range) {
  print("range ");
  print_hex(range->start);
  print(" size ");
  print_hex(range->size);
  print(" type ");
  print_decimal(range->type);
  print("\n");
}

int guest_main(void) {
  static u64 address[MAX_WORDS], saved[MAX_WORDS];
  unsigned words = 0;
  unsigned wrong = 0;
  u64 total = 0;

  for (u32 i = 0; i < memory_map_entries; i++) {
    const struct memory_range *range = &memory_map[i];
    print_range(range);
    if (range->type != MEMORY_RAM || range->size < 16 || words + 2 > MAX_WORDS) {
      continue;
    }
    total += range->size;
    address[words++] = aligned_inside(range->start, range->size, false);
    address[words++] = aligned_inside(range->start, range->size, true);
  }
  /* The first word of RAM may be in use, so all words are restored before anything is printed. */
  for (unsigned i = 0; i < words; i++) {
    saved[i] = *word_at(address[i]);
    *word_at(address[i]) = PATTERN + i;
  }
  u64 found[MAX_WORDS];
  for (unsigned i = 0; i < words; i++) {
    found[i] = *word_at(address[i]);
  }
  for (unsigned i = words; i-- > 0;) {
    *word_at(address[i]) = saved[i];
  }
  for (unsigned i = 0; i < words; i++) {
    if (found[i] != PATTERN + i) {
      wrong++;
      print("wrong at ");
      print_hex(address[i]);
      print(": ");
      print_hex(found[i]);
      print("\n");
    }
  }
  if (words == 0 || wrong) {
    print("memory wrong\n");
    return 1;
  }
  print("memory ok, ");
  print_decimal(total >> 20);
  print(" MiB\n");
  return 0;
}
