// Preloaded into jouled: GPIO lines on a machine without any, replacing libgpiod 1. The chip is a folder, its lines are FIFOs named 0, 1…
// in it. Events are written into a FIFO in the kernel's format.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gpiod.h>
#include <linux/gpio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES 8

struct gpiod_line {
    char path[280], name[16];
    int descriptor;
};

struct gpiod_chip {
    struct gpiod_line lines[LINES];
};

struct gpiod_chip *gpiod_chip_open(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) return NULL;
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTTY;
        return NULL;
    }
    struct gpiod_chip *chip = calloc(1, sizeof *chip);
    for (int i = 0; chip && i < LINES; i++) {
        snprintf(chip->lines[i].path, sizeof chip->lines[i].path, "%.256s/%d", path, i);
        snprintf(chip->lines[i].name, sizeof chip->lines[i].name, "LINE%d", i);
        chip->lines[i].descriptor = -1;
    }
    return chip;
}

void gpiod_chip_close(struct gpiod_chip *chip) { free(chip); }
const char *gpiod_chip_label(struct gpiod_chip *chip) { return (void)chip, "virtual"; }
unsigned gpiod_chip_num_lines(struct gpiod_chip *chip) { return (void)chip, LINES; }
struct gpiod_line *gpiod_chip_get_line(struct gpiod_chip *chip, unsigned offset) { return &chip->lines[offset]; }
const char *gpiod_line_name(struct gpiod_line *line) { return line->name; }
const char *gpiod_line_consumer(struct gpiod_line *line) { return (void)line, NULL; }

int gpiod_line_request_both_edges_events_flags(struct gpiod_line *line, const char *consumer, int flags) {
    (void)consumer, (void)flags;
    // Opened for writing too: a FIFO without a writer returns end of file.
    line->descriptor = open(line->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return line->descriptor < 0 ? -1 : 0;
}

int gpiod_line_event_get_fd(struct gpiod_line *line) { return line->descriptor; }
void gpiod_line_release(struct gpiod_line *line) { close(line->descriptor); }

// Called when no edge is pending: every pulse is over then.
int ioctl(int descriptor, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request == GPIOHANDLE_GET_LINE_VALUES_IOCTL) {
        ((struct gpiohandle_data *)argument)->values[0] = 1;
        return 0;
    }
    if (!real) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return real(descriptor, request, argument);
}
