#include "library.h"
#ifndef GPIOD_BIT // libgpiod 2
#include <stdio.h>
#include <stdlib.h>

// The most that the kernel grants; more is cut down to it.
#define KERNEL_QUEUE 1024

struct library_request {
    struct gpiod_line_request *lines;
    struct gpiod_edge_event_buffer *buffer;
    unsigned offset;
};

const char *cgpio_version(void) {
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "libgpiod %s", gpiod_api_version());
    return text;
}

static void copy(char to[LIBRARY_TEXT], const char *from) { snprintf(to, LIBRARY_TEXT, "%s", from ? from : ""); }

unsigned library_chip_facts(struct gpiod_chip *chip, char label[LIBRARY_TEXT]) {
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    copy(label, info ? gpiod_chip_info_get_label(info) : "");
    if (!info) return 0;
    size_t lines = gpiod_chip_info_get_num_lines(info);
    gpiod_chip_info_free(info);
    return (unsigned)lines;
}

bool library_line_facts(struct gpiod_chip *chip, unsigned offset, library_line_info *info) {
    struct gpiod_line_info *line = gpiod_chip_get_line_info(chip, offset);
    if (!line) return false;
    copy(info->name, gpiod_line_info_get_name(line));
    copy(info->consumer, gpiod_line_info_get_consumer(line));
    gpiod_line_info_free(line);
    return true;
}

static struct gpiod_line_request *request_lines(
    struct gpiod_chip *chip, unsigned offset, struct gpiod_line_settings *settings, struct gpiod_line_config *lines,
    struct gpiod_request_config *request
) {
    if (gpiod_line_config_add_line_settings(lines, &offset, 1, settings) != 0) return NULL;
    gpiod_request_config_set_consumer(request, "jouled");
    gpiod_request_config_set_event_buffer_size(request, KERNEL_QUEUE);
    return gpiod_chip_request_lines(chip, request, lines);
}

static struct gpiod_line_request *request_with(struct gpiod_chip *chip, unsigned offset, struct gpiod_line_settings *settings) {
    struct gpiod_line_config *lines = gpiod_line_config_new();
    struct gpiod_request_config *request = gpiod_request_config_new();
    struct gpiod_line_request *granted = lines && request ? request_lines(chip, offset, settings, lines, request) : NULL;
    gpiod_request_config_free(request);
    gpiod_line_config_free(lines);
    return granted;
}

library_request *library_request_edges(struct gpiod_chip *chip, unsigned offset, cgpio_bias bias) {
    static const enum gpiod_line_bias biases[] = {
        [CGPIO_AS_IS] = GPIOD_LINE_BIAS_AS_IS,
        [CGPIO_DISABLED] = GPIOD_LINE_BIAS_DISABLED,
        [CGPIO_PULL_UP] = GPIOD_LINE_BIAS_PULL_UP,
        [CGPIO_PULL_DOWN] = GPIOD_LINE_BIAS_PULL_DOWN,
    };
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    library_request *request = calloc(1, sizeof *request);
    if (settings && request) {
        gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_INPUT);
        gpiod_line_settings_set_edge_detection(settings, GPIOD_LINE_EDGE_BOTH);
        gpiod_line_settings_set_event_clock(settings, GPIOD_LINE_CLOCK_MONOTONIC);
        gpiod_line_settings_set_bias(settings, biases[bias]);
        request->offset = offset;
        request->buffer = gpiod_edge_event_buffer_new(CGPIO_BATCH);
        if (request->buffer) request->lines = request_with(chip, offset, settings);
    }
    gpiod_line_settings_free(settings);
    if (request && request->lines) return request;
    if (request) gpiod_edge_event_buffer_free(request->buffer);
    free(request);
    return NULL;
}

void library_release(library_request *request) {
    gpiod_line_request_release(request->lines);
    gpiod_edge_event_buffer_free(request->buffer);
    free(request);
}

int library_descriptor(library_request *request) { return gpiod_line_request_get_fd(request->lines); }

int library_value(library_request *request) { return gpiod_line_request_get_value(request->lines, request->offset); }

int library_read(library_request *request, cgpio_edge edges[CGPIO_BATCH], bool *may_have_lost) {
    int count = gpiod_line_request_read_edge_events(request->lines, request->buffer, CGPIO_BATCH);
    for (int i = 0; i < count; i++) {
        struct gpiod_edge_event *event = gpiod_edge_event_buffer_get_event(request->buffer, (unsigned long)i);
        edges[i].nanoseconds = gpiod_edge_event_get_timestamp_ns(event);
        edges[i].number = gpiod_edge_event_get_line_seqno(event);
        edges[i].is_rising = gpiod_edge_event_get_event_type(event) == GPIOD_EDGE_EVENT_RISING_EDGE;
    }
    *may_have_lost = false; // the numbers say it
    return count;
}
#endif
