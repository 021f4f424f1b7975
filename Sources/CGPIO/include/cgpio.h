// What jouled needs of GPIO, in its own words; behind it libgpiod 1.6 (Debian 12) or 2 (Debian 13).
#pragma once
#include <stdbool.h>
#include <stdint.h>

// The most edges of one `cgpio_read`: as many as the kernel keeps for libgpiod 1.
#define CGPIO_BATCH 16

typedef enum { CGPIO_AS_IS, CGPIO_DISABLED, CGPIO_PULL_UP, CGPIO_PULL_DOWN } cgpio_bias;

typedef struct {
    // On the monotonic clock.
    uint64_t nanoseconds;
    // 1, 2, 3… since the line was opened, also for edges that were lost; 0 with libgpiod 1, which doesn't number them.
    uint64_t number;
    bool is_rising;
} cgpio_edge;

// An input line whose edges are watched.
typedef struct cgpio_line cgpio_line;

// `libgpiod 1.6.3`.
const char *cgpio_version(void);
// Why the last call of this thread failed, for the person who wired it.
const char *cgpio_problem(void);

// The line of that name, on whichever chip. NULL on failure.
cgpio_line *cgpio_open_name(const char *name, cgpio_bias bias);
// A line of a chip: its device path, its label or its name. NULL on failure.
cgpio_line *cgpio_open_offset(const char *chip, unsigned offset, cgpio_bias bias);
void cgpio_close(cgpio_line *line);

// `GPIO17 (line 17 of /dev/gpiochip0, pinctrl-bcm2711)`.
const char *cgpio_place(const cgpio_line *line);
// The kernel would not set the bias: the line was taken with the one it has.
bool cgpio_is_bias_refused(const cgpio_line *line);
// 1 or 0; -1 on failure.
int cgpio_value(cgpio_line *line);

// Readable when there are edges, and when the chip goes.
int cgpio_descriptor(const cgpio_line *line);
// The edges that wait, at most a batch, without waiting for any; -1 when the line is gone.
// `may_have_lost`: the kernel's queue was full, and what came after these edges may not have been kept. Only libgpiod 1 needs it.
int cgpio_read(cgpio_line *line, cgpio_edge edges[CGPIO_BATCH], bool *may_have_lost);
