#define _GNU_SOURCE
#include "library.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

// "/dev/" and a file name.
#define PATH_TEXT 272

enum { EDGES, NODE };

struct cgpio_line {
    struct gpiod_chip *chip;
    library_request *request;
    unsigned offset;
    bool is_bias_refused;
    // Watches the chip's device node: kernel 6.1 doesn't wake who waits for edges when the chip goes. -1 where that can't be had.
    int node;
    // The request and the node as one descriptor.
    int both;
    char path[PATH_TEXT];
    char place[PATH_TEXT + 3 * LIBRARY_TEXT];
};

static _Thread_local char problem[PATH_TEXT * 3];

const char *cgpio_problem(void) { return problem; }

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
}

// Finding a line.

typedef struct {
    // The wish: a line's name, or a chip's label or name.
    const char *name, *chip;
    char path[PATH_TEXT];
    unsigned offset;
    int chips;
    bool is_found, is_ambiguous;
    char denied[PATH_TEXT];
} search;

static void found(search *search, const char *path, unsigned offset) {
    if (search->is_found) {
        complain("%s is on both %s (line %u) and %s (line %u): choose by chip and offset", search->name ? search->name : search->chip,
            search->path, search->offset, path, offset);
        search->is_ambiguous = true;
        return;
    }
    search->is_found = true;
    search->offset = offset;
    snprintf(search->path, sizeof search->path, "%s", path);
}

static void search_chip(search *search, const char *path, const char *node) {
    struct gpiod_chip *chip = gpiod_chip_open(path);
    if (!chip) {
        if (errno == EACCES || errno == EPERM) snprintf(search->denied, sizeof search->denied, "%s", path);
        return;
    }
    search->chips++;
    char label[LIBRARY_TEXT];
    unsigned lines = library_chip_facts(chip, label);
    if (search->chip && (strcmp(label, search->chip) == 0 || strcmp(node, search->chip) == 0)) found(search, path, search->offset);
    for (unsigned offset = 0; search->name && offset < lines && !search->is_ambiguous; offset++) {
        library_line_info info;
        if (library_line_facts(chip, offset, &info) && strcmp(info.name, search->name) == 0) found(search, path, offset);
    }
    gpiod_chip_close(chip);
}

static int is_chip_node(const struct dirent *entry) { return strncmp(entry->d_name, "gpiochip", 8) == 0; }

