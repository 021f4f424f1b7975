// Functions that are implemented differently for libgpiod 1 and 2. Functions that are the same in both (opening and closing a chip) are
// called directly.
#pragma once
#include "cgpio.h"
#include <gpiod.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    char name[CGPIO_TEXT];
    char consumer[CGPIO_TEXT];
} library_line_info;

unsigned library_chip_facts(struct gpiod_chip *chip, char label[CGPIO_TEXT]);
// Returns false on failure.
bool library_line_facts(struct gpiod_chip *chip, unsigned offset, library_line_info *info);
// Returns a descriptor; -1 and errno on failure.
int library_take(struct gpiod_chip *chip, const cgpio_wish *wishes, unsigned count);
// Called at every edge, so it is a raw system call, which avoids the C library's handling of thread cancellation.
static inline long library_read(int descriptor, void *events, size_t size) { return syscall(SYS_read, descriptor, events, size); }
