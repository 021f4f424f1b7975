// jouled's GPIO interface. Lines are found and requested with libgpiod 1.6 (Debian 12) or 2 (Debian 13). Their edges are read directly from
// the kernel, because neither version of the library can use a descriptor that was opened by an earlier process.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Buffer size, larger than the kernel's names, labels and consumers.
#define CGPIO_TEXT 40
// Buffer size for "/dev/" and a file name.
#define CGPIO_PATH 272

typedef enum { CGPIO_AS_IS, CGPIO_DISABLED, CGPIO_PULL_UP, CGPIO_PULL_DOWN } cgpio_bias;

// The location of a line.
typedef struct {
    char path[CGPIO_PATH], label[CGPIO_TEXT];
    // Empty if the line has no name.
    char name[CGPIO_TEXT];
    unsigned offset;
} cgpio_place;

typedef struct {
    unsigned offset;
    cgpio_bias bias;
    // A level that lasts for less time than this causes no edge; 0 reports every edge. Not supported by libgpiod 1.
    uint32_t debounce_microseconds;
} cgpio_wish;

typedef struct {
    // The time of the edge on the monotonic clock.
    uint64_t nanoseconds;
    // 1, 2, 3… per line since it was requested, also counting lost edges; 0 with libgpiod 1, which doesn't number them.
    uint64_t number;
    unsigned offset;
    bool is_rising;
} cgpio_edge;

// The library's name and version, such as `libgpiod 1.6.3`.
const char *cgpio_version(void);
// Whether several lines can be requested at once, and edges are numbered and debounced. True only with libgpiod 2.
extern const bool cgpio_is_numbered;
// The maximum number of unread edges that the kernel buffers.
extern const unsigned cgpio_queue;
// Why this thread's last call failed, as a message for the user.
const char *cgpio_problem(void);

// Finds the line with this name, on any chip.
bool cgpio_find_name(const char *name, cgpio_place *place);
// Finds a line by its offset on a chip. `chip`: the chip's device path, label or name.
bool cgpio_find_offset(const char *chip, unsigned offset, cgpio_place *place);

// Requests input lines of one chip, with both edges. Returns a kernel descriptor, which the caller must close; -1 and errno on failure.
// libgpiod 1 can request only one line at a time.
int cgpio_take(const cgpio_place *chip, const cgpio_wish *wishes, unsigned count);
// Sets `cgpio_problem` to a description of a failed `cgpio_take` of a single line.
void cgpio_complain(const cgpio_place *line, int code);

// The level (1 or 0) of the line at `index` in the request; -1 on failure.
int cgpio_value(int descriptor, unsigned index);
typedef struct {
    const cgpio_edge *first;
    // -1 if the line is gone; errno has the reason.
    int count;
} cgpio_edges;
// Reads pending edges, but at most as many as fit in the buffer. They are valid until this thread's next call.
cgpio_edges cgpio_read(int descriptor);

#pragma clang assume_nonnull end
