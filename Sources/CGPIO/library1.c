#include "library.h"
#ifdef GPIOD_BIT // libgpiod 1
#include <stdio.h>

const char *cgpio_version(void) {
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "libgpiod %s", gpiod_version_string());
    return text;
}

static void copy(char to[LIBRARY_TEXT], const char *from) { snprintf(to, LIBRARY_TEXT, "%s", from ? from : ""); }

unsigned library_chip_facts(struct gpiod_chip *chip, char label[LIBRARY_TEXT]) {
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

// The line is the request: both are one object here.
static struct gpiod_line *line_of(library_request *request) { return (struct gpiod_line *)request; }

library_request *library_request_edges(struct gpiod_chip *chip, unsigned offset, cgpio_bias bias) {
    static const int flags[] = {
        [CGPIO_AS_IS] = 0,
        [CGPIO_DISABLED] = GPIOD_LINE_REQUEST_FLAG_BIAS_DISABLE,
        [CGPIO_PULL_UP] = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP,
        [CGPIO_PULL_DOWN] = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN,
    };
    struct gpiod_line *line = gpiod_chip_get_line(chip, offset);
    if (!line || gpiod_line_request_both_edges_events_flags(line, "jouled", flags[bias]) != 0) return NULL;
    return (library_request *)line;
}

void library_release(library_request *request) { gpiod_line_release(line_of(request)); }

int library_descriptor(library_request *request) { return gpiod_line_event_get_fd(line_of(request)); }

int library_value(library_request *request) { return gpiod_line_get_value(line_of(request)); }

int library_read(library_request *request, cgpio_edge edges[CGPIO_BATCH], bool *may_have_lost) {
    struct gpiod_line_event events[CGPIO_BATCH];
    int count = gpiod_line_event_read_multiple(line_of(request), events, CGPIO_BATCH);
    for (int i = 0; i < count; i++) {
        edges[i].nanoseconds = (uint64_t)events[i].ts.tv_sec * 1000000000u + (uint64_t)events[i].ts.tv_nsec;
        edges[i].number = 0;
        edges[i].is_rising = events[i].event_type == GPIOD_LINE_EVENT_RISING_EDGE;
    }
    // The queue holds 16, and drops the newest: nothing was lost when there was room.
    *may_have_lost = count == CGPIO_BATCH;
    return count;
}
#endif
