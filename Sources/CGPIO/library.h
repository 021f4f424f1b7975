// Where libgpiod 1 and 2 differ. What is the same in both (opening and closing a chip) is called directly.
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
// False on failure.
bool library_line_facts(struct gpiod_chip *chip, unsigned offset, library_line_info *info);
// -1 and errno on failure.
int library_take(struct gpiod_chip *chip, const cgpio_wish *wishes, unsigned count);
// At every edge: without the C library's care for threads that are cancelled.
static inline long library_read(int descriptor, void *events, size_t size) { return syscall(SYS_read, descriptor, events, size); }
