#include "library.h"
#ifdef GPIOD_BIT // libgpiod 1
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const bool cgpio_is_numbered = false;
const unsigned cgpio_queue = 16;

const char *cgpio_version(void) {
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "libgpiod %s", gpiod_version_string());
    return text;
}

static void copy(char to[CGPIO_TEXT], const char *from) { snprintf(to, CGPIO_TEXT, "%s", from ? from : ""); }

unsigned library_chip_facts(struct gpiod_chip *chip, char label[CGPIO_TEXT]) {
    copy(label, gpiod_chip_label(chip));
    return gpiod_chip_num_lines(chip);
}

bool library_line_facts(struct gpiod_chip *chip, unsigned offset, library_line_info *info) {
    struct gpiod_line *line = gpiod_chip_get_line(chip, offset);
    if (!line) return false;
    copy(info->name, gpiod_line_name(line));
    copy(info->consumer, gpiod_line_consumer(line));
    return true;
}

int library_take(struct gpiod_chip *chip, const cgpio_wish *wishes, unsigned count) {
    static const int flags[] = {
        [CGPIO_AS_IS] = 0,
        [CGPIO_DISABLED] = GPIOD_LINE_REQUEST_FLAG_BIAS_DISABLE,
        [CGPIO_PULL_UP] = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP,
        [CGPIO_PULL_DOWN] = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN,
    };
    if (count != 1 || wishes->debounce_microseconds != 0) {
        errno = EOPNOTSUPP;
        return -1;
    }
    struct gpiod_line *line = gpiod_chip_get_line(chip, wishes->offset);
    if (!line || gpiod_line_request_both_edges_events_flags(line, "jouled", flags[wishes->bias]) != 0) return -1;
    // The kernel keeps the line as long as any copy of the descriptor is open.
    int descriptor = fcntl(gpiod_line_event_get_fd(line), F_DUPFD_CLOEXEC, 0);
    int code = errno;
    gpiod_line_release(line);
    errno = code;
    return descriptor;
}

int cgpio_value(int descriptor, unsigned index) {
    struct gpiohandle_data values;
    memset(&values, 0, sizeof values);
    (void)index;
    return ioctl(descriptor, GPIOHANDLE_GET_LINE_VALUES_IOCTL, &values) == 0 ? values.values[0] : -1;
}

cgpio_edges cgpio_read(int descriptor) {
    static _Thread_local struct gpioevent_data events[16];
    static _Thread_local cgpio_edge batch[16];
    long size = library_read(descriptor, events, sizeof events);
    if (size < 0) return (cgpio_edges){batch, errno == EAGAIN || errno == EINTR ? 0 : -1};
    int complete = (int)((size_t)size / sizeof *events);
    for (int i = 0; i < complete; i++) {
        batch[i].nanoseconds = events[i].timestamp;
        batch[i].is_rising = events[i].id == GPIOEVENT_EVENT_RISING_EDGE;
    }
    return (cgpio_edges){batch, complete};
}
#endif
