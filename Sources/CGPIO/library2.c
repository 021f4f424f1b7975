#include "library.h"
#ifndef GPIOD_BIT // libgpiod 2
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

const bool cgpio_is_numbered = true;
// The kernel's maximum; larger requests are reduced to it.
const unsigned cgpio_queue = 1024;

const char *cgpio_version(void) {
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "libgpiod %s", gpiod_api_version());
    return text;
}

static void copy(char to[CGPIO_TEXT], const char *from) { snprintf(to, CGPIO_TEXT, "%s", from ? from : ""); }

unsigned library_chip_facts(struct gpiod_chip *chip, char label[CGPIO_TEXT]) {
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

static bool add(struct gpiod_line_config *lines, struct gpiod_line_settings *settings, const cgpio_wish *wish) {
    static const enum gpiod_line_bias biases[] = {
        [CGPIO_AS_IS] = GPIOD_LINE_BIAS_AS_IS,
        [CGPIO_DISABLED] = GPIOD_LINE_BIAS_DISABLED,
        [CGPIO_PULL_UP] = GPIOD_LINE_BIAS_PULL_UP,
        [CGPIO_PULL_DOWN] = GPIOD_LINE_BIAS_PULL_DOWN,
    };
    gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_INPUT);
    gpiod_line_settings_set_edge_detection(settings, GPIOD_LINE_EDGE_BOTH);
    gpiod_line_settings_set_event_clock(settings, GPIOD_LINE_CLOCK_MONOTONIC);
    gpiod_line_settings_set_bias(settings, biases[wish->bias]);
    gpiod_line_settings_set_debounce_period_us(settings, wish->debounce_microseconds);
    return gpiod_line_config_add_line_settings(lines, &wish->offset, 1, settings) == 0;
}

static int request(
    struct gpiod_chip *chip, struct gpiod_request_config *config, struct gpiod_line_config *lines, struct gpiod_line_settings *settings,
    const cgpio_wish *wishes, unsigned count
) {
    for (unsigned i = 0; i < count; i++)
        if (!add(lines, settings, &wishes[i])) return -1;
    gpiod_request_config_set_consumer(config, "jouled");
    gpiod_request_config_set_event_buffer_size(config, cgpio_queue);
    struct gpiod_line_request *granted = gpiod_chip_request_lines(chip, config, lines);
    if (!granted) return -1;
    // The kernel keeps the lines as long as any copy of the descriptor is open.
    int descriptor = fcntl(gpiod_line_request_get_fd(granted), F_DUPFD_CLOEXEC, 0);
    gpiod_line_request_release(granted);
    return descriptor;
}

int library_take(struct gpiod_chip *chip, const cgpio_wish *wishes, unsigned count) {
    struct gpiod_request_config *config = gpiod_request_config_new();
    struct gpiod_line_config *lines = gpiod_line_config_new();
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    int descriptor = config && lines && settings ? request(chip, config, lines, settings, wishes, count) : -1;
    int code = errno;
    gpiod_line_settings_free(settings);
    gpiod_line_config_free(lines);
    gpiod_request_config_free(config);
    errno = code;
    return descriptor;
}

int cgpio_value(int descriptor, unsigned index) {
    struct gpio_v2_line_values values = {.mask = UINT64_C(1) << index};
    if (ioctl(descriptor, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) != 0) return -1;
    return values.bits >> index & 1;
}

cgpio_edges cgpio_read(int descriptor) {
    static _Thread_local struct gpio_v2_line_event events[64];
    static _Thread_local cgpio_edge batch[64];
    long size = library_read(descriptor, events, sizeof events);
    if (size < 0) return (cgpio_edges){batch, errno == EAGAIN || errno == EINTR ? 0 : -1};
    int complete = (int)((size_t)size / sizeof *events);
    for (int i = 0; i < complete; i++)
        batch[i] = (cgpio_edge){
            .nanoseconds = events[i].timestamp_ns,
            .number = events[i].line_seqno,
            .offset = events[i].offset,
            .is_rising = events[i].id == GPIO_V2_LINE_EVENT_RISING_EDGE,
        };
    return (cgpio_edges){batch, complete};
}
#endif