static bool search_all(search *search) {
    struct dirent **entries = NULL;
    int count = scandir("/dev", &entries, is_chip_node, versionsort);
    for (int i = 0; i < count; i++) {
        char path[PATH_TEXT];
        struct stat status;
        snprintf(path, sizeof path, "/dev/%s", entries[i]->d_name);
        // Not a link: Raspberry Pi OS gives the chip of a Pi 5 a second name.
        if (!search->is_ambiguous && lstat(path, &status) == 0 && S_ISCHR(status.st_mode)) search_chip(search, path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (search->is_ambiguous) return false;
    if (search->is_found) return true;
    if (search->denied[0])
        complain("no permission for %s: the user must be in the group gpio", search->denied);
    else if (search->chips == 0)
        complain("no GPIO chip is here (/dev/gpiochip*)");
    else if (search->name)
        complain("no line is named %s: gpioinfo shows the names", search->name);
    else
        complain("no chip is named %s: gpiodetect shows the names", search->chip);
    return false;
}

// Taking it.

static bool open_chip(cgpio_line *line) {
    line->chip = gpiod_chip_open(line->path);
    if (line->chip) return true;
    switch (errno) {
    case ENOENT: complain("%s is not there: gpiodetect shows the chips", line->path); break;
    case EACCES:
    case EPERM: complain("no permission for %s: the user must be in the group gpio", line->path); break;
    case ENOTTY:
    case ENODEV: complain("%s is no GPIO chip", line->path); break;
    default: complain("open %s: %s", line->path, strerror(errno));
    }
    return false;
}

static bool describe(cgpio_line *line, library_line_info *info) {
    char label[LIBRARY_TEXT];
    unsigned lines = library_chip_facts(line->chip, label);
    if (line->offset >= lines || !library_line_facts(line->chip, line->offset, info)) {
        complain("%s (%s) has %u lines, counted from 0: there is no line %u", line->path, label, lines, line->offset);
        return false;
    }
    if (info->name[0])
        snprintf(line->place, sizeof line->place, "%s (line %u of %s, %s)", info->name, line->offset, line->path, label);
    else
        snprintf(line->place, sizeof line->place, "line %u of %s (%s)", line->offset, line->path, label);
    return true;
}

static bool request_edges(cgpio_line *line, cgpio_bias bias, const library_line_info *info) {
    line->request = library_request_edges(line->chip, line->offset, bias);
    if (!line->request && bias != CGPIO_AS_IS && errno != EBUSY && errno != EPERM && errno != ENODEV) {
        line->request = library_request_edges(line->chip, line->offset, CGPIO_AS_IS);
        line->is_bias_refused = line->request != NULL;
    }
    if (line->request) return true;
    if (errno == EBUSY)
        complain("%s is in use by %s", line->place, info->consumer[0] ? info->consumer : "another program");
    else if (errno == ENXIO || errno == EOPNOTSUPP)
        complain("%s can't report edges: %s", line->place, strerror(errno));
    else
        complain("request %s: %s", line->place, strerror(errno));
    return false;
}

static bool watch(cgpio_line *line) {
    line->node = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    // IN_ATTRIB: while the chip is open its node loses only its name.
    if (line->node >= 0 && inotify_add_watch(line->node, line->path, IN_ATTRIB | IN_DELETE_SELF) < 0) {
        close(line->node);
        line->node = -1;
    }
    line->both = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event edges = {.events = EPOLLIN, .data.u32 = EDGES};
    struct epoll_event node = {.events = EPOLLIN, .data.u32 = NODE};
    bool is_watched = line->both >= 0 && epoll_ctl(line->both, EPOLL_CTL_ADD, library_descriptor(line->request), &edges) == 0
        && (line->node < 0 || epoll_ctl(line->both, EPOLL_CTL_ADD, line->node, &node) == 0);
    if (!is_watched) complain("epoll: %s", strerror(errno));
    return is_watched;
}

static cgpio_line *open_found(const char *path, unsigned offset, cgpio_bias bias) {
    library_line_info info;
    cgpio_line *line = calloc(1, sizeof *line);
    if (!line) {
        complain("out of memory");
        return NULL;
    }
    line->node = line->both = -1;
    line->offset = offset;
    snprintf(line->path, sizeof line->path, "%s", path);
    if (open_chip(line) && describe(line, &info) && request_edges(line, bias, &info) && watch(line)) return line;
    cgpio_close(line);
    return NULL;
}

cgpio_line *cgpio_open_name(const char *name, cgpio_bias bias) {
    search search = {.name = name};
    return search_all(&search) ? open_found(search.path, search.offset, bias) : NULL;
}

cgpio_line *cgpio_open_offset(const char *chip, unsigned offset, cgpio_bias bias) {
    if (chip[0] == '/') return open_found(chip, offset, bias);
    search search = {.chip = chip, .offset = offset};
    return search_all(&search) ? open_found(search.path, offset, bias) : NULL;
}

void cgpio_close(cgpio_line *line) {
    if (line->both >= 0) close(line->both);
    if (line->node >= 0) close(line->node);
    if (line->request) library_release(line->request);
    if (line->chip) gpiod_chip_close(line->chip);
    free(line);
}

const char *cgpio_place(const cgpio_line *line) { return line->place; }

bool cgpio_is_bias_refused(const cgpio_line *line) { return line->is_bias_refused; }

int cgpio_value(cgpio_line *line) {
    int value = library_value(line->request);
    if (value < 0) complain("%s can't be read: %s", line->place, strerror(errno));
    return value;
}

// Reading.

int cgpio_descriptor(const cgpio_line *line) { return line->both; }

static int gone(const cgpio_line *line) {
    complain("%s is gone: was it unplugged?", line->place);
    return -1;
}

// Asked when the chip's device node changed.
static bool is_chip_there(const cgpio_line *line) {
    struct pollfd edges = {.fd = library_descriptor(line->request), .events = POLLIN};
    if (poll(&edges, 1, 0) > 0 && edges.revents & (POLLERR | POLLHUP | POLLNVAL)) return false;
    return access(line->path, F_OK) == 0;
}

int cgpio_read(cgpio_line *line, cgpio_edge edges[CGPIO_BATCH], bool *may_have_lost) {
    struct epoll_event ready[2];
    *may_have_lost = false;
    int count = epoll_wait(line->both, ready, 2, 0);
    for (int i = 0; i < count; i++) {
        if (ready[i].data.u32 != EDGES) continue;
        if (!(ready[i].events & EPOLLIN)) return gone(line);
        int edge_count = library_read(line->request, edges, may_have_lost);
        if (edge_count >= 0) return edge_count;
        return errno == EAGAIN || errno == EINTR ? 0 : gone(line);
    }
    if (count <= 0) return 0;
    // Left unread when the chip is gone, so that the next call says it again.
    if (!is_chip_there(line)) return gone(line);
    char changes[sizeof(struct inotify_event) * 16];
    while (read(line->node, changes, sizeof changes) > 0) {}
    return 0;
}
