// What jouled needs of GPIO, in its own words. Lines are found and taken by libgpiod 1.6 (Debian 12) or 2 (Debian 13). Their edges are
// read from the kernel as they are: a descriptor that outlived the process that asked for it is one that no library knows.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Longer than the kernel's names, labels and consumers.
#define CGPIO_TEXT 40
// "/dev/" and a file name.
#define CGPIO_PATH 272

typedef enum { CGPIO_AS_IS, CGPIO_DISABLED, CGPIO_PULL_UP, CGPIO_PULL_DOWN } cgpio_bias;

// Where a line is.
typedef struct {
    char path[CGPIO_PATH], label[CGPIO_TEXT];
    // Empty when it has none.
    char name[CGPIO_TEXT];
    unsigned offset;
} cgpio_place;

typedef struct {
    unsigned offset;
    cgpio_bias bias;
    // Levels that are shorter make no edge; 0 for every edge. libgpiod 1 can't have it.
    uint32_t debounce_microseconds;
} cgpio_wish;

typedef struct {
    // On the monotonic clock.
    uint64_t nanoseconds;
    // 1, 2, 3… of its line since it was taken, also for edges that were lost; 0 with libgpiod 1, which doesn't number them.
    uint64_t number;
    unsigned offset;
    bool is_rising;
} cgpio_edge;

// `libgpiod 1.6.3`.
const char *cgpio_version(void);
// Lines are taken several at once, their edges are numbered and debounced: libgpiod 2.
extern const bool cgpio_is_numbered;
// The most edges that the kernel keeps for who does not read.
extern const unsigned cgpio_queue;
// Why the last call of this thread failed, for the person who wired it.
const char *cgpio_problem(void);

// The line of that name, on whichever chip.
bool cgpio_find_name(const char *name, cgpio_place *place);
// A line of a chip: its device path, its label or its name.
bool cgpio_find_offset(const char *chip, unsigned offset, cgpio_place *place);

// Both edges of inputs of one chip, as they are wished: a descriptor of the kernel, which is the caller's to close; -1 and errno on failure.
// Without libgpiod 2 one line at a time.
int cgpio_take(const cgpio_place *chip, const cgpio_wish *wishes, unsigned count);
// Puts the failure of `cgpio_take` for a single line into words.
void cgpio_complain(const cgpio_place *line, int code);

// 1 or 0 for the line that was wished at `index`; -1 on failure.
int cgpio_value(int descriptor, unsigned index);
typedef struct {
    const cgpio_edge *first;
    // -1: the line is gone, and errno says how.
    int count;
} cgpio_edges;
// The edges that wait, without waiting for any: not more than it has room for, so there may be more. They are there until this thread calls
// it again.
cgpio_edges cgpio_read(int descriptor);

#pragma clang assume_nonnull end
