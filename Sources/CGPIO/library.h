// Where libgpiod 1 and 2 differ. What is the same in both (opening and closing a chip) is called directly.
#pragma once
#include "cgpio.h"
#include <gpiod.h>

// Longer than the kernel's names, labels and consumers.
#define LIBRARY_TEXT 40

typedef struct {
    char name[LIBRARY_TEXT];
    char consumer[LIBRARY_TEXT];
} library_line_info;

typedef struct library_request library_request;

unsigned library_chip_facts(struct gpiod_chip *chip, char label[LIBRARY_TEXT]);
// False on failure.
bool library_line_facts(struct gpiod_chip *chip, unsigned offset, library_line_info *info);

// Both edges of an input. NULL and errno on failure.
library_request *library_request_edges(struct gpiod_chip *chip, unsigned offset, cgpio_bias bias);
void library_release(library_request *request);
int library_descriptor(library_request *request);
int library_value(library_request *request);
// Only when the descriptor is readable. -1 and errno on failure.
int library_read(library_request *request, cgpio_edge edges[CGPIO_BATCH], bool *may_have_lost);
