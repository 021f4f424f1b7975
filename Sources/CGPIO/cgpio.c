#define _GNU_SOURCE
#include "library.h"
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static _Thread_local char problem[CGPIO_PATH * 3];

const char *cgpio_problem(void) { return problem; }

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
}

// Finding a line

typedef struct {
    // The request: a line's name, or a chip's label or name.
    const char *name, *chip;
    char path[CGPIO_PATH];
    unsigned offset;
    int chips;
    bool is_found, is_ambiguous;
    char denied[CGPIO_PATH];
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
    char label[CGPIO_TEXT];
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
        char path[CGPIO_PATH];
        struct stat status;
        snprintf(path, sizeof path, "/dev/%s", entries[i]->d_name);
        // Symbolic links are skipped: Raspberry Pi OS links to the chip of a Pi 5 under a second name.
        if (!search->is_ambiguous && lstat(path, &status) == 0 && S_ISCHR(status.st_mode)) search_chip(search, path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (search->is_ambiguous) return false;
    if (search->is_found) return true;
    if (search->denied[0])
        complain("no permission for %s: the user must be in the group gpio", search->denied);
    else if (search->chips == 0)
        complain("there is no GPIO chip (/dev/gpiochip*)");
    else if (search->name)
        complain("no line named %s: gpioinfo shows the names", search->name);
    else
        complain("no chip named %s: gpiodetect shows the names", search->chip);
    return false;
}

// Resolving a line to its location

static struct gpiod_chip *open_chip(const char *path) {
    struct gpiod_chip *chip = gpiod_chip_open(path);
    if (chip) return chip;
    switch (errno) {
    case ENOENT: complain("%s is not there: gpiodetect shows the chips", path); break;
    case EACCES:
    case EPERM: complain("no permission for %s: the user must be in the group gpio", path); break;
    case ENOTTY:
    case ENODEV: complain("%s is not a GPIO chip", path); break;
    default: complain("open %s: %s", path, strerror(errno));
    }
    return NULL;
}

static bool describe(const char *path, unsigned offset, cgpio_place *place) {
    library_line_info info;
    struct gpiod_chip *chip = open_chip(path);
    if (!chip) return false;
    memset(place, 0, sizeof *place);
    unsigned lines = library_chip_facts(chip, place->label);
    bool is_there = offset < lines && library_line_facts(chip, offset, &info);
    gpiod_chip_close(chip);
    if (!is_there) {
        complain("%s (%s) has %u lines, counted from 0: there is no line %u", path, place->label, lines, offset);
        return false;
    }
    snprintf(place->path, sizeof place->path, "%s", path);
    snprintf(place->name, sizeof place->name, "%s", info.name);
    place->offset = offset;
    return true;
}

bool cgpio_find_name(const char *name, cgpio_place *place) {
    search search = {.name = name};
    return search_all(&search) && describe(search.path, search.offset, place);
}

bool cgpio_find_offset(const char *chip, unsigned offset, cgpio_place *place) {
    if (chip[0] == '/') return describe(chip, offset, place);
    search search = {.chip = chip, .offset = offset};
    return search_all(&search) && describe(search.path, offset, place);
}

// Requesting lines

int cgpio_take(const cgpio_place *place, const cgpio_wish *wishes, unsigned count) {
    struct gpiod_chip *chip = gpiod_chip_open(place->path);
    if (!chip) return -1;
    int descriptor = library_take(chip, wishes, count);
    int code = errno;
    gpiod_chip_close(chip);
    errno = code;
    return descriptor;
}

static void find_consumer(const cgpio_place *line, library_line_info *info) {
    struct gpiod_chip *chip = gpiod_chip_open(line->path);
    if (!chip) return;
    if (!library_line_facts(chip, line->offset, info)) info->consumer[0] = 0;
    gpiod_chip_close(chip);
}

void cgpio_complain(const cgpio_place *line, int code) {
    library_line_info info = {.consumer = ""};
    char place[sizeof *line + CGPIO_TEXT];
    if (line->name[0])
        snprintf(place, sizeof place, "%s (line %u of %s, %s)", line->name, line->offset, line->path, line->label);
    else
        snprintf(place, sizeof place, "line %u of %s (%s)", line->offset, line->path, line->label);
    switch (code) {
    case EBUSY:
        find_consumer(line, &info);
        complain("%s is in use by %s", place, info.consumer[0] ? info.consumer : "another program");
        break;
    case ENXIO:
    case EOPNOTSUPP: complain("%s can't report edges: %s", place, strerror(code)); break;
    default: complain("request %s: %s", place, strerror(code));
    }
}
